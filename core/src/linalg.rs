//! Linear algebra in f64, over LAPACK, tiles and BLAS.

use isoscope_tiles::Rows;
use ndarray::{Array1, Array2, ArrayView1, ArrayView2, Axis, Slice, linalg::general_mat_mul};
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

/// Adds (x − 1cᵀ)ᵀ(x − 1cᵀ) to the lower triangle of `gram`, for x of n×d, a centre c of d and `gram` of d×d in standard layout. What
/// stands above the diagonal may change too, and means nothing.
pub fn add_centred_gram(x: ArrayView2<'_, f64>, centre: ArrayView1<'_, f64>, gram: &mut Array2<f64>) {
    let (x, centre) = (x.as_standard_layout(), centre.as_standard_layout());
    if isoscope_tiles::pay()
        && let (Some(rows), Some(centre)) = (x.as_slice().filter(|rows| !rows.is_empty()), centre.as_slice())
        && let Some(gram) = gram.as_slice_mut()
    {
        isoscope_tiles::add_gram(Rows::contiguous(rows, x.ncols()), centre, gram);
    } else {
        add_gram_by_blas((&x - &centre).view(), gram);
    }
}

/// Width of the blocks of a triangle: wide enough for BLAS to run at speed, narrow enough to skip most of the
/// redundant triangle.
const GRAM_BLOCK: usize = 128;

/// Adds xᵀx to the lower triangle of `gram`. Only blocks on and below the diagonal are computed.
fn add_gram_by_blas(x: ArrayView2<'_, f64>, gram: &mut Array2<f64>) {
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

/// Computes the lower triangle of ab, for a of k×d and b of d×k. What stands above the diagonal of the result means nothing.
#[must_use]
pub fn lower_of_product(a: ArrayView2<'_, f64>, b: ArrayView2<'_, f64>) -> Array2<f64> {
    let k = a.nrows();
    let mut lower = Array2::zeros((k, k));
    for from in (0..k).step_by(GRAM_BLOCK) {
        let to = (from + GRAM_BLOCK).min(k);
        let (rows, columns) = (Slice::from(from..to), Slice::from(..to));
        let mut band = lower.slice_axis_mut(Axis(0), rows);
        let (a, b) = (a.slice_axis(Axis(0), rows), b.slice_axis(Axis(1), columns));
        general_mat_mul(1.0, &a, &b, 0.0, &mut band.slice_axis_mut(Axis(1), columns));
    }
    lower
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
    fn the_lower_triangle_of_a_product_is_that_of_the_whole() {
        for k in [1, GRAM_BLOCK, 2 * GRAM_BLOCK + 3] {
            let (a, b) = (sample(k, 5), sample(5, k));
            let (lower, whole) = (lower_of_product(a.view(), b.view()), a.dot(&b));
            let below = lower.indexed_iter().filter(|((i, j), _)| i >= j);
            assert!(below.into_iter().all(|(at, value)| (value - whole[at]).abs() < 1e-9), "{k}");
        }
    }

    #[test]
    fn both_ways_to_the_centred_gram_give_the_product_in_any_layout() {
        let half = |d| Array2::from_elem((d, d), 0.5);
        for (n, d) in [(0, 3), (1, 1), (9, 5), (9, GRAM_BLOCK), (9, 2 * GRAM_BLOCK + 37)] {
            let (x, centre) = (sample(n, d), sample(1, d).remove_axis(Axis(0)));
            let centred = &x - &centre;
            let want = centred.t().dot(&centred) + 0.5;
            let columns = x.t().as_standard_layout().into_owned();
            let (mut of_rows, mut of_columns, mut by_blas) = (half(d), half(d), half(d));
            add_centred_gram(x.view(), centre.view(), &mut of_rows);
            add_centred_gram(columns.t(), centre.view(), &mut of_columns);
            add_gram_by_blas(centred.view(), &mut by_blas);
            for mut gram in [of_rows, of_columns, by_blas] {
                mirror_lower(&mut gram);
                assert!((&gram - &want).iter().all(|e| e.abs() < 1e-9), "{n}x{d}");
            }
        }
    }
}
