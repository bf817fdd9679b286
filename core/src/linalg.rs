//! Linear algebra in f64, over LAPACK and BLAS.

use ndarray::{Array1, Array2, ArrayView2, Axis, Slice, linalg::general_mat_mul};
use ndarray_linalg::{Eigh, UPLO};

/// A decomposition that did not converge.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("the eigenvalues of a {dimension}×{dimension} matrix could not be computed: {reason}")]
pub struct EigenError {
    /// Order of the matrix.
    pub dimension: usize,
    /// What LAPACK said.
    pub reason: String,
}

/// Eigenvalues in descending order, and their eigenvectors as rows.
#[derive(Debug, Clone, PartialEq)]
pub struct Eigen {
    /// d values, descending.
    pub values: Array1<f64>,
    /// d×d; row k belongs to `values[k]` and has unit length. Signs are as LAPACK returns them.
    pub vectors: Array2<f64>,
}

/// Decomposes a symmetric d×d matrix; only its lower triangle is read.
///
/// # Errors
/// When LAPACK does not converge.
pub fn eigh(a: ArrayView2<'_, f64>) -> Result<Eigen, EigenError> {
    let d = a.nrows();
    if d == 0 {
        return Ok(Eigen { values: Array1::zeros(0), vectors: Array2::zeros((0, 0)) });
    }
    let (mut values, columns) =
        a.eigh(UPLO::Lower).map_err(|e| EigenError { dimension: d, reason: e.to_string() })?;
    values.invert_axis(Axis(0));
    let mut vectors = columns.reversed_axes();
    vectors.invert_axis(Axis(0));
    Ok(Eigen {
        values: values.as_standard_layout().into_owned(),
        vectors: vectors.as_standard_layout().into_owned(),
    })
}

/// Width of the column blocks of [`add_gram`]: wide enough for BLAS to run at speed, narrow enough to skip most of the
/// redundant triangle.
const GRAM_BLOCK: usize = 128;

/// Adds xᵀx to the lower triangle of `gram`, for x of n×d and gram of d×d. Only blocks on and below the diagonal are
/// computed; what stands above the diagonal outside the diagonal blocks is left alone.
pub fn add_gram(x: ArrayView2<'_, f64>, gram: &mut Array2<f64>) {
    let d = x.ncols();
    for row in (0..d).step_by(GRAM_BLOCK) {
        let rows = Slice::from(row..(row + GRAM_BLOCK).min(d));
        let left = x.slice_axis(Axis(1), rows);
        for col in (0..=row).step_by(GRAM_BLOCK) {
            let cols = Slice::from(col..(col + GRAM_BLOCK).min(d));
            let right = x.slice_axis(Axis(1), cols);
            let mut band = gram.slice_axis_mut(Axis(0), rows);
            general_mat_mul(1.0, &left.t(), &right, 1.0, &mut band.slice_axis_mut(Axis(1), cols));
        }
    }
}

/// Side of the tiles of [`mirror_lower`]: two of them stay in the first cache.
const MIRROR_TILE: usize = 32;

/// Copies the lower triangle of a square matrix over its upper one.
pub fn mirror_lower(a: &mut Array2<f64>) {
    let d = a.nrows();
    // Tile by tile, because a column of a large matrix lies in as many pages as it has entries.
    for row in (0..d).step_by(MIRROR_TILE) {
        for col in (0..=row).step_by(MIRROR_TILE) {
            for i in row..(row + MIRROR_TILE).min(d) {
                for j in col..(col + MIRROR_TILE).min(i) {
                    a[[j, i]] = a[[i, j]];
                }
            }
        }
    }
}

/// Computes the mean row of an n×d matrix, n > 0.
#[must_use]
pub fn mean_row(x: ArrayView2<'_, f64>) -> Array1<f64> {
    x.sum_axis(Axis(0)) / x.nrows() as f64
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use ndarray::Array2;

    fn sample(n: usize, d: usize) -> Array2<f64> {
        Array2::from_shape_fn((n, d), |(i, j)| {
            ((i * 31 + j * 17) % 23) as f64 - 11.0 + (i as f64 * 0.37 + j as f64).sin()
        })
    }

    #[test]
    fn eigenvectors_rebuild_the_matrix_and_values_descend() {
        let x = sample(40, 7);
        let a = x.t().dot(&x);
        let eigen = eigh(a.view()).unwrap();
        let rebuilt = eigen.vectors.t().dot(&Array2::from_diag(&eigen.values)).dot(&eigen.vectors);
        assert!((&rebuilt - &a).iter().all(|e| e.abs() < 1e-9 * eigen.values[0]));
        assert!(eigen.values.windows(2).into_iter().all(|w| w[0] >= w[1]));
    }

    #[test]
    fn the_mirrored_matrix_is_symmetric_and_keeps_its_lower_triangle() {
        for d in [1, 2, MIRROR_TILE, MIRROR_TILE + 1, 3 * MIRROR_TILE + 5] {
            let original = sample(d, d);
            let mut mirrored = original.clone();
            mirror_lower(&mut mirrored);
            for ((i, j), value) in mirrored.indexed_iter() {
                assert!((value - original[[i.max(j), i.min(j)]]).abs() < 1e-15, "{i} {j} of {d}");
            }
        }
    }

    #[test]
    fn the_blocked_gram_equals_the_product_across_block_edges() {
        for d in [1, 5, GRAM_BLOCK, GRAM_BLOCK + 1, 2 * GRAM_BLOCK + 37] {
            let x = sample(9, d);
            let mut gram = Array2::from_elem((d, d), 0.5);
            add_gram(x.view(), &mut gram);
            mirror_lower(&mut gram);
            let want = x.t().dot(&x) + 0.5;
            assert!((&gram - &want).iter().all(|e| e.abs() < 1e-9), "width {d}");
        }
    }
}
