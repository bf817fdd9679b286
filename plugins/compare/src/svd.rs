//! Singular values and vectors to the full accuracy of double precision.
//!
//! The eigenvalues of `CᵀC` are squares: singular values below 1e-8 of the largest drown in their rounding.
//! Here its eigenvectors only prepare: the rows of `V Cᵀ` are nearly orthogonal, and one-sided Jacobi
//! rotations (Hestenes 1958) finish in a few sweeps, with an error of about the machine precision times the
//! largest singular value (Drmač and Veselić 2008 precondition by QR instead).

use isoscope_plugin_sdk::prelude::*;

use crate::rows::inner;

/// Sweeps after which the rotations count as stuck; after the preparation two to four are usual.
const MOST_SWEEPS: usize = 60;

/// A thin singular value decomposition C = Uᵀ diag(σ) V of a p×q matrix, m = min(p, q).
#[derive(Debug, Clone)]
pub(crate) struct Svd {
    /// m singular values, descending.
    pub(crate) values: Vec<f64>,
    /// m×p; row k is the left singular vector of `values[k]`, zero where that is zero.
    pub(crate) left: Array2<f64>,
    /// m×q; row k is the right singular vector of `values[k]`, zero where that is zero.
    pub(crate) right: Array2<f64>,
}

impl Svd {
    /// Decomposes a p×q matrix.
    ///
    /// # Errors
    /// [`Error::Invalid`] for values that are not finite; [`Error::Failed`] when the iteration does not converge.
    pub(crate) fn of(linalg: Linalg, c: ArrayView2<'_, f64>) -> Result<Self> {
        let wide = c.nrows() < c.ncols();
        let c = if wide { c.reversed_axes() } else { c };
        let Prepared { mut g, mut v, scale } = prepare(linalg, c)?;
        rotate_until_orthogonal(&mut g, Some(&mut v))?;
        let norms = norms(&g);
        let order = descending(&norms);
        let (mut left, mut right) = (Array2::zeros(g.dim()), Array2::zeros(v.dim()));
        for (k, &i) in order.iter().enumerate().filter(|(_, i)| norms[**i] > 0.0) {
            left.row_mut(k).assign(&(&g.row(i) / norms[i]));
            right.row_mut(k).assign(&v.row(i));
        }
        let values = order.iter().map(|&i| norms[i] * scale).collect();
        Ok(if wide { Self { values, left: right, right: left } } else { Self { values, left, right } })
    }

    /// Counts the singular values above the rounding, `16 max(p, q) ε σ₁`.
    pub(crate) fn rank(&self) -> usize {
        let d = self.left.ncols().max(self.right.ncols()) as f64;
        let noise = 16.0 * d * f64::EPSILON * self.values.first().copied().unwrap_or(0.0);
        self.values.iter().take_while(|value| **value > noise).count()
    }
}

/// Computes the singular values of a p×q matrix, min(p, q) of them, descending.
///
/// # Errors
/// As [`Svd::of`].
pub(crate) fn singular_values(linalg: Linalg, c: ArrayView2<'_, f64>) -> Result<Vec<f64>> {
    let c = if c.nrows() < c.ncols() { c.reversed_axes() } else { c };
    let Prepared { mut g, scale, .. } = prepare(linalg, c)?;
    rotate_until_orthogonal(&mut g, None)?;
    let norms = norms(&g);
    Ok(descending(&norms).into_iter().map(|i| norms[i] * scale).collect())
}

/// A matrix whose rows are nearly orthogonal.
struct Prepared {
    /// q×p; row k is `C v_k / scale`.
    g: Array2<f64>,
    /// q×q; row k is the unit vector `v_k`.
    v: Array2<f64>,
    /// Largest magnitude in C: without it the squares of very small or large matrices leave the range of
    /// numbers.
    scale: f64,
}

fn prepare(linalg: Linalg, c: ArrayView2<'_, f64>) -> Result<Prepared> {
    let largest = c.iter().fold(0.0_f64, |largest, v| largest.max(v.abs()));
    let scale = if largest > 0.0 { largest } else { 1.0 };
    let c = c.mapv(|v| v / scale);
    let gram = linalg.matmul(c.t(), c.view())?;
    let (_, v) = linalg.eigh(gram.view())?;
    let g = linalg.matmul(v.view(), c.t())?;
    Ok(Prepared { g, v, scale })
}

/// Rotates pairs of rows of `g`, and of `v` alike, until all rows of `g` are orthogonal to each other.
fn rotate_until_orthogonal(g: &mut Array2<f64>, v: Option<&mut Array2<f64>>) -> Result<()> {
    let (q, p) = g.dim();
    if q < 2 || p == 0 {
        return Ok(());
    }
    let contiguous = || Error::failed("a matrix of the singular value decomposition is not contiguous");
    let g = g.as_slice_mut().ok_or_else(contiguous)?;
    let mut v = match v {
        Some(v) => Some(v.as_slice_mut().ok_or_else(contiguous)?),
        None => None,
    };
    let tolerance = 4.0 * f64::EPSILON * (p as f64).sqrt();
    for _ in 0..MOST_SWEEPS {
        let mut squares: Vec<f64> = g.chunks_exact(p).map(|row| inner(row, row)).collect();
        // Rows below the rounding of the largest have no direction to speak of.
        let noise = squares.iter().fold(0.0_f64, |a, b| a.max(*b)) * (f64::EPSILON * f64::EPSILON);
        let mut rotated = false;
        for i in 0..q {
            for j in i + 1..q {
                if squares[i] <= noise || squares[j] <= noise {
                    continue;
                }
                let (x, y) = pair(g, i, j, p);
                let product = inner(x, y);
                if product.abs() <= tolerance * squares[i].sqrt() * squares[j].sqrt() {
                    continue;
                }
                rotated = true;
                let zeta = (squares[j] - squares[i]) / (2.0 * product);
                let tan = 1.0_f64.copysign(zeta) / (zeta.abs() + zeta.hypot(1.0));
                let cos = tan.hypot(1.0).recip();
                turn(x, y, cos, cos * tan);
                squares[i] -= tan * product;
                squares[j] += tan * product;
                if let Some(v) = v.as_deref_mut() {
                    let (x, y) = pair(v, i, j, q);
                    turn(x, y, cos, cos * tan);
                }
            }
        }
        if !rotated {
            return Ok(());
        }
    }
    Err(Error::failed(format!("the singular values of a {p}×{q} matrix did not settle")))
}

/// Borrows rows i < j of a row-major matrix of the given width.
fn pair(rows: &mut [f64], i: usize, j: usize, width: usize) -> (&mut [f64], &mut [f64]) {
    let (top, bottom) = rows.split_at_mut(j * width);
    (&mut top[i * width..(i + 1) * width], &mut bottom[..width])
}

/// Turns two rows in their plane.
fn turn(x: &mut [f64], y: &mut [f64], cos: f64, sin: f64) {
    for (x, y) in x.iter_mut().zip(y) {
        (*x, *y) = (cos * *x - sin * *y, sin * *x + cos * *y);
    }
}

fn norms(g: &Array2<f64>) -> Vec<f64> {
    g.rows().into_iter().map(|row| row.as_slice().map_or(0.0, |row| inner(row, row)).sqrt()).collect()
}

fn descending(values: &[f64]) -> Vec<usize> {
    let mut order: Vec<usize> = (0..values.len()).collect();
    order.sort_by(|&i, &j| values[j].total_cmp(&values[i]));
    order
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use isoscope_plugin_sdk::testing::{native_host, product};

    use super::*;

    /// An orthogonal matrix, by reflections along fixed directions.
    fn orthogonal(d: usize, seed: f64) -> Array2<f64> {
        let mut q = Array2::eye(d);
        for k in 0..d {
            let v: Vec<f64> = (0..d).map(|j| (seed + 1.7 * k as f64 + 0.9 * (j * j) as f64).sin()).collect();
            let square = inner(&v, &v);
            let mirror = Array2::from_shape_fn((d, d), |(i, j)| {
                f64::from(u8::from(i == j)) - 2.0 * v[i] * v[j] / square
            });
            q = product(q.view(), mirror.view());
        }
        q
    }

    fn with_values(p: usize, q: usize, values: &[f64]) -> Array2<f64> {
        let middle = Array2::from_shape_fn((p, q), |(i, j)| if i == j { values[i] } else { 0.0 });
        product(product(orthogonal(p, 0.3).view(), middle.view()).view(), orthogonal(q, 1.1).view())
    }

    #[test]
    fn singular_values_far_below_the_root_of_the_precision_are_found() {
        let values = [3.0, 1.0, 1e-4, 1e-9, 1e-13];
        for (p, q) in [(5, 5), (9, 5), (5, 8)] {
            let found = singular_values(native_host().linalg(), with_values(p, q, &values).view()).unwrap();
            for (found, value) in found.iter().zip(values) {
                assert!((found - value).abs() < 1e-14, "{p}×{q}: {found} against {value}");
            }
        }
    }

    #[test]
    fn the_parts_multiply_to_the_matrix() {
        for (p, q) in [(4, 4), (7, 3), (3, 6)] {
            let m = p.min(q);
            let c = with_values(p, q, &[5.0, 2.0, 2.0, 1e-10][..m]);
            let svd = Svd::of(native_host().linalg(), c.view()).unwrap();
            let scaled = Array2::from_shape_fn((m, q), |(k, j)| svd.values[k] * svd.right[[k, j]]);
            let back = product(svd.left.t(), scaled.view());
            assert!(back.iter().zip(&c).all(|(a, b)| (a - b).abs() < 1e-13));
            let gram = product(svd.left.view(), svd.left.t());
            assert!(gram.iter().zip(&Array2::<f64>::eye(m)).all(|(a, b)| (a - b).abs() < 1e-13));
        }
    }

    #[test]
    fn a_matrix_of_lower_rank_has_zeros_and_says_its_rank() {
        let svd = Svd::of(native_host().linalg(), with_values(6, 4, &[2.0, 1.0, 0.0, 0.0]).view()).unwrap();
        assert_eq!(svd.rank(), 2);
        assert!(svd.values[2] < 1e-14 && svd.values[3] < 1e-14);
        let zero = Svd::of(native_host().linalg(), Array2::zeros((3, 2)).view()).unwrap();
        assert_eq!((zero.rank(), zero.values), (0, vec![0.0, 0.0]));
    }

    #[test]
    fn very_small_and_large_matrices_keep_their_digits() {
        for size in [1e-150, 1e150] {
            let values = singular_values(
                native_host().linalg(),
                with_values(4, 4, &[4.0, 3.0, 2.0, 1e-7]).mapv(|v| v * size).view(),
            )
            .unwrap();
            assert!((values[3] / size - 1e-7).abs() < 1e-14 && (values[0] / size - 4.0).abs() < 1e-14);
        }
    }
}
