//! How far rows lie apart that share their word, an attribute, or both.

use std::collections::BTreeMap;

use isoscope_plugin_sdk::prelude::*;
use ndarray::Axis;

use crate::distances::Distances;
use crate::sample_groups::{Grouped, find, numbered};

const DISTANCE: &str = "grouped.attr_distance";
const PARTS: [&str; 3] = ["same_word_same_attr", "same_word_diff_attr", "diff_word_same_attr"];
const LEFT_OUT: &str = "grouped.attr_rows_left_out";

params! {
    /// Parameters of the distances by word and attribute.
    pub struct AttributeDistanceParams {
        /// Column whose values play the word, e.g. the sense of a verb.
        group: String = "word";
        /// Column whose values play the attribute, e.g. the tense of a verb.
        attribute: String = "label";
        /// Column whose values the two rows of a pair must share, e.g. the verb; empty for all pairs.
        within: String = "";
        /// Fewest rows that a group must have (inside its value of `within`) to be compared.
        min_count: u64 = 1;
        /// Most rows of the sample.
        rows: u64 = 5000;
    }
}

/// Mean Euclidean distances of pairs by what the two rows share.
pub struct AttributeDistance {
    params: AttributeDistanceParams,
    linalg: Linalg,
}

/// Number and sum of the distances of one relation.
#[derive(Clone, Copy, Default)]
struct Tally {
    pairs: u64,
    sum: f64,
}

impl SampleMetric for AttributeDistance {
    const META: OpMeta = OpMeta {
        id: "grouped.attribute_distance",
        kind: Kind::Metric,
        version: 1,
        needs: Needs::Sample,
        columns: &["$group", "$attribute", "$within"],
        outputs: &[
            Output::object(DISTANCE).range("[0, inf)").invariant(&[
                Invariance::Rotation,
                Invariance::Translation,
                Invariance::Permutation,
            ]),
            Output::scalar(LEFT_OUT).unit("rows").range("0..=n").invariant(&[
                Invariance::Rotation,
                Invariance::Translation,
                Invariance::Scale,
                Invariance::Permutation,
            ]),
        ],
        doc: "Mean Euclidean distance between two rows, pooled over the pairs of a sample, by what they share: the group and the \
              attribute (same_word_same_attr), the group alone (same_word_diff_attr), the attribute alone \
              (diff_word_same_attr). The parts keep the name \"word\" whatever column the groups come from. Rows without a key \
              in one of the columns, or whose group has fewer than min_count rows, are left out and counted.",
        formula: "\\frac{1}{|P_r|} \\sum_{(i, j) \\in P_r} \\|x_i - x_j\\|, \\quad P_r \\text{ the pairs } i < j \\text{ of relation } r",
        reference: "Rajaee & Pilehvar 2021 (ACL), the table of verb tense: over the verbs of SemCor with at least 2 senses of at \
                    least 10 occurrences, ST-SM is same_word_same_attr, DT-SM same_word_diff_attr and ST-DM diff_word_same_attr \
                    with group = the sense, attribute = the tense, within = the verb, min_count = 10",
        ..OpMeta::DEFAULT
    };
    type Params = AttributeDistanceParams;

    fn open(params: AttributeDistanceParams, _: &Input, linalg: Linalg) -> Result<Self> {
        Ok(Self { params, linalg })
    }

    fn measure(&self, sample: &Sample, out: &mut Out<'_>) -> Result<()> {
        let (mut tallies, mut used) = ([Tally::default(); 3], 0);
        let mut absent = None;
        match (
            find(sample, &self.params.group, &self.params.within)?,
            numbered(sample, &self.params.attribute)?,
        ) {
            (Ok(grouped), Ok(attribute)) => {
                for part in self.compared(&grouped, &attribute) {
                    used += part.len() as u64;
                    self.tally(sample, &grouped, &attribute, &part, &mut tallies)?;
                }
            }
            (Err(reason), _) | (_, Err(reason)) => absent = Some(reason),
        }
        for (part, tally) in PARTS.into_iter().zip(tallies) {
            out.set_n(tally.pairs);
            match &absent {
                Some(reason) => out.null_part(DISTANCE, part, reason)?,
                None if tally.pairs == 0 => {
                    out.null_part(DISTANCE, part, "no two rows are in this relation")?;
                }
                None => out.part(DISTANCE, part, tally.sum / tally.pairs as f64)?,
            }
        }
        out.set_n(sample.len() as u64);
        out.value(LEFT_OUT, (sample.len() as u64 - used) as f64)
    }
}

impl AttributeDistance {
    /// The rows of each part that have an attribute and whose group is large enough.
    fn compared(&self, grouped: &Grouped, attribute: &[Option<usize>]) -> Vec<Vec<usize>> {
        let large = |part: &Vec<usize>| {
            let known: Vec<usize> = part.iter().copied().filter(|i| attribute[*i].is_some()).collect();
            let mut sizes: BTreeMap<Option<usize>, u64> = BTreeMap::new();
            for i in &known {
                *sizes.entry(grouped.group[*i]).or_default() += 1;
            }
            known.into_iter().filter(|i| sizes[&grouped.group[*i]] >= self.params.min_count).collect()
        };
        grouped.parts.iter().map(large).collect()
    }

    /// Adds the distances of the pairs of a part.
    fn tally(
        &self,
        sample: &Sample,
        grouped: &Grouped,
        attribute: &[Option<usize>],
        part: &[usize],
        tallies: &mut [Tally; 3],
    ) -> Result<()> {
        let keys: Vec<_> = part.iter().map(|i| (grouped.group[*i], attribute[*i])).collect();
        Distances::new(sample.rows().select(Axis(0), part)).each(self.linalg, |i, squares| {
            let mut sums = [Tally::default(); 3];
            for (j, square) in squares.iter().enumerate().take(i) {
                let relation = match (keys[i].0 == keys[j].0, keys[i].1 == keys[j].1) {
                    (true, true) => 0,
                    (true, false) => 1,
                    (false, true) => 2,
                    (false, false) => continue,
                };
                sums[relation].pairs += 1;
                sums[relation].sum += square.sqrt();
            }
            // Rows are summed first: the error of a long sum grows with the number of terms.
            for (tally, sum) in tallies.iter_mut().zip(sums) {
                tally.pairs += sum.pairs;
                tally.sum += sum.sum;
            }
        })
    }
}
