//! Moments of hidden states, folded on the device: only sums leave it.

use candle_core::backend::BackendStorage;
use candle_core::cuda_backend::WrapErr;
use candle_core::cuda_backend::cudarc::cublas::sys;
use candle_core::cuda_backend::cudarc::driver::{CudaSlice, DevicePtr, DevicePtrMut, PushKernelArg};
use candle_core::{CudaDevice, Error, Result, bail};

use crate::format::{Format, Operand, by_format, view};
use crate::launch::{MOMENTS, grid, kernel, library_call, over};
use crate::sums::{DirectionSums, FoldedSums, SecondSums};

/// Rows that a block sums, as in the kernels.
const BLOCK_ROWS: usize = 256;
const THREADS: u32 = 128;

/// Folds rows of one layer into moments.
pub struct DeviceMoments {
    device: CudaDevice,
    width: usize,
    rows: u64,
    second: Option<Second>,
    units: Option<CudaSlice<f64>>,
    /// Count, mean, scatter, least and greatest norm, zero rows, rows that are not finite.
    norms: CudaSlice<f64>,
}

struct Second {
    mean: CudaSlice<f64>,
    scatter: CudaSlice<f64>,
}

impl DeviceMoments {
    /// Begins with no rows of width d; `second` and `direction` say what is folded.
    ///
    /// # Errors
    /// When the device has no memory left.
    pub fn new(device: &CudaDevice, width: usize, second: bool, direction: bool) -> Result<Self> {
        let none = [0.0, 0.0, 0.0, f64::INFINITY, f64::NEG_INFINITY, 0.0, 0.0];
        let second = second.then(|| {
            Ok::<_, Error>(Second {
                mean: device.alloc_zeros(width)?,
                scatter: device.alloc_zeros(width * width)?,
            })
        });
        Ok(Self {
            device: device.clone(),
            width,
            rows: 0,
            second: second.transpose()?,
            units: direction.then(|| device.alloc_zeros(2 * width)).transpose()?,
            norms: device.clone_htod(&none)?,
        })
    }

    /// Folds the rows of a T×d tensor that `places` names.
    ///
    /// # Errors
    /// When a row is not there, shapes do not fit or a launch fails.
    pub fn absorb(&mut self, states: Operand<'_>, places: &[u32]) -> Result<()> {
        let (rows, width) = states.1.shape().dims2()?;
        if width != self.width || places.iter().any(|&place| place as usize >= rows) {
            bail!("moments of width {} cannot take rows of a {rows}x{width} tensor", self.width);
        }
        if places.is_empty() {
            return Ok(());
        }
        by_format!(states.0, "moments", absorb_rows(self, states, places))
    }

    /// Returns what was folded; `None` when a row was not finite.
    ///
    /// # Errors
    /// When the device fails.
    pub fn finish(self) -> Result<Option<FoldedSums>> {
        let norms = self.device.clone_dtoh(&self.norms)?;
        if norms[6] > 0.0 {
            return Ok(None);
        }
        let second = self.second.map(|second| {
            Ok::<_, Error>(SecondSums {
                n: self.rows,
                mean: self.device.clone_dtoh(&second.mean)?,
                lower: self.device.clone_dtoh(&second.scatter)?,
            })
        });
        let direction = self.units.map(|units| {
            let mut unit_sum = self.device.clone_dtoh(&units)?;
            let unit_square_sum = unit_sum.split_off(self.width);
            Ok::<_, Error>(DirectionSums {
                n: self.rows,
                zero_rows: norms[5] as u64,
                unit_sum,
                unit_square_sum,
                norm_mean: norms[1],
                norm_scatter: norms[2],
                norm_min: norms[3],
                norm_max: norms[4],
            })
        });
        Ok(Some(FoldedSums { second: second.transpose()?, direction: direction.transpose()? }))
    }
}

/// What the kernels of one batch share.
struct Batch<'a, T> {
    device: CudaDevice,
    values: candle_core::cuda_backend::cudarc::driver::CudaView<'a, T>,
    places: CudaSlice<u32>,
    rows: usize,
    width: usize,
    /// Blocks of rows.
    blocks: usize,
}

impl<T: Format> Batch<'_, T> {
    fn columns(&self) -> u32 {
        (self.width as u32).div_ceil(THREADS)
    }

    /// total ← keep·total + factor·Σ partial, `columns` wide.
    fn reduce(
        &self,
        partial: &CudaSlice<f64>,
        columns: usize,
        total: &mut CudaSlice<f64>,
        keep: f64,
        factor: f64,
    ) -> Result<()> {
        let function = kernel(&self.device, MOMENTS, "add_partials")?;
        let (blocks, width) = (self.blocks as i32, columns as i32);
        let mut builder = function.builder();
        builder.arg(partial).arg(&blocks).arg(&width).arg(total).arg(&keep).arg(&factor);
        // SAFETY: the kernel takes (const double*, int, int, double*, double, double); `partial` has blocks×columns elements, `total` columns.
        unsafe { builder.launch(over(columns, THREADS)) }.w()?;
        Ok(())
    }
}

fn absorb_rows<T: Format>(moments: &mut DeviceMoments, states: Operand<'_>, places: &[u32]) -> Result<()> {
    let device = moments.device.clone();
    let (rows, width) = (places.len(), moments.width);
    let batch = Batch::<T> {
        values: view::<T>("moments", states)?,
        places: device.clone_htod(places)?,
        rows,
        width,
        blocks: rows.div_ceil(BLOCK_ROWS),
        device,
    };
    let norms = row_norms(&batch)?;
    let function = kernel(&batch.device, MOMENTS, "merge_norms")?;
    let rows_arg = rows as i32;
    let mut builder = function.builder();
    builder.arg(&norms).arg(&rows_arg).arg(&mut moments.norms);
    // SAFETY: the kernel takes (const double*, int, double*) with `rows` norms and seven values of state, in one block of 256 threads.
    unsafe { builder.launch(grid((1, 1), 256)) }.w()?;
    if let Some(units) = &mut moments.units {
        sum_units(&batch, &norms, units)?;
    }
    if let Some(second) = &mut moments.second {
        fold_second(&batch, second, moments.rows)?;
    }
    moments.rows += rows as u64;
    Ok(())
}

fn row_norms<T: Format>(batch: &Batch<'_, T>) -> Result<CudaSlice<f64>> {
    // SAFETY: the kernel below writes every element before anything reads one.
    let mut norms = unsafe { batch.device.alloc::<f64>(batch.rows)? };
    let function = kernel(&batch.device, MOMENTS, &format!("row_norms_{}", T::NAME))?;
    let (rows, width) = (batch.rows as i32, batch.width as i32);
    let mut builder = function.builder();
    builder.arg(&batch.values).arg(&batch.places).arg(&rows).arg(&width).arg(&mut norms);
    let blocks = (batch.rows as u32).div_ceil(THREADS / 32);
    // SAFETY: the kernel takes (const T*, const uint32_t*, int, int, double*), a warp a row; `absorb` checked that every place is a row.
    unsafe { builder.launch(grid((blocks, 1), THREADS)) }.w()?;
    Ok(norms)
}

fn sum_units<T: Format>(
    batch: &Batch<'_, T>,
    norms: &CudaSlice<f64>,
    units: &mut CudaSlice<f64>,
) -> Result<()> {
    // SAFETY: the kernel below writes every element before anything reads one.
    let mut partial = unsafe { batch.device.alloc::<f64>(batch.blocks * 2 * batch.width)? };
    let function = kernel(&batch.device, MOMENTS, &format!("sum_units_{}", T::NAME))?;
    let (rows, width) = (batch.rows as i32, batch.width as i32);
    let mut builder = function.builder();
    builder.arg(&batch.values).arg(&batch.places).arg(norms).arg(&rows).arg(&width).arg(&mut partial);
    // SAFETY: the kernel takes (const T*, const uint32_t*, const double*, int, int, double*) and writes 2·width values a block of rows.
    unsafe { builder.launch(grid((batch.columns(), batch.blocks as u32), THREADS)) }.w()?;
    batch.reduce(&partial, 2 * batch.width, units, 1.0, 1.0)
}

/// Merges the batch's count, mean and scatter (Chan et al. 1983): centred first, so that a mean far from zero costs no digits.
fn fold_second<T: Format>(batch: &Batch<'_, T>, second: &mut Second, before: u64) -> Result<()> {
    let Batch { device, rows, width, .. } = batch;
    let (rows_arg, width_arg) = (*rows as i32, *width as i32);
    // SAFETY: the kernels below write every element of each before anything reads one.
    let mut partial = unsafe { device.alloc::<f64>(batch.blocks * width)? };
    let mut mean = unsafe { device.alloc::<f64>(*width)? };
    let mut centred = unsafe { device.alloc::<f64>(rows * width)? };
    let function = kernel(device, MOMENTS, &format!("sum_columns_{}", T::NAME))?;
    let mut builder = function.builder();
    builder.arg(&batch.values).arg(&batch.places).arg(&rows_arg).arg(&width_arg).arg(&mut partial);
    // SAFETY: the kernel takes (const T*, const uint32_t*, int, int, double*) and writes `width` values a block of rows.
    unsafe { builder.launch(grid((batch.columns(), batch.blocks as u32), THREADS)) }.w()?;
    batch.reduce(&partial, *width, &mut mean, 0.0, 1.0 / *rows as f64)?;
    let function = kernel(device, MOMENTS, &format!("centre_rows_{}", T::NAME))?;
    let mut builder = function.builder();
    builder.arg(&batch.values).arg(&batch.places).arg(&mean).arg(&mut centred).arg(&rows_arg).arg(&width_arg);
    // SAFETY: the kernel takes (const T*, const uint32_t*, const double*, double*, int, int) and writes rows×width values.
    unsafe { builder.launch(over(rows * width, 256)) }.w()?;
    add_gram(device, &centred, *rows, *width, &mut second.scatter)?;
    let total = (before + *rows as u64) as f64;
    if before > 0 {
        let weight = before as f64 * (*rows as f64 / total);
        let function = kernel(device, MOMENTS, "shift_scatter")?;
        let mut builder = function.builder();
        builder.arg(&mut second.scatter).arg(&second.mean).arg(&mean).arg(&width_arg).arg(&weight);
        // SAFETY: the kernel takes (double*, const double*, const double*, int, double) of width² and width values.
        unsafe { builder.launch(over(width * width, 256)) }.w()?;
    }
    let function = kernel(device, MOMENTS, "shift_mean")?;
    let share = *rows as f64 / total;
    let mut builder = function.builder();
    builder.arg(&mut second.mean).arg(&mean).arg(&width_arg).arg(&share);
    // SAFETY: the kernel takes (double*, const double*, int, double) of width values.
    unsafe { builder.launch(over(*width, THREADS)) }.w()?;
    Ok(())
}

/// scatter += XᵀX for n×d rows.
fn add_gram(
    device: &CudaDevice,
    x: &CudaSlice<f64>,
    rows: usize,
    width: usize,
    scatter: &mut CudaSlice<f64>,
) -> Result<()> {
    let (stream, library) = (device.cuda_stream(), device.cublas_handle());
    stream.context().bind_to_thread().w()?;
    let (x, _x_used) = x.device_ptr(&stream);
    let (scatter, _scatter_used) = scatter.device_ptr_mut(&stream);
    let (one, d) = (1.0_f64, width as i32);
    let _launching = library_call();
    // The whole product takes half the time of the one triangle that is needed, for which the library has slower kernels.
    // SAFETY: the handle is that of the stream on which both were allocated; by columns X is d×n with leading dimension d. The scalars
    // live until the call returns.
    let status = unsafe {
        sys::cublasDgemm_v2(
            *library.handle(),
            sys::cublasOperation_t::CUBLAS_OP_N,
            sys::cublasOperation_t::CUBLAS_OP_T,
            d,
            d,
            rows as i32,
            &raw const one,
            x as *const f64,
            d,
            x as *const f64,
            d,
            &raw const one,
            scatter as *mut f64,
            d,
        )
    };
    match status {
        sys::cublasStatus_t::CUBLAS_STATUS_SUCCESS => Ok(()),
        failed => bail!("the scatter of {rows}x{width} rows failed: {failed:?}"),
    }
}
