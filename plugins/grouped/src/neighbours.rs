//! How many of the nearest neighbours of a row belong to its group.

use std::collections::BTreeMap;

use isoscope_plugin_sdk::prelude::*;
use ndarray::Axis;

use crate::distances::Distances;
use crate::sample_groups::{Grouped, find};

const LEFT_OUT: &str = "grouped.neighbour_rows_left_out";
const SAME: &[Invariance] =
    &[Invariance::Rotation, Invariance::Translation, Invariance::Scale, Invariance::Permutation];

params! {
    /// Parameters of the neighbours of the same group.
    pub struct NeighbourParams {
        /// Column whose values are the groups; by default the word that a row is an occurrence of.
        group: String = "word";
        /// Nearest neighbours of a row.
        k: u64 = 5;
        /// Column whose values the neighbours of a row must share with it, e.g. word when the groups are structures; empty for
        /// all rows.
        within: String = "";
        /// Most rows of the sample.
        rows: u64 = 5000;
    }
}

/// The share of the k nearest neighbours that belong to the group of the row.
pub struct SameGroupNeighbours {
    params: NeighbourParams,
    k: usize,
    linalg: Linalg,
}

/// Neighbours of the same group, and how many chance would give.
#[derive(Default)]
struct Found {
    rows: u64,
    same: u64,
    /// Sum over rows of the share of the other rows that are of the same group.
    chance: f64,
}

impl SampleMetric for SameGroupNeighbours {
    const META: OpMeta = OpMeta {
        id: "grouped.neighbours",
        kind: Kind::Metric,
        version: 1,
        needs: Needs::Sample,
        columns: &["$group", "$within"],
        outputs: &[
            Output::scalar("grouped.knn*").range("[0, 1]").invariant(SAME),
            Output::scalar(LEFT_OUT).unit("rows").range("0..=n").invariant(SAME),
        ],
        doc: "Share of the k nearest Euclidean neighbours of a row, itself aside, that belong to its group: \
              grouped.knn5_same_word for k = 5 and the words as groups, grouped.knn5_same_sentence for the sentences. The \
              same id with _chance is the share that neighbours drawn at random would have. With `within`, neighbours are \
              searched only among the rows that share the value of that column. Distances that are equal go to the earlier \
              row. In a sample of the rows the members of a group are fewer, so values of samples of different sizes do not \
              compare. Rows without a key, and those with no more than k candidates, are left out and counted.",
        formula: "\\frac{1}{n k} \\sum_i \\#\\{j \\in N_k(i) : g_j = g_i\\}, \\quad \
                  \\text{chance } \\frac{1}{n} \\sum_i \\frac{m_{g_i} - 1}{n - 1}",
        reference: "Rajaee & Pilehvar 2021 (ACL), who look at the neighbours of one frequent word and ask whether they share the \
                    structure of the sentence (200 groups of 6 sentences of Ravfogel et al. 2020): group = the structure, \
                    within = word. They do not state k; 5 is the size of a group less 1.",
        ..OpMeta::DEFAULT
    };
    type Params = NeighbourParams;

    fn open(params: NeighbourParams, _: &Input, linalg: Linalg) -> Result<Self> {
        if params.k == 0 {
            return Err(Error::invalid("parameter \"k\" must be at least 1"));
        }
        Ok(Self { k: params.k as usize, params, linalg })
    }

    fn measure(&self, sample: &Sample, out: &mut Out<'_>) -> Result<()> {
        let id = format!("grouped.knn{}_same_{}", self.k, self.params.group);
        let chance = format!("{id}_chance");
        let mut found = Found::default();
        let mut reason = format!("no row has more than {} other rows with a key to compare with", self.k - 1);
        match find(sample, &self.params.group, &self.params.within)? {
            Ok(grouped) => {
                for part in grouped.parts.iter().filter(|part| part.len() > self.k) {
                    self.search(sample, &grouped, part, &mut found)?;
                }
            }
            Err(absent) => reason = absent,
        }
        out.set_n(found.rows);
        if found.rows == 0 {
            out.null(&id, &reason)?;
            out.null(&chance, &reason)?;
        } else {
            let rows = found.rows as f64;
            out.value(&id, found.same as f64 / (rows * self.k as f64))?;
            out.value(&chance, found.chance / rows)?;
        }
        out.set_n(sample.len() as u64);
        out.value(LEFT_OUT, (sample.len() as u64 - found.rows) as f64)
    }
}

impl SameGroupNeighbours {
    /// Counts the neighbours of the same group among the rows of a part.
    fn search(&self, sample: &Sample, grouped: &Grouped, part: &[usize], found: &mut Found) -> Result<()> {
        let groups: Vec<Option<usize>> = part.iter().map(|i| grouped.group[*i]).collect();
        let mut sizes: BTreeMap<Option<usize>, u64> = BTreeMap::new();
        for group in &groups {
            *sizes.entry(*group).or_default() += 1;
        }
        let distances = Distances::new(sample.rows().select(Axis(0), part));
        let mut others = Vec::with_capacity(part.len());
        distances.each(self.linalg, |i, squares| {
            others.clear();
            others.extend(squares.iter().copied().enumerate().filter(|(j, _)| *j != i));
            let near = nearest(&mut others, self.k, distances.rounding(i), |j| distances.exact(i, j));
            found.same += near.iter().filter(|(j, _)| groups[*j] == groups[i]).count() as u64;
            found.chance += (sizes[&groups[i]] - 1) as f64 / (part.len() - 1) as f64;
            found.rows += 1;
        })
    }
}

/// Finds the k nearest of more than k - 1 others, whose squared distances are known up to `rounding`. What rounding cannot
/// tell apart is decided by `exact`, and by the order of the rows where that is equal too.
fn nearest(
    others: &mut Vec<(usize, f64)>,
    k: usize,
    rounding: f64,
    exact: impl Fn(usize) -> f64,
) -> &[(usize, f64)] {
    let order = |a: &(usize, f64), b: &(usize, f64)| a.1.total_cmp(&b.1).then(a.0.cmp(&b.0));
    let (_, last, _) = others.select_nth_unstable_by(k - 1, order);
    let limit = last.1 + 2.0 * rounding;
    others.retain(|(_, distance)| *distance <= limit);
    if others.len() > k {
        for (j, distance) in others.iter_mut() {
            *distance = exact(*j);
        }
        others.sort_unstable_by(order);
    }
    &others[..k]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_rounding_cannot_tell_apart_is_decided_exactly() {
        let exact = [4.0, 1.0 + 1e-15, 1.0, 1.0, 9.0];
        let mut rounded: Vec<(usize, f64)> =
            [4.0, 1.0 - 1e-14, 1.0, 1.0 + 1e-14, 9.0].into_iter().enumerate().collect();
        let found: Vec<usize> =
            nearest(&mut rounded, 2, 1e-13, |j| exact[j]).iter().map(|(j, _)| *j).collect();
        assert_eq!(found, vec![2, 3]);
    }
}
