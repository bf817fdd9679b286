//! The k most similar rows of every row.

use isoscope_plugin_sdk::prelude::*;
use ndarray::{Axis, Slice};

/// Rows whose cosines with all others are taken at a time.
const BLOCK: usize = 256;

/// Cosines are compared in steps of this size, about 1e-12: equal ones that rounding parted are equal again.
const STEPS: f64 = (1_u64 << 40) as f64;

/// Rounds a cosine to the steps in which cosines are compared.
pub(crate) fn rounded(cosine: f64) -> f64 {
    (cosine * STEPS).round() / STEPS
}

/// The neighbours of every row.
pub(crate) struct Nearest {
    /// For every row the k others of greatest cosine, in ascending order of their indices.
    pub(crate) rows: Vec<Vec<usize>>,
    /// For every row whether a row that was left out is as near as one that was taken.
    pub(crate) tied: Vec<bool>,
}

/// Finds for every unit row (n×d) the k others of greatest cosine, 0 < k < n. Of equal cosines the lower
/// index wins.
///
/// # Errors
/// [`Error::Failed`] when the host's product fails.
pub(crate) fn nearest(linalg: Linalg, unit: ArrayView2<'_, f64>, k: usize) -> Result<Nearest> {
    let n = unit.nrows();
    let mut nearest = Nearest { rows: Vec::with_capacity(n), tied: Vec::with_capacity(n) };
    let mut candidates = Vec::with_capacity(n);
    for start in (0..n).step_by(BLOCK) {
        let block = unit.slice_axis(Axis(0), Slice::from(start..n.min(start + BLOCK)));
        let cosines = linalg.matmul(block, unit.t())?;
        for (offset, row) in cosines.rows().into_iter().enumerate() {
            candidates.clear();
            let others = row.iter().enumerate().filter(|(j, _)| *j != start + offset);
            candidates.extend(others.map(|(j, cosine)| (rounded(*cosine), j)));
            let by_cosine = |a: &(f64, usize), b: &(f64, usize)| b.0.total_cmp(&a.0).then(a.1.cmp(&b.1));
            let (near, last, far) = candidates.select_nth_unstable_by(k - 1, by_cosine);
            nearest.tied.push(far.iter().any(|(cosine, _)| *cosine >= last.0));
            let mut chosen: Vec<usize> = near.iter().chain([&*last]).map(|(_, j)| *j).collect();
            chosen.sort_unstable();
            nearest.rows.push(chosen);
        }
    }
    Ok(nearest)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use isoscope_plugin_sdk::testing::native_host;

    use super::*;

    #[test]
    fn neighbours_are_the_most_similar_and_ties_go_to_the_lower_index() {
        let angles = [0.0_f64, 0.1, 0.1, 1.0, -0.1, 3.0];
        let unit =
            Array2::from_shape_fn((6, 2), |(i, j)| if j == 0 { angles[i].cos() } else { angles[i].sin() });
        let found = nearest(native_host().linalg(), unit.view(), 2).unwrap();
        assert_eq!(found.tied, vec![true, false, false, false, true, true]);
        let found = found.rows;
        assert_eq!(found[0], vec![1, 2], "of three at the same angle the first two");
        assert_eq!(found[1], vec![0, 2]);
        assert_eq!(found[5], vec![1, 3]);
    }
}
