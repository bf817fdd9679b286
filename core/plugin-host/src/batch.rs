//! Batches as the host gives them to ops.

use core::ptr;

use isoscope_plugin_abi as abi;

use crate::op_error::{Blame, OpError};

/// A row-major matrix.
#[derive(Debug, Clone, Copy)]
pub struct MatrixView<'a> {
    /// The numbers, at least (rows - 1)·stride + cols of them.
    pub data: &'a [f64],
    /// Rows.
    pub rows: usize,
    /// Columns.
    pub cols: usize,
    /// Distance between rows, at least `cols`.
    pub stride: usize,
}

/// Values of a column.
#[derive(Debug, Clone, Copy)]
pub enum ColumnValues<'a> {
    /// Whole numbers, one per row.
    I64(&'a [i64]),
    /// Floats, one per row.
    F64(&'a [f64]),
    /// Strings: one offset more than rows, ascending from 0 or more, into the bytes.
    Utf8 {
        /// Where each string starts, and the end of the last.
        offsets: &'a [i32],
        /// The strings.
        bytes: &'a [u8],
    },
}

/// A column beside the rows.
#[derive(Debug, Clone, Copy)]
pub struct ColumnView<'a> {
    /// Its name.
    pub name: &'a str,
    /// Its values.
    pub values: ColumnValues<'a>,
    /// A bit for every row, least significant first; `None` when every value is present.
    pub validity: Option<&'a [u8]>,
}

/// A batch of rows.
#[derive(Debug, Clone)]
pub struct BatchView<'a> {
    /// One view, or two row-aligned ones.
    pub views: Vec<MatrixView<'a>>,
    /// The columns.
    pub columns: Vec<ColumnView<'a>>,
    /// Global index of row 0.
    pub first_row: u64,
}

/// A batch as a plugin reads it; the lists that its pointers lead to.
pub(crate) struct RawBatch {
    views: Vec<abi::iso_matrix>,
    columns: Vec<abi::iso_column>,
    rows: u64,
    first_row: u64,
}

/// Describes a matrix of 64-bit floats on the CPU.
pub(crate) fn raw_matrix(data: *mut f64, rows: usize, cols: usize, stride: usize) -> abi::iso_matrix {
    abi::iso_matrix {
        data: data.cast(),
        rows: rows as u64,
        cols: cols as u64,
        // A stride that does not fit belongs to a single row, where it means nothing.
        row_stride: i64::try_from(stride).unwrap_or(i64::MAX),
        dtype_code: abi::ISO_DTYPE_FLOAT,
        dtype_bits: 64,
        dtype_lanes: 1,
        device_type: abi::ISO_DEVICE_CPU,
        device_id: 0,
        flags: 0,
    }
}

impl BatchView<'_> {
    /// Returns the number of rows.
    #[must_use]
    pub fn rows(&self) -> usize {
        self.views.first().map_or(0, |view| view.rows)
    }

    /// Checks that every buffer holds what the plugin will read, and lists the C structs.
    pub(crate) fn raw(&self, cols: &[usize], blame: &Blame) -> Result<RawBatch, OpError> {
        let rows = self.rows();
        let widths: Vec<_> = self.views.iter().map(|view| view.cols).collect();
        if widths != cols {
            return Err(
                blame.invalid(format!("the batch has widths {widths:?}, the op was opened for {cols:?}"))
            );
        }
        for view in &self.views {
            let span = rows.saturating_sub(1).checked_mul(view.stride).and_then(|n| n.checked_add(view.cols));
            let enough = rows == 0 || span.is_some_and(|span| span <= view.data.len());
            if view.rows != rows || view.stride < view.cols || !enough {
                return Err(blame.invalid("a view of the batch does not fit its buffer or its rows"));
            }
        }
        if let Some(column) = self.columns.iter().find(|column| !column.fits(rows)) {
            return Err(blame.invalid(format!("column \"{}\" does not fit {rows} rows", column.name)));
        }
        let matrix = |view: &MatrixView<'_>| {
            raw_matrix(view.data.as_ptr().cast_mut(), view.rows, view.cols, view.stride)
        };
        Ok(RawBatch {
            views: self.views.iter().map(matrix).collect(),
            columns: self.columns.iter().map(ColumnView::raw).collect(),
            rows: rows as u64,
            first_row: self.first_row,
        })
    }
}

impl ColumnView<'_> {
    fn fits(&self, rows: usize) -> bool {
        let values = match self.values {
            ColumnValues::I64(values) => values.len() == rows,
            ColumnValues::F64(values) => values.len() == rows,
            ColumnValues::Utf8 { offsets, bytes } => {
                let inside = |offset: &i32| usize::try_from(*offset).is_ok_and(|at| at <= bytes.len());
                offsets.len() == rows + 1 && offsets.is_sorted() && offsets.iter().all(inside)
            }
        };
        values && self.validity.is_none_or(|bits| bits.len() >= rows.div_ceil(8))
    }

    fn raw(&self) -> abi::iso_column {
        let (kind, values, offsets) = match self.values {
            ColumnValues::I64(values) => (abi::ISO_COL_I64, values.as_ptr().cast(), ptr::null()),
            ColumnValues::F64(values) => (abi::ISO_COL_F64, values.as_ptr().cast(), ptr::null()),
            ColumnValues::Utf8 { offsets, bytes } => {
                (abi::ISO_COL_UTF8, bytes.as_ptr().cast(), offsets.as_ptr())
            }
        };
        abi::iso_column {
            name: abi::iso_bytes::of(self.name.as_bytes()),
            values,
            offsets,
            validity: self.validity.map_or(ptr::null(), <[u8]>::as_ptr),
            r#type: kind,
            reserved: 0,
        }
    }
}

impl RawBatch {
    /// Returns the C struct; it is valid while `self` and the batch live.
    pub(crate) fn head(&self) -> abi::iso_batch {
        abi::iso_batch {
            struct_size: size_of::<abi::iso_batch>() as u32,
            n_views: self.views.len() as u32,
            rows: self.rows,
            first_row: self.first_row,
            views: self.views.as_ptr(),
            columns: self.columns.as_ptr(),
            n_columns: self.columns.len() as u32,
            reserved: 0,
        }
    }
}
