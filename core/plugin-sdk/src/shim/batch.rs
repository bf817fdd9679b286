//! Reads the host's batches and matrices.

use core::slice;

use isoscope_plugin_abi as abi;
use ndarray::{Array2, ArrayView2, ArrayViewMut2, ShapeBuilder};

use crate::column::{Column, Values};
use crate::{Batch, Error, Result};

/// The views that had to be converted; a batch borrows from it.
pub(crate) struct Widened(Vec<Option<Array2<f64>>>);

fn invalid(message: &str) -> Error {
    Error::Invalid(format!("the host passed a malformed batch: {message}"))
}

/// Borrows `len` elements; null is fine when there are none.
///
/// # Safety
/// `ptr` leads to `len` elements that live and stay unchanged for `'a`, or is null, or `len` is 0.
unsafe fn elements<'a, T>(ptr: *const T, len: usize, what: &str) -> Result<&'a [T]> {
    if len == 0 {
        return Ok(&[]);
    }
    if ptr.is_null() || !ptr.is_aligned() {
        return Err(invalid(&format!("{what} is null or not aligned")));
    }
    // SAFETY: promised by the caller, and checked not to be null or misaligned.
    Ok(unsafe { slice::from_raw_parts(ptr, len) })
}

/// Views a matrix as elements of type `T`, after the shape, the stride and the pointer are checked.
///
/// # Safety
/// `raw.data` leads to a matrix as `raw` says that lives for `'a`, and its elements are of type `T`.
unsafe fn matrix<'a, T>(raw: &abi::iso_matrix) -> Result<ArrayView2<'a, T>> {
    let (rows, cols, stride) = shape(raw)?;
    if rows == 0 || cols == 0 {
        return ArrayView2::from_shape((rows, cols), &[]).map_err(|error| invalid(&error.to_string()));
    }
    let data = raw.data.cast_const().cast::<T>();
    if data.is_null() || !data.is_aligned() {
        return Err(invalid("a matrix is null or not aligned"));
    }
    // SAFETY: the caller vouches for the memory; shape() checked that the offsets fit isize; rows do not overlap.
    Ok(unsafe { ArrayView2::from_shape_ptr((rows, cols).strides((stride, 1)), data) })
}

fn shape(raw: &abi::iso_matrix) -> Result<(usize, usize, usize)> {
    if raw.device_type != abi::ISO_DEVICE_CPU {
        return Err(Error::unsupported("this op reads matrices on the CPU only"));
    }
    let size = |value: u64| usize::try_from(value).map_err(|_| invalid("a size does not fit this machine"));
    let (rows, cols) = (size(raw.rows)?, size(raw.cols)?);
    let stride = usize::try_from(raw.row_stride).map_err(|_| invalid("a row stride is negative"))?;
    if stride < cols {
        return Err(invalid("a row stride is smaller than the width"));
    }
    let bytes = rows.checked_mul(stride).and_then(|n| n.checked_mul(8));
    if bytes.is_none_or(|bytes| isize::try_from(bytes).is_err()) {
        return Err(invalid("a matrix is larger than the address space"));
    }
    Ok((rows, cols, stride))
}

fn is_float(raw: &abi::iso_matrix, bits: u8) -> bool {
    raw.dtype_code == abi::ISO_DTYPE_FLOAT && raw.dtype_bits == bits && raw.dtype_lanes == 1
}

/// Checks the head of a batch and borrows its views.
unsafe fn views(raw: &abi::iso_batch) -> Result<&[abi::iso_matrix]> {
    if (raw.struct_size as usize) < size_of::<abi::iso_batch>() {
        return Err(invalid("it is shorter than ABI 1.0 says"));
    }
    // SAFETY: the header's contract of iso_batch.
    unsafe { elements(raw.views, raw.n_views as usize, "the list of views") }
}

/// Converts the views of 32-bit floats; the others are read in place.
///
/// # Safety
/// `raw` is valid as the header says.
pub(crate) unsafe fn widen(raw: &abi::iso_batch) -> Result<Widened> {
    // SAFETY: passed on from the caller.
    let views = unsafe { views(raw) }?;
    let widened = views.iter().map(|view| {
        if !is_float(view, 32) {
            return Ok(None);
        }
        // SAFETY: the caller vouches for the matrix, and its elements are 32-bit floats.
        let narrow = unsafe { matrix::<f32>(view) }?;
        Ok(Some(narrow.mapv(f64::from)))
    });
    widened.collect::<Result<_>>().map(Widened)
}

/// Views a batch whose widths must be `cols`.
///
/// # Safety
/// `raw` is valid as the header says, for `'a`.
pub(crate) unsafe fn read<'a>(
    raw: &'a abi::iso_batch,
    widened: &'a Widened,
    cols: &[usize],
) -> Result<Batch<'a>> {
    let len = usize::try_from(raw.rows).map_err(|_| invalid("a size does not fit this machine"))?;
    // SAFETY: passed on from the caller.
    let raw_views = unsafe { views(raw) }?;
    let mut views = Vec::with_capacity(raw_views.len());
    for (raw_view, widened) in raw_views.iter().zip(&widened.0) {
        let view = match widened {
            Some(wide) => wide.view(),
            // SAFETY: the caller vouches for the matrix, and its elements are 64-bit floats.
            None if is_float(raw_view, 64) => unsafe { matrix::<f64>(raw_view) }?,
            None => {
                return Err(Error::unsupported("this op reads matrices of 32-bit and 64-bit floats only"));
            }
        };
        if view.nrows() != len {
            return Err(invalid("a view has another number of rows than the batch"));
        }
        views.push(view);
    }
    if !views.iter().map(ArrayView2::ncols).eq(cols.iter().copied()) {
        let got: Vec<_> = views.iter().map(ArrayView2::ncols).collect();
        return Err(invalid(&format!("the views have widths {got:?}, the op was opened for {cols:?}")));
    }
    // SAFETY: the header's contract of iso_batch.
    let raw_columns = unsafe { elements(raw.columns, raw.n_columns as usize, "the list of columns") }?;
    // SAFETY: passed on from the caller.
    let columns =
        raw_columns.iter().map(|column| unsafe { read_column(column, len) }).collect::<Result<_>>()?;
    Ok(Batch { views, columns, first_row: raw.first_row, len })
}

/// Views a column of `len` rows.
///
/// # Safety
/// `raw` is valid as the header says, for as long as the column is used.
unsafe fn read_column(raw: &abi::iso_column, len: usize) -> Result<Column<'_>> {
    // SAFETY: the header's contract of iso_column.
    let name = core::str::from_utf8(unsafe { raw.name.as_slice() })
        .map_err(|_| invalid("the name of a column is not UTF-8"))?;
    let values = match raw.r#type {
        // SAFETY: as above; the type says what the values are.
        abi::ISO_COL_I64 => Values::I64(unsafe { elements(raw.values.cast(), len, name) }?),
        // SAFETY: as above.
        abi::ISO_COL_F64 => Values::F64(unsafe { elements(raw.values.cast(), len, name) }?),
        abi::ISO_COL_UTF8 => {
            // SAFETY: as above; strings have one offset more than rows.
            let offsets: &[i32] = unsafe { elements(raw.offsets, len + 1, name) }?;
            let end = offsets.last().copied().unwrap_or(0);
            let end = usize::try_from(end).map_err(|_| invalid("an offset of strings is negative"))?;
            // SAFETY: as above; the last offset is the number of bytes.
            Values::Utf8 { offsets, bytes: unsafe { elements(raw.values.cast(), end, name) }? }
        }
        other => return Err(Error::Unsupported(format!("column \"{name}\" has the unknown type {other}"))),
    };
    let validity = if raw.validity.is_null() {
        None
    } else {
        // SAFETY: as above; a bitmap has a bit for every row.
        Some(unsafe { elements(raw.validity, len.div_ceil(8), name) }?)
    };
    Ok(Column { name, values, validity })
}

/// Views the host's output matrix, which must have `rows` rows of 64-bit floats.
///
/// # Safety
/// `raw` is valid as the header says, for `'a`, and nothing else reads or writes its data meanwhile.
pub(crate) unsafe fn output<'a>(raw: &abi::iso_matrix, rows: usize) -> Result<ArrayViewMut2<'a, f64>> {
    if !is_float(raw, 64) {
        return Err(Error::unsupported("this op writes matrices of 64-bit floats only"));
    }
    let (found, cols, stride) = shape(raw)?;
    if found != rows {
        return Err(invalid("the output has another number of rows than the batch"));
    }
    if rows == 0 || cols == 0 {
        return ArrayViewMut2::from_shape((rows, cols), &mut []).map_err(|error| invalid(&error.to_string()));
    }
    let data = raw.data.cast::<f64>();
    if data.is_null() || !data.is_aligned() {
        return Err(invalid("the output is null or not aligned"));
    }
    // SAFETY: the caller vouches for the memory and that it is not shared; shape() checked the offsets.
    Ok(unsafe { ArrayViewMut2::from_shape_ptr((rows, cols).strides((stride, 1)), data) })
}
