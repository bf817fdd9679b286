//! How much of the occurrences of a word one direction explains.

use std::collections::BTreeMap;

use isoscope_plugin_sdk::prelude::*;
use ndarray::Axis;

use crate::draw::{Lowest, hash_key, hash_row};
use crate::keys::{Keys, row_ids};
use crate::self_similarity::at_least_two;
use crate::summary::Summary;

const MEAN: &str = "grouped.mev_mean";
const CENTERED: &str = "grouped.mev_mean_centered";
const BASELINE: &str = "grouped.mev_baseline_all_tokens";
const GROUPS: &str = "grouped.mev_groups";
const SMALL: &str = "grouped.mev_small_groups";
const CONSTANT: &str = "grouped.mev_constant_groups";
const SAME: &[Invariance] = &[Invariance::Rotation, Invariance::Scale, Invariance::Permutation];
const SAME_CENTERED: &[Invariance] =
    &[Invariance::Rotation, Invariance::Translation, Invariance::Scale, Invariance::Permutation];

/// Share of the sum of squares about the mean up to which it is rounding error: the rows are equal.
const EQUAL_ROWS: f64 = 1e-24;

params! {
    /// Parameters of maximum explainable variance.
    pub struct MevParams {
        /// Column whose values are the groups; by default the word that a row is an occurrence of.
        group: String = "word";
        /// Fewest rows that a group must have to count; at least 2.
        min_count: u64 = 5;
        /// Most rows of a group that are used, drawn by a hash of seed and row; all when there are fewer.
        occurrences: u64 = 100;
        /// Most groups that are used, drawn by a hash of seed and key; all when there are fewer.
        groups: u64 = 500;
    }
}

/// The share of the first singular direction of the rows of a group, averaged over groups.
pub struct Mev {
    params: MevParams,
    seed: u64,
    linalg: Linalg,
}

/// After the rows are counted: the groups that are used, each with the highest hash of its rows that are.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub struct MevModel {
    chosen: Option<BTreeMap<String, u64>>,
    small: u64,
}

/// Counts and hashes in the first pass over the rows, the rows that are used in the second.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub struct MevState {
    n: u64,
    counted: BTreeMap<String, Counted>,
    rows: BTreeMap<String, Vec<(u64, Vec<f64>)>>,
}

#[derive(Debug, Clone, Serialize, Deserialize)]
struct Counted {
    rows: u64,
    hashes: Lowest<()>,
}

impl Op for Mev {
    const META: OpMeta = OpMeta {
        id: "grouped.mev",
        kind: Kind::Metric,
        version: 1,
        needs: Needs::MomentsThenRows,
        parts: &[Part::Second],
        columns: &["$group"],
        outputs: &[
            Output::scalar(MEAN).range("(0, 1]").invariant(SAME),
            Output::scalar(CENTERED).range("(0, 1]").invariant(SAME_CENTERED),
            Output::scalar(BASELINE).range("(0, 1]").better(Better::Lower).invariant(SAME),
            Output::scalar(GROUPS).unit("groups").range("0..").invariant(SAME),
            Output::scalar(SMALL).unit("groups").range("0..").invariant(SAME),
            Output::scalar(CONSTANT).unit("groups").range("0..").invariant(SAME_CENTERED),
        ],
        doc: "Maximum explainable variance: the share of the sum of squares of the occurrences of a word that lies along \
              their first singular direction, averaged over the words that have enough of them. It bounds how well one \
              static vector could stand for the word. mev_mean takes the occurrences as they are, mev_mean_centered minus \
              their mean; mev_baseline_all_tokens is the share of the first direction of all rows as they are. At most \
              `occurrences` rows of a group and at most `groups` groups are used, drawn by a hash, so the value of a frequent \
              word is that of a sample; a group of m rows has a value of at least 1/m, and fewer rows give higher ones. Rows \
              of norm 0 are kept. Groups whose rows are all equal, counted as constant, have no centred value, and none at \
              all when they are zero.",
        formula: "\\frac{1}{G} \\sum_w \\frac{\\sigma_1^2(X_w)}{\\sum_k \\sigma_k^2(X_w)}",
        reference: "Ethayarajh 2019 (EMNLP-IJCNLP), definition 3, which is the uncentred mev_mean. The published code takes the \
                    explained variance of a PCA, which centres: mev_mean_centered; and for its baseline a truncated SVD whose \
                    explained variance ratio is a third quantity, not reported here.",
        ..OpMeta::DEFAULT
    };
    const HAS_MEASURE: bool = true;
    type Params = MevParams;
    type Model = MevModel;
    type State = MevState;

    fn open(params: MevParams, input: &Input, host: &Host) -> Result<Self> {
        at_least_two(params.min_count)?;
        if params.occurrences < params.min_count || params.groups == 0 {
            return Err(Error::invalid(
                "parameter \"occurrences\" must be at least \"min_count\", and \"groups\" at least 1",
            ));
        }
        Ok(Self { params, seed: input.seed, linalg: host.linalg() })
    }

    fn measure(&self, m: &Moments<'_>, out: &mut Out<'_>) -> Result<Next<MevModel>> {
        let total = m.mean_squared_norm() * m.n() as f64;
        if !total.is_finite() {
            out.null(
                BASELINE,
                "the rows are too large: the sum of their squares is beyond the range of 64-bit numbers",
            )?;
        } else if total > 0.0 {
            out.value(BASELINE, (m.second_moment_eigen()?.values[0] / total).min(1.0))?;
        } else {
            out.null(BASELINE, "there are no rows, or all are zero")?;
        }
        Ok(Next::Again(MevModel::default()))
    }

    fn begin(&self, _: &MevModel, _pass: u32) -> Result<MevState> {
        Ok(MevState::default())
    }

    fn update(&self, model: &MevModel, state: &mut MevState, batch: &Batch<'_>) -> Result<()> {
        let keys = Keys::read(batch, &self.params.group)?;
        state.n += batch.len() as u64;
        for (i, (row, id)) in batch.rows().rows().into_iter().zip(row_ids(batch)).enumerate() {
            let Some(key) = keys.get(i) else { continue };
            let hash = hash_row(self.seed, id);
            match &model.chosen {
                None => {
                    let most = self.params.occurrences as usize;
                    let new = || Counted { rows: 0, hashes: Lowest::new(most) };
                    let counted = state.counted.entry(key.into_owned()).or_insert_with(new);
                    counted.rows += 1;
                    counted.hashes.give(hash, ());
                }
                Some(chosen) if chosen.get(key.as_ref()).is_some_and(|last| hash <= *last) => {
                    state.rows.entry(key.into_owned()).or_default().push((hash, row.to_vec()));
                }
                Some(_) => {}
            }
        }
        Ok(())
    }

    fn merge(&self, _: &MevModel, state: &mut MevState, other: MevState) -> Result<()> {
        state.n += other.n;
        for (key, more) in other.counted {
            match state.counted.get_mut(&key) {
                None => {
                    state.counted.insert(key, more);
                }
                Some(mine) => {
                    mine.rows += more.rows;
                    mine.hashes.merge(more.hashes);
                }
            }
        }
        for (key, rows) in other.rows {
            state.rows.entry(key).or_default().extend(rows);
        }
        Ok(())
    }

    fn finish(&self, model: &MevModel, state: MevState, out: &mut Out<'_>) -> Result<Next<MevModel>> {
        if model.chosen.is_none() {
            return Ok(Next::Again(self.choose(state)));
        }
        self.report(model, state, out)?;
        Ok(Next::Done(MevModel::default()))
    }
}

impl Mev {
    /// Chooses the groups that are used, and the rows of each.
    fn choose(&self, state: MevState) -> MevModel {
        let (enough, small): (Vec<_>, Vec<_>) =
            state.counted.into_iter().partition(|(_, counted)| counted.rows >= self.params.min_count);
        let mut drawn = Lowest::new(self.params.groups as usize);
        for (key, counted) in enough {
            drawn.give(hash_key(self.seed, &key), (key, counted));
        }
        let last = |counted: Counted| counted.hashes.finish().last().map_or(0, |(hash, ())| *hash);
        let chosen = drawn.finish().into_iter().map(|(_, (key, counted))| (key, last(counted)));
        MevModel { chosen: Some(chosen.collect()), small: small.len() as u64 }
    }

    fn report(&self, model: &MevModel, state: MevState, out: &mut Out<'_>) -> Result<()> {
        let (mut plain, mut centred, mut constant) = (Summary::default(), Summary::default(), 0_u32);
        for mut kept in state.rows.into_values() {
            // In order of the hashes the bits do not depend on how the rows were cut.
            kept.sort_unstable_by_key(|(hash, _)| *hash);
            let mut rows = stack(&kept)?;
            let (n, total) = (kept.len() as u64, sum_of_squares(&rows));
            if let Some(share) = self.first_share(&rows, 0.0)? {
                plain.add(share, n);
            }
            if let Some(mean) = rows.mean_axis(Axis(0)) {
                rows -= &mean;
            }
            match self.first_share(&rows, EQUAL_ROWS * total)? {
                Some(share) => centred.add(share, n),
                None => constant += 1,
            }
        }
        let MevParams { group, min_count, .. } = &self.params;
        let without =
            format!("no group of the column \"{group}\" has {min_count} rows that are not all zero");
        plain.write(MEAN, &without, out)?;
        let without =
            format!("no group of the column \"{group}\" has {min_count} rows that are not all equal");
        centred.write(CENTERED, &without, out)?;
        out.set_n(state.n);
        out.value(GROUPS, plain.groups() as f64)?;
        out.value(SMALL, model.small as f64)?;
        out.value(CONSTANT, f64::from(constant))
    }

    /// Computes σ₁² / Σσ² of some rows; `None` when the sum is at most `floor`.
    fn first_share(&self, rows: &Array2<f64>, floor: f64) -> Result<Option<f64>> {
        let total = sum_of_squares(rows);
        if total <= floor {
            return Ok(None);
        }
        // The smaller of the two products has the same eigenvalues but for zeros.
        let product = if rows.nrows() <= rows.ncols() {
            self.linalg.matmul(rows.view(), rows.t())?
        } else {
            self.linalg.matmul(rows.t(), rows.view())?
        };
        let (values, _) = self.linalg.eigh(product.view())?;
        Ok(Some((values[0] / total).min(1.0)))
    }
}

fn sum_of_squares(rows: &Array2<f64>) -> f64 {
    rows.iter().map(|x| x * x).sum()
}

fn stack(kept: &[(u64, Vec<f64>)]) -> Result<Array2<f64>> {
    let width = kept.first().map_or(0, |(_, row)| row.len());
    let numbers: Vec<f64> = kept.iter().flat_map(|(_, row)| row.iter().copied()).collect();
    Array2::from_shape_vec((kept.len(), width), numbers)
        .map_err(|_| Error::invalid("rows of different widths do not merge"))
}
