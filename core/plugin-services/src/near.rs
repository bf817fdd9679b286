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
        let matrix = self.own.matrix(which)?;
        let (_, vectors) = self.known.eigen(which)?;
        let d = matrix.nrows();
        let known = ArrayView2::from_shape((d, d), vectors).ok()?;
        let values = quadratic_forms(known, matrix.view());
        let mut order: Vec<usize> = (0..d).collect();
        order.sort_by(|&a, &b| values[b].total_cmp(&values[a]));
        let vectors = order.iter().flat_map(|&i| known.row(i).to_vec()).collect();
        Some((order.iter().map(|&i| values[i]).collect(), vectors))
    }
}

/// Columns of the matrix that [`quadratic_forms`] takes at a time.
const BLOCK: usize = 64;

/// Computes uᵀSu for each row u of a d×d matrix and a symmetric S: twice what stands below the diagonal blocks, and these once, at
/// little more than half the cost of the product with the whole of S.
fn quadratic_forms(vectors: ArrayView2<'_, f64>, s: ArrayView2<'_, f64>) -> Vec<f64> {
    let d = s.nrows();
    let mut forms = vec![0.0; d];
    for from in (0..d).step_by(BLOCK) {
        let own = Slice::from(from..(from + BLOCK).min(d));
        let mut below = s.slice_axis(Axis(0), Slice::from(from..)).slice_axis(Axis(1), own).to_owned();
        let width = below.ncols();
        below.slice_axis_mut(Axis(0), Slice::from(..width)).mapv_inplace(|x| x / 2.0);
        let mut mapped = Array2::zeros((d, width));
        general_mat_mul(1.0, &vectors.slice_axis(Axis(1), Slice::from(from..)), &below, 0.0, &mut mapped);
        for ((form, su), u) in forms.iter_mut().zip(mapped.rows()).zip(vectors.slice_axis(Axis(1), own).rows()) {
            *form += 2.0 * u.dot(&su);
        }
    }
    forms
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
    fn forms_are_those_of_the_whole_matrix_across_block_edges() {
        for d in [1, 5, BLOCK, 2 * BLOCK + 3] {
            let entry = |i: usize, j: usize| ((i * 13 + j * 7) % 17) as f64 - 8.0;
            let vectors = Array2::from_shape_fn((d, d), |(i, j)| entry(i, j));
            let s = Array2::from_shape_fn((d, d), |(i, j)| entry(i.max(j), i.min(j)));
            let found = quadratic_forms(vectors.view(), s.view());
            for (u, form) in vectors.rows().into_iter().zip(found) {
                let wanted = u.dot(&s.dot(&u));
                assert!((form - wanted).abs() <= 1e-9 * wanted.abs().max(1.0), "{d}: {form} {wanted}");
            }
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
