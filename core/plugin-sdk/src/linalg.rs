//! The host's linear algebra, `iso.linalg/1`: a plugin brings no BLAS of its own.

// A view is a pointer and two sizes: it is passed by value, as ndarray itself does.
#![allow(clippy::needless_pass_by_value)]

use core::ptr::NonNull;

use isoscope_plugin_abi as abi;
use ndarray::{Array1, Array2, ArrayView2, ArrayViewMut2, Axis};

use crate::{Error, Result};

/// The host's matrix products and eigen-decompositions. It is small, copied freely, and valid as long as the op that
/// got it from [`Host::linalg`](crate::Host::linalg); keep it inside the op.
#[derive(Debug, Clone, Copy)]
pub struct Linalg {
    raw: Option<NonNull<abi::iso_linalg>>,
}

// SAFETY: the table is immutable and its functions may be called from any thread (rule 4 of the header).
unsafe impl Send for Linalg {}
// SAFETY: as above.
unsafe impl Sync for Linalg {}

/// A matrix as gemm reads it: row-major storage, perhaps of the transpose.
struct Operand<'a> {
    view: ArrayView2<'a, f64>,
    transposed: bool,
    stride: usize,
}

impl Linalg {
    /// Wraps the host's table; `None` answers `Unsupported` to everything.
    ///
    /// # Safety
    /// `raw` must be valid as the header says for as long as the value is used.
    pub(crate) const unsafe fn from_raw(raw: Option<NonNull<abi::iso_linalg>>) -> Self {
        Self { raw }
    }

    fn table(&self) -> Result<&abi::iso_linalg> {
        let raw =
            self.raw.ok_or_else(|| Error::unsupported("the host offers no linear algebra (iso.linalg/1)"))?;
        // SAFETY: `from_raw` was promised a table that lives as long as this value is used.
        Ok(unsafe { raw.as_ref() })
    }

    /// Decomposes a symmetric d×d matrix: d eigenvalues, descending, and d×d vectors, row k for value k.
    ///
    /// # Errors
    /// [`Error::Invalid`] for a matrix that is not square or not finite; [`Error::Failed`] when the decomposition fails.
    pub fn eigh(&self, a: ArrayView2<'_, f64>) -> Result<(Array1<f64>, Array2<f64>)> {
        let table = self.table()?;
        let eigh = table.eigh.ok_or_else(|| Error::unsupported("the host offers no eigh"))?;
        let n = a.nrows();
        if a.ncols() != n {
            return Err(Error::Invalid(format!("eigh needs a square matrix, got {n}×{}", a.ncols())));
        }
        if a.iter().any(|value| !value.is_finite()) {
            return Err(Error::Invalid(format!("eigh of a {n}×{n} matrix with a value that is not finite")));
        }
        let a = a.as_standard_layout();
        let (mut values, mut vectors) = (Array1::zeros(n), Array2::zeros((n, n)));
        // SAFETY: the three buffers are contiguous and hold n*n, n and n*n values; the table is the host's.
        let failed =
            unsafe { eigh(table.ctx, n as u64, a.as_ptr(), values.as_mut_ptr(), vectors.as_mut_ptr()) };
        if failed != 0 {
            return Err(Error::Failed(format!("the eigen-decomposition of a {n}×{n} matrix failed")));
        }
        Ok((values, vectors))
    }

    /// Multiplies m×k by k×n. Transposed views are read in place.
    ///
    /// # Errors
    /// [`Error::Invalid`] when the inner sizes differ; [`Error::Failed`] when the host's product fails.
    pub fn matmul(&self, a: ArrayView2<'_, f64>, b: ArrayView2<'_, f64>) -> Result<Array2<f64>> {
        let mut c = Array2::zeros((a.nrows(), b.ncols()));
        self.matmul_into(a, b, c.view_mut())?;
        Ok(c)
    }

    /// Multiplies m×k by k×n into `c`, m×n, whose old values are overwritten.
    ///
    /// # Errors
    /// As [`Linalg::matmul`].
    pub fn matmul_into(
        &self,
        a: ArrayView2<'_, f64>,
        b: ArrayView2<'_, f64>,
        c: ArrayViewMut2<'_, f64>,
    ) -> Result<()> {
        self.general_matmul(1.0, a, b, 0.0, c)
    }

    /// Computes c ← alpha·ab + beta·c for a of m×k, b of k×n and c of m×n. Where beta is 0 the old values of c are not read.
    ///
    /// # Errors
    /// As [`Linalg::matmul`].
    pub fn general_matmul(
        &self,
        alpha: f64,
        a: ArrayView2<'_, f64>,
        b: ArrayView2<'_, f64>,
        beta: f64,
        mut c: ArrayViewMut2<'_, f64>,
    ) -> Result<()> {
        if a.ncols() != b.nrows() || c.dim() != (a.nrows(), b.ncols()) {
            let ((m, k), (l, n), (p, q)) = (a.dim(), b.dim(), c.dim());
            return Err(Error::Invalid(format!("cannot multiply {m}×{k} by {l}×{n} into {p}×{q}")));
        }
        if c.is_empty() || a.is_empty() {
            // There are no products; where beta is 0 not even a NaN of the old values counts.
            c.mapv_inplace(|old| if beta.abs() > 0.0 { beta * old } else { 0.0 });
            return Ok(());
        }
        if row_stride(c.view()).is_some() {
            self.gemm(alpha, a, b, beta, c)
        } else if row_stride(c.t()).is_some() {
            self.gemm(alpha, b.reversed_axes(), a.reversed_axes(), beta, c.reversed_axes())
        } else {
            let mut dense = c.as_standard_layout().into_owned();
            self.gemm(alpha, a, b, beta, dense.view_mut())?;
            c.assign(&dense);
            Ok(())
        }
    }

    fn gemm(
        &self,
        alpha: f64,
        a: ArrayView2<'_, f64>,
        b: ArrayView2<'_, f64>,
        beta: f64,
        mut c: ArrayViewMut2<'_, f64>,
    ) -> Result<()> {
        let table = self.table()?;
        let gemm = table.gemm.ok_or_else(|| Error::unsupported("the host offers no gemm"))?;
        let ((m, k), n) = (a.dim(), b.ncols());
        let (a_copy, b_copy);
        let a = if let Some(operand) = operand(a) {
            operand
        } else {
            a_copy = a.as_standard_layout();
            Operand { view: a_copy.view(), transposed: false, stride: k }
        };
        let b = if let Some(operand) = operand(b) {
            operand
        } else {
            b_copy = b.as_standard_layout();
            Operand { view: b_copy.view(), transposed: false, stride: n }
        };
        let stride = row_stride(c.view()).unwrap_or(n);
        // SAFETY: the operands and `c` are non-empty and laid out as the strides and transposes say; `c` is borrowed
        // mutably, so it overlaps neither operand; the table is the host's.
        let failed = unsafe {
            gemm(
                table.ctx,
                u32::from(a.transposed),
                u32::from(b.transposed),
                m as u64,
                n as u64,
                k as u64,
                alpha,
                a.view.as_ptr(),
                a.stride as u64,
                b.view.as_ptr(),
                b.stride as u64,
                beta,
                c.as_mut_ptr(),
                stride as u64,
            )
        };
        if failed != 0 {
            return Err(Error::Failed(format!("the product of {m}×{k} and {k}×{n} failed")));
        }
        Ok(())
    }
}

/// Describes a view that gemm can read in place.
fn operand(view: ArrayView2<'_, f64>) -> Option<Operand<'_>> {
    if let Some(stride) = row_stride(view) {
        return Some(Operand { view, transposed: false, stride });
    }
    row_stride(view.reversed_axes()).map(|stride| Operand { view, transposed: true, stride })
}

/// Returns the distance between rows when the inner stride is 1 and rows do not overlap. Strides of an axis with one
/// element mean nothing.
fn row_stride(view: ArrayView2<'_, f64>) -> Option<usize> {
    let (rows, cols) = view.dim();
    if cols > 1 && view.stride_of(Axis(1)) != 1 {
        return None;
    }
    if rows <= 1 {
        return Some(cols.max(1));
    }
    usize::try_from(view.stride_of(Axis(0))).ok().filter(|&stride| stride >= cols)
}
