//! The minimum spanning tree of the rows: its edges are the bars of H₀ of the Vietoris–Rips filtration.

use isoscope_plugin_sdk::prelude::*;

use crate::distance::distance;

/// Computes the lengths of the n − 1 edges of the minimum spanning tree, ascending (Prim, O(n²d) time, O(n) memory).
pub(crate) fn edge_lengths(rows: ArrayView2<'_, f64>) -> Vec<f64> {
    let n = rows.nrows();
    // Distance of every row outside the tree to the tree.
    let mut outside: Vec<(usize, f64)> = (1..n).map(|row| (row, f64::INFINITY)).collect();
    let mut newest = 0;
    let mut lengths = Vec::with_capacity(n.saturating_sub(1));
    while !outside.is_empty() {
        let mut nearest = 0;
        for at in 0..outside.len() {
            let (row, to_tree) = outside[at];
            outside[at].1 = to_tree.min(distance(rows, newest, row));
            if outside[at].1 < outside[nearest].1 {
                nearest = at;
            }
        }
        let (row, length) = outside.swap_remove(nearest);
        lengths.push(length);
        newest = row;
    }
    lengths.sort_unstable_by(f64::total_cmp);
    lengths
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_comb_has_its_teeth_and_its_back() {
        let x = [0.0, 1.0, 3.0, 6.0];
        let rows =
            Array2::from_shape_fn((8, 2), |(i, j)| if j == 0 { x[i / 2] } else { 0.5 * (i % 2) as f64 });
        assert_eq!(edge_lengths(rows.view()), [0.5, 0.5, 0.5, 0.5, 1.0, 2.0, 3.0]);
    }

    #[test]
    fn a_row_alone_has_no_edges() {
        assert!(edge_lengths(Array2::zeros((1, 3)).view()).is_empty());
        assert!(edge_lengths(Array2::zeros((0, 3)).view()).is_empty());
    }
}
