//! Standard errors by a delete-a-group jackknife over the top blocks of the merge tree.
//!
//! The blocks are runs of shards, so a block holds neighbouring rows and the error sees their dependence, which one that leaves out
//! single tokens would not. Blocks differ in size; the estimate is that of Busing, Meijer & van der Leeden 1999 (Statistics and
//! Computing 9, equation 8) for groups of unequal size.

use crate::plan::Subject;
use std::ops::Range;

/// Most blocks: more of them cost more and tell little more.
const MOST_BLOCKS: usize = 16;
/// Fewest blocks from which an error is estimated.
const FEWEST_BLOCKS: usize = 8;

/// The blocks that are left out in turn.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Blocks {
    /// Groups of the merge tree in each block.
    pub groups: Vec<Range<usize>>,
    /// Rows of the dataset in each block, those that are measured.
    pub rows: Vec<u64>,
}

impl Blocks {
    /// The blocks of a subject; none when it has too few shards, or when a column of the file splits it, so that the sizes of the
    /// parts are not known.
    #[must_use]
    pub fn of(subject: &Subject) -> Option<Self> {
        let training = subject.dataset_facts.train_rows;
        if subject.has_split() && training == 0 {
            return None;
        }
        let groups = subject.groups();
        let mut width = 1;
        while groups.len().div_ceil(width) > MOST_BLOCKS {
            width *= 2;
        }
        let mut blocks = Self { groups: Vec::new(), rows: Vec::new() };
        for from in (0..groups.len()).step_by(width) {
            let to = (from + width).min(groups.len());
            let rows_of = |shard| {
                let rows = subject.rows(shard);
                rows.end.saturating_sub(rows.start.max(training))
            };
            let rows =
                groups[from..to].iter().flat_map(|node| node.shards(subject.shards)).map(rows_of).sum();
            if rows > 0 {
                blocks.groups.push(from..to);
                blocks.rows.push(rows);
            }
        }
        (blocks.rows.len() >= FEWEST_BLOCKS).then_some(blocks)
    }
}

/// Estimates the standard error of `value` from its values with each block left out in turn.
///
/// `rows` are the sizes of the blocks. With blocks of one size this is √((B−1)/B · Σ (θ₋ⱼ − mean)²). None when the lists do not
/// belong together or an entry is not finite.
#[must_use]
pub fn standard_error(value: f64, replicates: &[f64], rows: &[u64]) -> Option<f64> {
    let blocks = rows.len() as f64;
    if replicates.len() != rows.len() || rows.len() < 2 {
        return None;
    }
    let n: u64 = rows.iter().sum();
    let shares = || rows.iter().map(|&m| m as f64 / n as f64);
    let estimate = blocks * value - shares().zip(replicates).map(|(share, r)| (1.0 - share) * r).sum::<f64>();
    let term = |(share, replicate): (f64, &f64)| {
        let h = share.recip();
        let pseudo = h * value - (h - 1.0) * replicate;
        (pseudo - estimate).powi(2) / (h - 1.0)
    };
    let variance = shares().zip(replicates).map(term).sum::<f64>() / blocks;
    Some(variance.sqrt()).filter(|error| error.is_finite())
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn blocks_of_one_size_give_the_classic_formula() {
        let replicates = [1.0, 2.0, 4.0, 3.0];
        let mean = 2.5;
        let classic = (3.0 / 4.0 * replicates.iter().map(|r: &f64| (r - mean).powi(2)).sum::<f64>()).sqrt();
        let found = standard_error(2.6, &replicates, &[7; 4]).unwrap();
        assert!((found - classic).abs() < 1e-12, "{found} {classic}");
    }

    #[test]
    fn the_error_of_a_mean_is_that_of_its_blocks() {
        // Means of blocks of 1, 2 and 3 rows: leaving one out gives the weighted mean of the others.
        let (means, rows) = ([1.0, 5.0, 3.0], [1_u64, 2, 3]);
        let total: f64 = means.iter().zip(rows).map(|(m, n)| m * n as f64).sum();
        let replicates: Vec<f64> =
            means.iter().zip(rows).map(|(m, n)| (total - m * n as f64) / (6 - n) as f64).collect();
        let value = total / 6.0;
        // Pseudo-values of a mean are the means of the blocks.
        let by_hand =
            (means.iter().zip(rows).map(|(m, n)| (m - value).powi(2) / (6.0 / n as f64 - 1.0)).sum::<f64>()
                / 3.0)
                .sqrt();
        assert!((standard_error(value, &replicates, &rows).unwrap() - by_hand).abs() < 1e-12);
    }

    #[test]
    fn lists_that_do_not_belong_together_give_no_error() {
        assert_eq!(standard_error(1.0, &[1.0], &[1, 2]), None);
        assert_eq!(standard_error(1.0, &[1.0, f64::NAN], &[1, 2]), None);
    }
}
