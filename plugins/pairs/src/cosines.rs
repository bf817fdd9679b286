//! Cosines of pairs of rows, and what each dimension contributes to them.

use isoscope_plugin_sdk::prelude::*;

/// Divides every row by its norm. A row of norm 0 is `None`.
pub(crate) fn unit_rows(rows: ArrayView2<'_, f64>) -> Vec<Option<Array1<f64>>> {
    rows.rows().into_iter().map(unit).collect()
}

/// Divides a vector by its norm; `None` for norm 0. Scaled by the greatest entry first, so that no square overflows.
pub(crate) fn unit(row: ArrayView1<'_, f64>) -> Option<Array1<f64>> {
    let largest = row.iter().fold(0.0, |largest: f64, x| largest.max(x.abs()));
    if largest <= 0.0 || !largest.is_finite() {
        return None;
    }
    let scaled = row.mapv(|x| x / largest);
    let norm = scaled.iter().map(|x| x * x).sum::<f64>().sqrt();
    Some(scaled / norm)
}

/// Computes an inner product.
pub(crate) fn inner(a: &Array1<f64>, b: &Array1<f64>) -> f64 {
    a.iter().zip(b).map(|(a, b)| a * b).sum()
}

/// Sums the contribution `û_ij û_kj` of every dimension over the pairs of rows with directions, and counts these pairs.
pub(crate) fn contributions(
    units: &[Option<Array1<f64>>],
    pairs: &[(usize, usize)],
    dims: usize,
) -> (Vec<f64>, u64) {
    let (mut sums, mut used) = (vec![0.0; dims], 0);
    for (a, b) in pairs {
        if let (Some(a), Some(b)) = (&units[*a], &units[*b]) {
            sums.iter_mut().zip(a.iter().zip(b)).for_each(|(sum, (a, b))| *sum += a * b);
            used += 1;
        }
    }
    (sums, used)
}

/// Orders dimensions by descending value; of equal ones the lower index comes first.
pub(crate) fn descending(values: &[f64]) -> Vec<usize> {
    let mut order: Vec<usize> = (0..values.len()).collect();
    order.sort_by(|a, b| values[*b].total_cmp(&values[*a]));
    order
}

/// Copies the rows with some dimensions set to 0, which deletes them from every norm and inner product.
pub(crate) fn without(rows: ArrayView2<'_, f64>, dims: &[usize]) -> Array2<f64> {
    let mut rows = rows.to_owned();
    for dim in dims {
        rows.column_mut(*dim).fill(0.0);
    }
    rows
}
