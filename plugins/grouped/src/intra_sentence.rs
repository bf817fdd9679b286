//! How far the rows of a sentence point where their mean points.

use std::collections::BTreeMap;

use isoscope_plugin_sdk::prelude::*;

use crate::self_similarity::write_adjusted;
use crate::summary::Summary;
use crate::unit_sum::{UnitSum, directed};

const SIMILARITY: &str = "grouped.intra_sentence_similarity";
const ADJUSTED: &str = "grouped.intra_sentence_adjusted";
const SENTENCES: &str = "grouped.intra_sentence_sentences";
const UNDEFINED: &str = "grouped.intra_sentence_undefined";
const ZERO: &str = "grouped.intra_sentence_zero_rows";
const SAME: &[Invariance] = &[Invariance::Rotation, Invariance::Scale, Invariance::Permutation];

/// Norm of the sum of a sentence, relative to the sum of the norms, up to which it is rounding error and has no direction.
const CANCELLED: f64 = 1e-13;

/// The mean cosine between a row and the mean of its sentence, averaged over sentences.
pub struct IntraSentence;

/// The sentences seen so far, and the unit vectors of all rows.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub struct IntraSentenceState {
    zero_rows: u64,
    all: UnitSum,
    /// Sentence, its rows with a direction, and their mean cosine with the sentence mean where that has a direction.
    sentences: Vec<(i64, u64, Option<f64>)>,
}

/// The rows of one sentence within a batch.
#[derive(Default)]
struct OpenSentence {
    rows: u64,
    norms: f64,
    sum: Vec<f64>,
    units: Vec<f64>,
}

impl OpenSentence {
    fn add(&mut self, row: ArrayView1<'_, f64>, norm: f64) {
        self.rows += 1;
        self.norms += norm;
        self.sum.resize(row.len(), 0.0);
        self.units.resize(row.len(), 0.0);
        for ((sum, unit), x) in self.sum.iter_mut().zip(&mut self.units).zip(row) {
            *sum += x;
            *unit += x / norm;
        }
    }

    /// Computes the mean cosine of the rows with their mean: the cosine with the sum is the same.
    fn similarity(&self) -> Option<f64> {
        let norm = self.sum.iter().map(|x| x * x).sum::<f64>().sqrt();
        let inner: f64 = self.sum.iter().zip(&self.units).map(|(a, b)| a * b).sum();
        (norm > CANCELLED * self.norms).then(|| (inner / norm / self.rows as f64).clamp(-1.0, 1.0))
    }
}

impl Op for IntraSentence {
    const META: OpMeta = OpMeta {
        id: "grouped.intra_sentence",
        kind: Kind::Metric,
        version: 1,
        needs: Needs::Rows,
        columns: &["sentence"],
        outputs: &[
            Output::scalar(SIMILARITY).range("[-1, 1]").invariant(SAME),
            Output::scalar(ADJUSTED).range("[-2, 2]").invariant(SAME),
            Output::scalar(SENTENCES).unit("sentences").range("0..").invariant(SAME),
            Output::scalar(UNDEFINED).unit("sentences").range("0..").invariant(SAME),
            Output::scalar(ZERO).unit("rows").range("0..=n").invariant(SAME),
        ],
        doc: "Mean cosine between the rows of a sentence and their mean vector, averaged over sentences, each weighing the \
              same; intra_sentence_adjusted subtracts the mean cosine over all pairs of rows. A sentence of one row counts \
              with 1, as in the definition. Rows of norm 0 are left out and counted; a sentence whose rows are all zero, or \
              cancel to zero, is counted as undefined. Rows without a sentence count in the baseline alone.",
        formula: "\\frac{1}{S} \\sum_s \\frac{1}{n_s} \\sum_{i \\in s} \\cos(x_i, \\bar x_s)",
        reference: "Ethayarajh 2019 (EMNLP-IJCNLP), definition 2. The published code estimates the baseline from sampled \
                    pairs of words; here it is exact.",
        ..OpMeta::DEFAULT
    };
    type Params = NoParams;
    type Model = ();
    type State = IntraSentenceState;

    fn open(_: NoParams, _: &Input, _: &Host) -> Result<Self> {
        Ok(Self)
    }

    fn begin(&self, (): &(), _pass: u32) -> Result<IntraSentenceState> {
        Ok(IntraSentenceState::default())
    }

    fn update(&self, (): &(), state: &mut IntraSentenceState, batch: &Batch<'_>) -> Result<()> {
        let column = batch.i64s("sentence")?;
        let mut open: BTreeMap<i64, OpenSentence> = BTreeMap::new();
        for (i, row) in batch.rows().rows().into_iter().enumerate() {
            let sentence = column.get(i).map(|sentence| open.entry(sentence).or_default());
            let Some(norm) = directed(row) else {
                state.zero_rows += 1;
                continue;
            };
            match sentence {
                Some(sentence) => sentence.add(row, norm),
                None => state.all.add(row, norm),
            }
        }
        for (sentence, rows) in open {
            state.all.merge(&UnitSum::of(rows.rows, &rows.units))?;
            state.sentences.push((sentence, rows.rows, rows.similarity()));
        }
        Ok(())
    }

    fn merge(&self, (): &(), state: &mut IntraSentenceState, other: IntraSentenceState) -> Result<()> {
        state.zero_rows += other.zero_rows;
        state.sentences.extend(other.sentences);
        state.all.merge(&other.all)
    }

    fn finish(&self, (): &(), mut state: IntraSentenceState, out: &mut Out<'_>) -> Result<Next<()>> {
        // In order of the sentences the sums below do not depend on how the rows were cut.
        state.sentences.sort_unstable_by_key(|(sentence, _, _)| *sentence);
        refuse_split_sentences(&state.sentences)?;
        let mut similarity = Summary::default();
        for (_, rows, value) in &state.sentences {
            if let Some(value) = value {
                similarity.add(*value, *rows);
            }
        }
        let without = "no sentence has a mean with a direction";
        similarity.write(SIMILARITY, without, out)?;
        write_adjusted(ADJUSTED, &similarity, without, &state.all, out)?;
        out.set_n(state.all.rows() + state.zero_rows);
        out.value(SENTENCES, similarity.groups() as f64)?;
        out.value(UNDEFINED, (state.sentences.len() - similarity.groups()) as f64)?;
        out.value(ZERO, state.zero_rows as f64)?;
        Ok(Next::Done(()))
    }
}

/// Refuses a sentence that came in two pieces: its mean is known only where all its rows are.
fn refuse_split_sentences(sorted: &[(i64, u64, Option<f64>)]) -> Result<()> {
    match sorted.windows(2).find(|pair| pair[0].0 == pair[1].0) {
        Some(pair) => Err(Error::Failed(format!(
            "the rows of sentence {} came in more than one batch; all rows of a sentence must be in the same one",
            pair[0].0
        ))),
        None => Ok(()),
    }
}
