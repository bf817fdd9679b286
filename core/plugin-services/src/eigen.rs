//! Eigen-decompositions: by divide and conquer where this process has a LAPACK that can be called, else by the core's QR iteration.

use isoscope_core::linalg::{self, Eigen, EigenError};
use isoscope_plugin_host::eigh_in_place;
use ndarray::{Array1, Array2, ArrayView2};

/// Decomposes a symmetric d×d matrix; only its lower triangle is read.
///
/// # Errors
/// When LAPACK does not converge.
pub fn eigh(a: ArrayView2<'_, f64>) -> Result<Eigen, EigenError> {
    let d = a.nrows();
    let mut vectors: Vec<f64> = a.iter().copied().collect();
    let mut values = vec![0.0; d];
    // What divide and conquer gives up on, such as numbers at the end of the range, the slower iteration may still manage.
    if eigh_in_place(d, &mut vectors, &mut values) != Some(true) {
        return linalg::eigh(a);
    }
    values.reverse();
    let descending: Vec<f64> = vectors.chunks_exact(d).rev().flatten().copied().collect();
    let vectors = Array2::from_shape_vec((d, d), descending)
        .map_err(|e| EigenError { dimension: d, reason: e.to_string() })?;
    Ok(Eigen { values: Array1::from(values), vectors })
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn divide_and_conquer_finds_what_the_qr_iteration_finds() {
        for d in [1, 2, 7, 130] {
            let x = Array2::from_shape_fn((3 * d, d), |(i, j)| {
                ((i * 31 + j * 17) % 23) as f64 - 11.0 + (i as f64 * 0.37 + j as f64).sin()
            });
            let mut a = x.t().dot(&x);
            let known = linalg::eigh(a.view()).unwrap();
            // What stands above the diagonal is not read.
            for i in 0..d {
                for j in i + 1..d {
                    a[[i, j]] = f64::NAN;
                }
            }
            let mut values = vec![0.0; d];
            let mut vectors: Vec<f64> = a.iter().copied().collect();
            assert_eq!(eigh_in_place(d, &mut vectors, &mut values), Some(true), "{d}");
            let found = eigh(a.view()).unwrap();
            let scale = known.values[0];
            assert!(
                found.values.iter().zip(&known.values).all(|(a, b)| (a - b).abs() < 1e-12 * scale),
                "{d}"
            );
            let rebuilt = found.vectors.t().dot(&Array2::from_diag(&found.values)).dot(&found.vectors);
            let whole = x.t().dot(&x);
            assert!((&rebuilt - &whole).iter().all(|e| e.abs() < 1e-11 * scale), "{d}");
        }
    }

    #[test]
    fn no_dimensions_have_no_eigenvalues() {
        assert_eq!(eigh(Array2::zeros((0, 0)).view()).unwrap().values.len(), 0);
    }
}
