//! The correlation dimension between two radii.

use isoscope_plugin_sdk::Result;
use ndarray::ArrayView1;

use crate::cloud::Cloud;
use crate::estimate::Estimate;
use crate::nearest::Neighbours;

/// Roundoff of a squared radius and of a root, generously.
const ROUNDOFF: f64 = 8.0 * f64::EPSILON;

/// Computes `ln(C(r₂) / C(r₁)) / ln(r₂ / r₁)`, where `C(r)` is the share of pairs nearer than r, and r₁, r₂ are the medians
/// of the distances to the k₁-th and k₂-th neighbours. `k₁ < k₂`, which is at most the length of the list.
///
/// # Errors
/// Those of the products; inside, the reason for which there is no value.
pub(crate) fn correlation_dimension(
    cloud: &Cloud<'_>,
    neighbours: &Neighbours,
    k1: usize,
    k2: usize,
) -> Result<Estimate> {
    let (near, far) = (median_distance(neighbours, k1), median_distance(neighbours, k2));
    if near <= 0.0 {
        return Ok(Err(format!("at least half of the rows have {k1} duplicates, so the radius is 0")));
    }
    if near >= far {
        return Ok(Err("both radii are the same".to_owned()));
    }
    let [within_near, within_far] = pairs_within(cloud, neighbours, [near, far])?;
    if within_near == 0 {
        return Ok(Err("no two rows are nearer than the smaller radius".to_owned()));
    }
    Ok(Ok((within_far as f64 / within_near as f64).ln() / (far / near).ln()))
}

/// Computes the median distance to the k-th neighbour.
fn median_distance(neighbours: &Neighbours, k: usize) -> f64 {
    let mut distances: Vec<f64> = (0..neighbours.rows()).map(|i| neighbours.distances(i)[k - 1]).collect();
    distances.sort_unstable_by(f64::total_cmp);
    let middle = distances.len() / 2;
    if distances.len() % 2 == 1 {
        distances[middle]
    } else {
        f64::midpoint(distances[middle - 1], distances[middle])
    }
}

/// Counts the ordered pairs of different rows that are nearer than each of two ascending radii.
///
/// A list that reaches as far as the greater radius holds all such neighbours of its row, and by symmetry settles the pairs
/// of that row from the other side too. So distances are computed only among the rows with shorter lists: the dense part.
fn pairs_within(cloud: &Cloud<'_>, neighbours: &Neighbours, radii: [f64; 2]) -> Result<[u64; 2]> {
    let n = neighbours.rows();
    let reach = |i: usize| neighbours.distances(i)[neighbours.k() - 1];
    let dense: Vec<bool> = (0..n).map(|i| reach(i) < radii[1]).collect();
    let mut counts = [0; 2];
    for i in (0..n).filter(|i| !dense[*i]) {
        for (distance, j) in neighbours.distances(i).iter().zip(neighbours.indices(i)) {
            let sides = if dense[*j as usize] { 2 } else { 1 };
            for (count, radius) in counts.iter_mut().zip(radii) {
                *count += if *distance < radius { sides } else { 0 };
            }
        }
    }
    let dense: Vec<usize> = (0..n).filter(|i| dense[*i]).collect();
    let dense = cloud.select(&dense);
    dense.for_each_block(|first, second, products| {
        for (i, products) in products.rows().into_iter().enumerate() {
            let skip = if first == second { i + 1 } else { 0 };
            count_row(&dense, first + i, second, skip, products, radii, &mut counts);
        }
    })?;
    Ok(counts)
}

/// Counts the pairs of one row with those from `start + skip`, both ways.
fn count_row(
    cloud: &Cloud<'_>,
    row: usize,
    start: usize,
    skip: usize,
    products: ArrayView1<'_, f64>,
    radii: [f64; 2],
    counts: &mut [u64; 2],
) {
    for (j, product) in products.iter().enumerate().skip(skip) {
        let other = start + j;
        let square = cloud.square_from(row, other, *product);
        let slack = cloud.slack(row, other);
        for (count, radius) in counts.iter_mut().zip(radii) {
            let difference = square - radius * radius;
            let doubt = slack + ROUNDOFF * (radius * radius);
            let nearer = if difference.abs() > doubt {
                difference < 0.0
            } else {
                cloud.exact(row, other).sqrt() < radius
            };
            *count += 2 * u64::from(nearer);
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use isoscope_plugin_sdk::prelude::*;
    use isoscope_plugin_sdk::testing::native_host;

    use super::*;
    use crate::nearest::nearest;

    fn by_all_pairs(cloud: &Cloud<'_>, radius: f64) -> u64 {
        let n = cloud.len();
        let pairs = (0..n).flat_map(|i| (0..n).map(move |j| (i, j)));
        pairs.filter(|(i, j)| i != j && cloud.exact(*i, *j).sqrt() < radius).count() as u64
    }

    #[test]
    fn short_lists_and_products_together_count_what_all_pairs_count() {
        // Three groups of different density, so that most lists of 3 neighbours are too short for the median of the third.
        let x = Array2::from_shape_fn((700, 2), |(i, j)| {
            let spread = [0.01, 0.2, 5.0][i % 3];
            spread * (((i * 7919 + j * 104_729) % 1013) as f64 / 1013.0)
        });
        let cloud = Cloud::new(native_host().linalg(), x.view()).unwrap();
        let neighbours = nearest(&cloud, 3).unwrap();
        let radii = [median_distance(&neighbours, 1), median_distance(&neighbours, 3)];
        let dense = (0..700).filter(|i| neighbours.distances(*i)[2] < radii[1]).count();
        assert!(dense > 100 && dense < 600, "{dense}");
        let expected = radii.map(|radius| by_all_pairs(&cloud, radius));
        assert_eq!(pairs_within(&cloud, &neighbours, radii).unwrap(), expected);
    }
}
