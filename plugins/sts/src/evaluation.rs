//! Semantic textual similarity: how well the cosine of mean-pooled sentences orders pairs as people do.

use std::collections::BTreeMap;

use isoscope_plugin_sdk::prelude::*;

use crate::correlation::{pearson, spearman, varies};

/// Fewest pairs for which a correlation is reported.
const LEAST_PAIRS: usize = 3;

/// The evaluation against gold similarities. Sentences 2p and 2p + 1 form pair p.
pub struct Sts;

/// One pair that was scored.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ScoredPair {
    pair: i64,
    cosine: f64,
    gold: f64,
}

/// The pairs seen so far.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct StsState {
    n: u64,
    scored: Vec<ScoredPair>,
    /// Pairs that could not be scored.
    skipped: Vec<i64>,
}

/// The rows of one pair within a batch.
#[derive(Default)]
struct OpenPair {
    /// Sums of the rows of the even and of the odd sentence; the cosine of sums is that of means.
    sums: [Option<Array1<f64>>; 2],
    gold: Option<f64>,
}

impl OpenPair {
    /// Computes the cosine of the two sentences, when both have rows and a direction, and the gold score is known.
    fn score(&self) -> Option<(f64, f64)> {
        let [Some(a), Some(b)] = &self.sums else { return None };
        let norms = inner(a, a).sqrt() * inner(b, b).sqrt();
        let gold = self.gold?;
        (norms > 0.0 && norms.is_finite()).then(|| ((inner(a, b) / norms).clamp(-1.0, 1.0), gold))
    }
}

impl Op for Sts {
    const META: OpMeta = OpMeta {
        id: "sts",
        kind: Kind::Evaluation,
        version: 1,
        needs: Needs::Rows,
        columns: &["sentence", "gold"],
        outputs: &[
            Output::scalar("sts.spearman")
                .unit("correlation x 100")
                .range("[-100, 100]")
                .better(Better::Higher)
                .invariant(&[Invariance::Rotation, Invariance::Scale]),
            Output::scalar("sts.pearson")
                .unit("correlation x 100")
                .range("[-100, 100]")
                .better(Better::Higher)
                .invariant(&[Invariance::Rotation, Invariance::Scale]),
            Output::scalar("sts.pairs").unit("pairs").range("0..").better(Better::Neither),
            Output::scalar("sts.skipped_pairs").unit("pairs").range("0..").better(Better::Lower),
        ],
        doc: "Correlation, times 100, between the cosine of the two mean-pooled sentences of a pair and the gold \
              similarity. Sentences 2p and 2p + 1 form pair p; the rows are tokens, words or whole sentences. A pair is \
              skipped and counted when a sentence has no rows or pools to zero, or when the gold score is missing.",
        formula: "100 \\, \\rho(\\cos(\\bar x_{2p}, \\bar x_{2p+1}), g_p)",
        reference: "Cer et al. 2017 (SemEval, STS benchmark); Rajaee & Pilehvar 2021 (ACL), section 4",
        ..OpMeta::DEFAULT
    };
    type Params = NoParams;
    type Model = ();
    type State = StsState;

    fn open(_: NoParams, _: &Input, _: &Host) -> Result<Self> {
        Ok(Self)
    }

    fn begin(&self, (): &(), _pass: u32) -> Result<StsState> {
        Ok(StsState::default())
    }

    fn update(&self, (): &(), state: &mut StsState, batch: &Batch<'_>) -> Result<()> {
        let sentences = batch.i64s("sentence")?;
        let gold = batch.f64s("gold")?;
        let mut open: BTreeMap<i64, OpenPair> = BTreeMap::new();
        for (i, row) in batch.rows().rows().into_iter().enumerate() {
            // Rows outside any sentence are no part of a pair.
            let Some(sentence) = sentences.get(i) else { continue };
            let half = usize::from(sentence.rem_euclid(2) == 1);
            let pair = open.entry(sentence.div_euclid(2)).or_default();
            match &mut pair.sums[half] {
                Some(sum) => *sum += &row,
                empty => *empty = Some(row.to_owned()),
            }
            pair.gold = pair.gold.or_else(|| gold.get(i).filter(|g| g.is_finite()));
        }
        state.n += batch.len() as u64;
        for (pair, rows) in open {
            match rows.score() {
                Some((cosine, gold)) => state.scored.push(ScoredPair { pair, cosine, gold }),
                None => state.skipped.push(pair),
            }
        }
        Ok(())
    }

    fn merge(&self, (): &(), state: &mut StsState, other: StsState) -> Result<()> {
        state.n += other.n;
        state.scored.extend(other.scored);
        state.skipped.extend(other.skipped);
        Ok(())
    }

    fn finish(&self, (): &(), mut state: StsState, out: &mut Out<'_>) -> Result<Next<()>> {
        refuse_split_pairs(&state)?;
        // In order of the pairs the sums below do not depend on how the rows were cut.
        state.scored.sort_unstable_by_key(|p| p.pair);
        let cosines: Vec<f64> = state.scored.iter().map(|p| p.cosine).collect();
        let gold: Vec<f64> = state.scored.iter().map(|p| p.gold).collect();
        out.set_n(cosines.len() as u64);
        for (id, correlation) in
            [("sts.spearman", spearman as fn(&[f64], &[f64]) -> Option<f64>), ("sts.pearson", pearson)]
        {
            match correlation(&cosines, &gold) {
                _ if cosines.len() < LEAST_PAIRS => out.null(id, "fewer than 3 pairs could be scored")?,
                Some(value) => out.value(id, 100.0 * value)?,
                None if varies(&cosines) => out.null(id, "all gold scores are equal")?,
                None => out.null(id, "all cosines are equal")?,
            }
        }
        out.value("sts.pairs", cosines.len() as f64)?;
        out.value("sts.skipped_pairs", state.skipped.len() as f64)?;
        Ok(Next::Done(()))
    }
}

/// Computes the inner product.
fn inner(a: &Array1<f64>, b: &Array1<f64>) -> f64 {
    a.iter().zip(b).map(|(a, b)| a * b).sum()
}

/// Refuses a pair that came in two pieces: the rows of a pair must be in one batch.
fn refuse_split_pairs(state: &StsState) -> Result<()> {
    let mut pairs: Vec<i64> =
        state.scored.iter().map(|p| p.pair).chain(state.skipped.iter().copied()).collect();
    pairs.sort_unstable();
    match pairs.windows(2).find(|w| w[0] == w[1]) {
        Some(w) => Err(Error::Failed(format!(
            "the rows of sentence pair {} came in more than one batch; both sentences of a pair must be in the same one",
            w[0]
        ))),
        None => Ok(()),
    }
}
