//! Moments near others whose eigenvectors are known: those with a block of rows left out.

use crate::LentMoments;
use isoscope_core::moments::Moments;
use isoscope_plugin_host::{EigenOf, EigenSource, MomentsView};
use ndarray::linalg::general_mat_mul;
use ndarray::{Array2, ArrayView2, Axis, Slice};
use std::sync::OnceLock;
use std::sync::atomic::{AtomicBool, Ordering};

/// Widest cloud whose moments are decomposed afresh each time. Above it the eigenvalues are those of first-order perturbation: the
/// products uᵀSu with the known eigenvectors, at a seventh of the cost. Their error is of second order in the size of the block.
const WIDEST_EXACT: usize = 256;

/// Moments that differ little from others.
pub struct NearMoments<'a> {
    own: LentMoments,
    known: &'a LentMoments,
    first_order: AtomicBool,
    covariance: OnceLock<Option<(Vec<f64>, Vec<f64>)>>,
    second_moment: OnceLock<Option<(Vec<f64>, Vec<f64>)>>,
}

impl<'a> NearMoments<'a> {
    /// Prepares moments that are near `known` for lending.
    #[must_use]
    pub fn new(moments: Moments, known: &'a LentMoments) -> Self {
        Self {
            own: LentMoments::new(moments),
            known,
            first_order: AtomicBool::new(false),
            covariance: OnceLock::new(),
            second_moment: OnceLock::new(),
        }
    }

    /// Lends them to a plugin.
    #[must_use]
    pub fn view(&self) -> MomentsView<'_> {
        MomentsView { eigen: self, ..self.own.view() }
    }

    /// Tells whether eigenvalues to first order were asked for since [`NearMoments::forget_first_order`].
    #[must_use]
    pub fn was_first_order(&self) -> bool {
        self.first_order.load(Ordering::Relaxed)
    }

    /// Begins to watch anew whether eigenvalues to first order are asked for.
    pub fn forget_first_order(&self) {
        self.first_order.store(false, Ordering::Relaxed);
    }

    /// Eigenvalues to first order, descending, with the known vectors in their order.
    fn perturbed(&self, which: EigenOf) -> Option<(Vec<f64>, Vec<f64>)> {
        let second = self.own.moments().second.as_ref()?;
        let n = second.n as f64;
        let (_, vectors) = self.known.eigen(which)?;
        let (scatter, d) = (self.own.scatter(), second.mean.len());
        let known = ArrayView2::from_shape((d, d), vectors).ok()?;
        let mut values = along(known, scatter);
        match which {
            EigenOf::Covariance if second.n < 2 => return None,
            EigenOf::Covariance => values.iter_mut().for_each(|value| *value /= n - 1.0),
            EigenOf::SecondMoment => {
                let means = known.dot(&second.mean);
                values.iter_mut().zip(&means).for_each(|(value, mean)| *value += n * mean * mean);
            }
        }
        let mut order: Vec<usize> = (0..d).collect();
        order.sort_by(|&a, &b| values[b].total_cmp(&values[a]));
        let mut ordered = Vec::with_capacity(d * d);
        for i in &order {
            ordered.extend_from_slice(&vectors[i * d..(i + 1) * d]);
        }
        Some((order.iter().map(|&i| values[i]).collect(), ordered))
    }
}

/// Width of the column blocks of [`along`].
const BLOCK: usize = 128;

/// Computes uᵀSu for every row u of `vectors`, k×d, and a symmetric S, d×d. Blocks above the diagonal are not multiplied.
fn along(vectors: ArrayView2<'_, f64>, symmetric: ArrayView2<'_, f64>) -> Vec<f64> {
    let (k, d) = vectors.dim();
    let mut values = vec![0.0; k];
    let mut mapped = Array2::zeros((k, BLOCK.min(d)));
    for from in (0..d).step_by(BLOCK) {
        let to = (from + BLOCK).min(d);
        let (columns, below) = (Slice::from(from..to), Slice::from(to..d));
        let own = vectors.slice_axis(Axis(1), columns);
        let band = symmetric.slice_axis(Axis(1), columns);
        let mut product = mapped.slice_axis_mut(Axis(1), Slice::from(..to - from));
        general_mat_mul(1.0, &own, &band.slice_axis(Axis(0), columns), 0.0, &mut product);
        if to < d {
            // What stands below the diagonal block counts for what stands beside it too.
            let rest = vectors.slice_axis(Axis(1), below);
            general_mat_mul(2.0, &rest, &band.slice_axis(Axis(0), below), 1.0, &mut product);
        }
        for (value, (u, su)) in values.iter_mut().zip(own.rows().into_iter().zip(product.rows())) {
            *value += u.dot(&su);
        }
    }
    values
}

impl EigenSource for NearMoments<'_> {
    fn eigen(&self, which: EigenOf) -> Option<(&[f64], &[f64])> {
        if self.own.moments().width() <= WIDEST_EXACT {
            return self.own.eigen(which);
        }
        self.first_order.store(true, Ordering::Relaxed);
        let cell = match which {
            EigenOf::Covariance => &self.covariance,
            EigenOf::SecondMoment => &self.second_moment,
        };
        let (values, vectors) = cell.get_or_init(|| self.perturbed(which)).as_ref()?;
        Some((values, vectors))
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use isoscope_core::catalogue::Part;

    fn cloud(n: usize, d: usize, shift: usize) -> Moments {
        let mut state = 7_u64 + shift as u64;
        let mut draw = || {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
            (state >> 33) as f64 / f64::from(1_u32 << 31) - 0.5
        };
        let rows = Array2::from_shape_fn((n, d), |(_, j)| draw() * (1.0 + 40.0 / (j + 1) as f64));
        let mut moments = Moments::empty(&[Part::Second], d);
        moments.absorb(rows.view());
        moments
    }

    #[test]
    fn eigenvalues_of_a_wide_cloud_are_near_the_exact_ones_and_descend() {
        let d = WIDEST_EXACT + 4;
        let (many, few) = (cloud(4000, d, 0), cloud(200, d, 1));
        let known = LentMoments::new(many.clone());
        let mut left = many;
        left.merge(&few).unwrap();
        let exact = LentMoments::new(left.clone());
        let near = NearMoments::new(left, &known);
        assert!(!near.was_first_order());
        let (found, _) = near.eigen(EigenOf::Covariance).unwrap();
        let (wanted, _) = exact.eigen(EigenOf::Covariance).unwrap();
        assert!(near.was_first_order());
        assert!(found.is_sorted_by(|a, b| a >= b));
        for (a, b) in found.iter().zip(wanted).take(5) {
            assert!((a - b).abs() < 2e-2 * b, "{a} {b}");
        }
        let (sum_a, sum_b): (f64, f64) = (found.iter().sum(), wanted.iter().sum());
        assert!((sum_a - sum_b).abs() < 1e-9 * sum_b, "the trace is exact");
    }

    #[test]
    fn quadratic_forms_by_blocks_are_those_of_the_whole_matrix() {
        for d in [1, 5, BLOCK, BLOCK + 1, 2 * BLOCK + 7] {
            let entry = |(i, j): (usize, usize)| ((i * 31 + j * 17) as f64 * 0.61).sin();
            let (vectors, half) =
                (Array2::from_shape_fn((3, d), entry), Array2::from_shape_fn((d, d), entry));
            let symmetric = &half + &half.t();
            let wanted = vectors.dot(&symmetric).dot(&vectors.t()).diag().to_owned();
            let found = along(vectors.view(), symmetric.view());
            assert!(found.iter().zip(&wanted).all(|(a, b)| (a - b).abs() < 1e-9 * d as f64), "width {d}");
        }
    }

    #[test]
    fn a_narrow_cloud_is_decomposed_afresh() {
        let known = LentMoments::new(cloud(50, 5, 0));
        let near = NearMoments::new(cloud(40, 5, 3), &known);
        assert!(near.eigen(EigenOf::SecondMoment).is_some());
        assert!(!near.was_first_order());
    }
}
