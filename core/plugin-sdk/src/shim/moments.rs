//! Reads the host's moments.

use core::{ptr, slice};

use isoscope_plugin_abi as abi;
use ndarray::{ArrayView1, ArrayView2};

use crate::moments::{EigenOf, EigenSource};
use crate::{Direction, Eigen, Error, Moments, Result, ShapeSums};

/// The host's moments, which compute their eigen-decompositions on demand.
pub(crate) struct RawMoments<'a> {
    raw: &'a abi::iso_moments,
    cols: usize,
}

fn invalid(message: &str) -> Error {
    Error::Invalid(format!("the host passed malformed moments: {message}"))
}

impl<'a> RawMoments<'a> {
    /// Wraps the host's struct after its head is checked.
    ///
    /// # Safety
    /// `raw` is valid as the header says, for `'a`.
    pub(crate) unsafe fn new(raw: &'a abi::iso_moments, cols: &[usize]) -> Result<Self> {
        if (raw.struct_size as usize) < size_of::<abi::iso_moments>() {
            return Err(invalid("they are shorter than ABI 1.0 says"));
        }
        match cols {
            [cols] if *cols as u64 == raw.cols => Ok(Self { raw, cols: *cols }),
            _ => Err(invalid(&format!("they have {} columns, the op was opened for {cols:?}", raw.cols))),
        }
    }

    /// Views the moments.
    pub(crate) fn view(&self) -> Result<Moments<'_>> {
        let raw = self.raw;
        let has = |part: u32| raw.parts & part != 0;
        if !has(abi::ISO_PART_SECOND) {
            return Err(invalid("the mean and the scatter are absent"));
        }
        let direction = if has(abi::ISO_PART_DIRECTION) { Some(self.direction()?) } else { None };
        let shape = if has(abi::ISO_PART_SHAPE) { Some(self.shape()?) } else { None };
        // SAFETY: the header's contract of iso_moments.
        let group = core::str::from_utf8(unsafe { raw.group.as_slice() })
            .map_err(|_| invalid("the group's key is not UTF-8"))?;
        Ok(Moments {
            n: raw.n,
            mean: self.vector(raw.mean)?,
            scatter: self.square(raw.scatter)?,
            group,
            direction,
            shape,
            eigen: self,
        })
    }

    fn direction(&self) -> Result<Direction<'_>> {
        Ok(Direction {
            zero_rows: self.raw.zero_rows,
            unit_sum: self.vector(self.raw.unit_sum)?,
            unit_square_sum: self.vector(self.raw.unit_square_sum)?,
            norm_sum: self.raw.norm_sum,
            norm_min: self.raw.norm_min,
            norm_max: self.raw.norm_max,
            norm_scatter: self.raw.norm_scatter,
        })
    }

    fn shape(&self) -> Result<ShapeSums<'_>> {
        Ok(ShapeSums {
            dim_min: self.vector(self.raw.dim_min)?,
            dim_max: self.vector(self.raw.dim_max)?,
            cube_sum: self.vector(self.raw.cube_sum)?,
            fourth_sum: self.vector(self.raw.fourth_sum)?,
        })
    }

    fn vector(&self, data: *const f64) -> Result<ArrayView1<'_, f64>> {
        // SAFETY: `new` was promised a valid struct; its vectors hold `cols` numbers while the call lasts.
        unsafe { floats(data, self.cols) }.map(ArrayView1::from)
    }

    fn square(&self, data: *const f64) -> Result<ArrayView2<'_, f64>> {
        let len = self.cols.checked_mul(self.cols).ok_or_else(|| invalid("they are too wide"))?;
        // SAFETY: as above; its matrices hold `cols` × `cols` numbers.
        let numbers = unsafe { floats(data, len) }?;
        ArrayView2::from_shape((self.cols, self.cols), numbers).map_err(|error| invalid(&error.to_string()))
    }
}

/// Borrows `len` numbers.
///
/// # Safety
/// `data` is null or leads to `len` numbers that live and stay unchanged for `'a`.
unsafe fn floats<'a>(data: *const f64, len: usize) -> Result<&'a [f64]> {
    if len == 0 {
        return Ok(&[]);
    }
    if data.is_null() || !data.is_aligned() {
        return Err(invalid("a buffer is null or not aligned"));
    }
    // SAFETY: promised by the caller, and checked not to be null or misaligned.
    Ok(unsafe { slice::from_raw_parts(data, len) })
}

impl EigenSource for RawMoments<'_> {
    fn eigen(&self, of: EigenOf) -> Result<Eigen<'_>> {
        let eigen = self.raw.eigen.ok_or_else(|| Error::unsupported("the host decomposes no moments"))?;
        let (mut values, mut vectors) = (ptr::null(), ptr::null());
        // SAFETY: the header's contract of eigen; the buffers that it answers live while the call lasts.
        let failed = unsafe { eigen(self.raw.ctx, of.code(), &raw mut values, &raw mut vectors) };
        if failed != 0 {
            return Err(Error::Failed(format!(
                "the eigen-decomposition of {0}×{0} moments failed",
                self.cols
            )));
        }
        Ok(Eigen { values: self.vector(values)?, vectors: self.square(vectors)? })
    }
}
