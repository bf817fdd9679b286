//! How alike the occurrences of a word are, exact over all their pairs.

use std::collections::BTreeMap;

use isoscope_plugin_sdk::prelude::*;

use crate::keys::Keys;
use crate::summary::Summary;
use crate::unit_sum::{UnitSum, directed};

const BASELINE: &str = "grouped.baseline_avg_cosine";
const MEAN: &str = "grouped.self_similarity_mean";
const ADJUSTED: &str = "grouped.self_similarity_adjusted";
const GROUPS: &str = "grouped.self_similarity_groups";
const SMALL: &str = "grouped.self_similarity_small_groups";
const ZERO: &str = "grouped.self_similarity_zero_rows";
const SAME: &[Invariance] = &[Invariance::Rotation, Invariance::Scale, Invariance::Permutation];

params! {
    /// Parameters of self-similarity.
    pub struct SelfSimilarityParams {
        /// Column whose values are the groups; by default the word that a row is an occurrence of.
        group: String = "word";
        /// Fewest rows with a direction that a group must have to count; at least 2.
        min_count: u64 = 5;
    }
}

/// The mean cosine between the rows of a group, averaged over groups.
pub struct SelfSimilarity {
    params: SelfSimilarityParams,
}

/// Sums of unit vectors, one a group.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub struct SelfSimilarityState {
    zero_rows: u64,
    /// Rows that belong to no group; they count in the baseline.
    ungrouped: UnitSum,
    groups: BTreeMap<String, UnitSum>,
}

impl Op for SelfSimilarity {
    const META: OpMeta = OpMeta {
        id: "grouped.self_similarity",
        kind: Kind::Metric,
        version: 1,
        needs: Needs::Rows,
        columns: &["$group"],
        outputs: &[
            Output::scalar(BASELINE).range("[-1, 1]").better(Better::Lower).invariant(SAME),
            Output::scalar(MEAN).range("[-1, 1]").invariant(SAME),
            Output::scalar(ADJUSTED).range("[-2, 2]").invariant(SAME),
            Output::scalar(GROUPS).unit("groups").range("0..").invariant(SAME),
            Output::scalar(SMALL).unit("groups").range("0..").invariant(SAME),
            Output::scalar(ZERO).unit("rows").range("0..=n").invariant(SAME),
        ],
        doc: "Mean cosine between the occurrences of a word, over all pairs of distinct occurrences and then over the words \
              that have enough of them, each word weighing the same. 1 means that a word has one vector in every context. \
              baseline_avg_cosine is the mean cosine over all pairs of rows, grouped or not, and self_similarity_adjusted \
              the difference, which takes the common direction of the space out. Rows of norm 0 are left out and counted; \
              groups with fewer rows than min_count are counted as small. Exact, from d sums a group.",
        formula: "\\frac{1}{G} \\sum_w \\frac{\\|s_w\\|^2 - m_w}{m_w (m_w - 1)} - \\frac{\\|s\\|^2 - m}{m (m - 1)}, \\quad \
                  s_w = \\sum_{i \\in w} x_i / \\|x_i\\|, \\quad s = \\sum_i x_i / \\|x_i\\|",
        reference: "Ethayarajh 2019 (EMNLP-IJCNLP), definition 1. The published code leaves punctuation out and estimates the \
                    baseline from sampled pairs of words; here every row that has a key counts, and the baseline is exact.",
        ..OpMeta::DEFAULT
    };
    type Params = SelfSimilarityParams;
    type Model = ();
    type State = SelfSimilarityState;

    fn open(params: SelfSimilarityParams, _: &Input, _: &Host) -> Result<Self> {
        at_least_two(params.min_count)?;
        Ok(Self { params })
    }

    fn begin(&self, (): &(), _pass: u32) -> Result<SelfSimilarityState> {
        Ok(SelfSimilarityState::default())
    }

    fn update(&self, (): &(), state: &mut SelfSimilarityState, batch: &Batch<'_>) -> Result<()> {
        let keys = Keys::read(batch, &self.params.group)?;
        for (i, row) in batch.rows().rows().into_iter().enumerate() {
            let sum = match keys.get(i) {
                Some(key) => state.groups.entry(key.into_owned()).or_default(),
                None => &mut state.ungrouped,
            };
            match directed(row) {
                Some(norm) => sum.add(row, norm),
                None => state.zero_rows += 1,
            }
        }
        Ok(())
    }

    fn merge(&self, (): &(), state: &mut SelfSimilarityState, other: SelfSimilarityState) -> Result<()> {
        state.zero_rows += other.zero_rows;
        state.ungrouped.merge(&other.ungrouped)?;
        for (key, sum) in other.groups {
            state.groups.entry(key).or_default().merge(&sum)?;
        }
        Ok(())
    }

    fn finish(&self, (): &(), state: SelfSimilarityState, out: &mut Out<'_>) -> Result<Next<()>> {
        let (mut all, mut similarity) = (state.ungrouped.clone(), Summary::default());
        for sum in state.groups.values() {
            all.merge(sum)?;
            if sum.rows() >= self.params.min_count {
                similarity.add(sum.mean_cosine().unwrap_or_default(), sum.rows());
            }
        }
        out.set_n(all.rows());
        write_baseline(BASELINE, &all, out)?;
        let SelfSimilarityParams { group, min_count } = &self.params;
        let without = format!("no group of the column \"{group}\" has {min_count} rows with a direction");
        similarity.write(MEAN, &without, out)?;
        write_adjusted(ADJUSTED, &similarity, &without, &all, out)?;
        out.set_n(all.rows() + state.zero_rows);
        out.value(GROUPS, similarity.groups() as f64)?;
        out.value(SMALL, (state.groups.len() - similarity.groups()) as f64)?;
        out.value(ZERO, state.zero_rows as f64)?;
        Ok(Next::Done(()))
    }
}

/// Refuses a least number of rows for which no pair exists.
pub(crate) fn at_least_two(min_count: u64) -> Result<()> {
    if min_count < 2 {
        return Err(Error::Invalid(format!("parameter \"min_count\" must be at least 2, got {min_count}")));
    }
    Ok(())
}

/// Why there is no mean cosine over all rows.
const FEW_ROWS: &str = "fewer than 2 rows have a direction";

fn write_baseline(id: &str, all: &UnitSum, out: &mut Out<'_>) -> Result<()> {
    match all.mean_cosine() {
        Some(baseline) => out.value(id, baseline),
        None => out.null(id, FEW_ROWS),
    }
}

/// Writes a mean over groups minus the mean cosine over all rows, or why one of them is not defined.
pub(crate) fn write_adjusted(
    id: &str,
    similarity: &Summary,
    without: &str,
    all: &UnitSum,
    out: &mut Out<'_>,
) -> Result<()> {
    match (similarity.mean(), all.mean_cosine()) {
        (Some(mean), Some(baseline)) => out.value(id, mean - baseline),
        (None, _) => out.null(id, without),
        (_, None) => out.null(id, FEW_ROWS),
    }
}
