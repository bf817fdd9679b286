//! The silhouette of labelled rows, exact over all their pairs.

use isoscope_plugin_sdk::prelude::*;
use ndarray::{Axis, Slice};

use crate::distance::{squared_distance, squared_norm};

/// Rows whose distances to all others are in memory at a time.
const BLOCK: usize = 256;

/// Squared distances below this share of the squared norms are computed again from the differences.
const CANCELLED: f64 = 1e-4;

/// Averages the silhouette `(b - a) / max(a, b)` over rows (n×d): a is the mean distance to the other rows of the own
/// cluster, b the least mean distance to the rows of another. A row that is alone in its cluster has 0.
///
/// # Errors
/// The outer error is that of the host's product; the inner says why there is no such number.
pub(crate) fn silhouette(
    rows: ArrayView2<'_, f64>,
    labels: &[usize],
    k: usize,
    centre: &[f64],
    linalg: Linalg,
) -> Result<Result<f64, String>> {
    let n = rows.nrows();
    let mut order: Vec<usize> = (0..n).collect();
    order.sort_by_key(|&i| labels[i]);
    let starts: Vec<usize> = (0..=k).map(|c| order.partition_point(|&i| labels[i] < c)).collect();
    let present = starts.windows(2).filter(|w| w[1] > w[0]).count();
    if present < 2 {
        return Ok(Err("all rows of the sample are in one cluster".to_owned()));
    }
    if present >= n {
        return Ok(Err("every row of the sample is a cluster of its own".to_owned()));
    }
    // In the order of their clusters, so that the distances to a cluster lie side by side.
    let sorted = rows.select(Axis(0), &order) - ArrayView1::from(centre);
    let norms: Vec<f64> =
        sorted.rows().into_iter().map(|row| row.to_slice().map_or(0.0, squared_norm)).collect();
    let mut products = Array2::zeros((BLOCK.min(n), n));
    let mut sum = 0.0;
    for (block, first) in sorted.axis_chunks_iter(Axis(0), BLOCK).zip((0..n).step_by(BLOCK)) {
        let mut distances = products.slice_axis_mut(Axis(0), Slice::from(..block.nrows()));
        linalg.matmul_into(block, sorted.t(), distances.view_mut())?;
        for (i, mut distances) in (first..).zip(distances.rows_mut()) {
            for (j, distance) in distances.iter_mut().enumerate() {
                *distance = apart(&sorted, &norms, i, j, *distance);
            }
            sum += of_row(i, distances.view(), &starts);
        }
    }
    if !sum.is_finite() {
        return Ok(Err("the squares of the rows exceed double precision".to_owned()));
    }
    Ok(Ok(sum / n as f64))
}

/// Computes the distance of two rows from their inner product.
fn apart(rows: &Array2<f64>, norms: &[f64], i: usize, j: usize, product: f64) -> f64 {
    let both = norms[i] + norms[j];
    let square = both - 2.0 * product;
    if square > CANCELLED * both {
        return square.sqrt();
    }
    match (rows.row(i).to_slice(), rows.row(j).to_slice()) {
        (Some(a), Some(b)) => squared_distance(a, b).sqrt(),
        _ => square.max(0.0).sqrt(),
    }
}

/// Computes the silhouette of one row from its distances to all rows, cluster after cluster.
fn of_row(i: usize, distances: ArrayView1<'_, f64>, starts: &[usize]) -> f64 {
    let (mut own, mut other) = (0.0, f64::INFINITY);
    for cluster in starts.windows(2).filter(|w| w[1] > w[0]) {
        let (from, to) = (cluster[0], cluster[1]);
        let sum = distances.slice_axis(Axis(0), Slice::from(from..to)).iter().sum::<f64>();
        if (from..to).contains(&i) {
            if to - from == 1 {
                return 0.0;
            }
            own = sum / (to - from - 1) as f64;
        } else {
            other = other.min(sum / (to - from) as f64);
        }
    }
    let larger = own.max(other);
    if larger > 0.0 { (other - own) / larger } else { 0.0 }
}
