//! Alignment of positive pairs: sentences that people judge similar.

use std::collections::BTreeMap;

use isoscope_plugin_sdk::prelude::*;

use crate::cosines::unit;
use crate::sampled_cosine::mean_with_error;

const PAIRS: &str = "pairs.alignment_pairs";
const SKIPPED: &str = "pairs.alignment_skipped_pairs";

params! {
    /// What counts as a positive pair.
    pub struct AlignmentParams {
        /// Pairs of a gold similarity above this are positive.
        threshold: f64 = 4.0;
    }
}

/// The mean squared distance between the directions of two sentences of a positive pair.
pub struct Alignment {
    threshold: f64,
}

/// A positive pair and the squared distance of its directions.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct PositivePair {
    pair: i64,
    square: f64,
}

/// The positive pairs seen so far.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct AlignmentState {
    positive: Vec<PositivePair>,
    /// Pairs without a gold score, or positive without two directions.
    skipped: Vec<i64>,
    /// Pairs that are not positive; kept to see a pair that comes in two pieces.
    others: Vec<i64>,
}

/// The rows of one pair within a batch.
#[derive(Default)]
struct OpenPair {
    /// Sums of the rows of the even and of the odd sentence, whose directions are those of the means.
    sums: [Option<Array1<f64>>; 2],
    gold: Option<f64>,
}

impl OpenPair {
    /// Computes the squared distance between the directions, when both sentences have one.
    fn square(&self) -> Option<f64> {
        let [Some(a), Some(b)] = &self.sums else { return None };
        let (a, b) = (unit(a.view())?, unit(b.view())?);
        Some(a.iter().zip(&b).map(|(a, b)| (a - b) * (a - b)).sum())
    }
}

impl Op for Alignment {
    const META: OpMeta = OpMeta {
        id: "pairs.alignment",
        kind: Kind::Evaluation,
        version: 1,
        needs: Needs::Rows,
        columns: &["sentence", "gold"],
        outputs: &[
            Output::scalar("pairs.alignment_gold_gt*")
                .range("[0, 4]")
                .better(Better::Lower)
                .invariant(&[Invariance::Rotation, Invariance::Scale]),
            Output::scalar(PAIRS).unit("pairs").range("0..").better(Better::Neither),
            Output::scalar(SKIPPED).unit("pairs").range("0..").better(Better::Lower),
        ],
        doc: "Alignment loss at alpha = 2: mean squared distance between the unit vectors of the two mean-pooled sentences of \
              a positive pair, over all pairs whose gold similarity is above the threshold, with its standard error. \
              Sentences 2p and 2p + 1 form pair p. Skipped and counted are pairs without a gold score, and positive pairs \
              with a sentence that has no rows or pools to zero.",
        formula: "\\frac{1}{m} \\sum_{p : g_p > 4} \\|\\hat u_{2p} - \\hat u_{2p+1}\\|^2, \\quad \
                  \\hat u_s = \\bar x_s / \\|\\bar x_s\\|",
        reference: "Wang & Isola 2020 (ICML), eq. 2; Gao et al. 2021 (SimCSE), positive pairs of STS-B with gold above 4",
        ..OpMeta::DEFAULT
    };
    type Params = AlignmentParams;
    type Model = ();
    type State = AlignmentState;

    fn open(params: AlignmentParams, _: &Input, _: &Host) -> Result<Self> {
        if !params.threshold.is_finite() {
            return Err(Error::invalid("parameter \"threshold\" must be a finite number"));
        }
        Ok(Self { threshold: params.threshold })
    }

    fn begin(&self, (): &(), _pass: u32) -> Result<AlignmentState> {
        Ok(AlignmentState::default())
    }

    fn update(&self, (): &(), state: &mut AlignmentState, batch: &Batch<'_>) -> Result<()> {
        let sentences = batch.i64s("sentence")?;
        let gold = batch.f64s("gold")?;
        let mut open: BTreeMap<i64, OpenPair> = BTreeMap::new();
        for (i, row) in batch.rows().rows().into_iter().enumerate() {
            // Rows outside any sentence are no part of a pair.
            let Some(sentence) = sentences.get(i) else { continue };
            let pair = open.entry(sentence.div_euclid(2)).or_default();
            match &mut pair.sums[usize::from(sentence.rem_euclid(2) == 1)] {
                Some(sum) => *sum += &row,
                empty => *empty = Some(row.to_owned()),
            }
            pair.gold = pair.gold.or_else(|| gold.get(i).filter(|gold| gold.is_finite()));
        }
        for (pair, rows) in open {
            match (rows.gold, rows.square()) {
                (Some(gold), _) if gold <= self.threshold => state.others.push(pair),
                (Some(_), Some(square)) => state.positive.push(PositivePair { pair, square }),
                _ => state.skipped.push(pair),
            }
        }
        Ok(())
    }

    fn merge(&self, (): &(), state: &mut AlignmentState, other: AlignmentState) -> Result<()> {
        state.positive.extend(other.positive);
        state.skipped.extend(other.skipped);
        state.others.extend(other.others);
        Ok(())
    }

    fn finish(&self, (): &(), mut state: AlignmentState, out: &mut Out<'_>) -> Result<Next<()>> {
        refuse_split_pairs(&state)?;
        // In order of the pairs the sums do not depend on how the rows were cut.
        state.positive.sort_unstable_by_key(|positive| positive.pair);
        let squares: Vec<f64> = state.positive.iter().map(|positive| positive.square).collect();
        let id = format!("pairs.alignment_gold_gt{}", self.threshold);
        out.set_n(squares.len() as u64);
        match mean_with_error(&squares) {
            Some((mean, error)) => out.value_with_error(&id, mean, error)?,
            None => out.null(&id, &format!("no pair has a gold similarity above {}", self.threshold))?,
        }
        out.value(PAIRS, squares.len() as f64)?;
        out.value(SKIPPED, state.skipped.len() as f64)?;
        Ok(Next::Done(()))
    }
}

/// Refuses a pair that came in two pieces: the rows of a pair must be in one batch.
fn refuse_split_pairs(state: &AlignmentState) -> Result<()> {
    let positive = state.positive.iter().map(|positive| positive.pair);
    let mut pairs: Vec<i64> =
        positive.chain(state.skipped.iter().copied()).chain(state.others.iter().copied()).collect();
    pairs.sort_unstable();
    match pairs.windows(2).find(|pair| pair[0] == pair[1]) {
        Some(pair) => Err(Error::Failed(format!(
            "the rows of sentence pair {} came in more than one batch; both sentences of a pair must be in the same one",
            pair[0]
        ))),
        None => Ok(()),
    }
}
