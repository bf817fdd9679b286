//! Neighbouring rows side by side.

use candle_core::backend::BackendStorage;
use candle_core::cuda_backend::cudarc::driver::PushKernelArg;
use candle_core::cuda_backend::{CudaStorage, WrapErr};
use candle_core::{Result, bail};

use crate::format::{Format, Operand, by_format, view};
use crate::launch::{UNFOLD, kernel, over};

/// Joins every row of a T×W tensor with its neighbours, T×(`size`·W): row t holds rows t − (`size`−1)/2 to t + (`size`−1)/2 of its own
/// sequence, zeros for those outside.
///
/// `offsets` are the cumulative lengths of the sequences, from 0 to T; `size` is odd.
///
/// # Errors
/// When shapes do not fit, the tensor is not contiguous or the launch fails.
pub fn unfold(x: Operand<'_>, offsets: &[usize], size: usize) -> Result<CudaStorage> {
    let (rows, _) = x.1.shape().dims2()?;
    if size.is_multiple_of(2) {
        bail!("unfold needs an odd number of neighbours, not {size}");
    }
    if offsets.last().is_some_and(|&end| end != rows) {
        bail!("unfold got {rows} rows for sequences that end at {:?}", offsets.last());
    }
    by_format!(x.0, "unfold", run(x, offsets, size))
}

fn run<T: Format>(x: Operand<'_>, offsets: &[usize], size: usize) -> Result<CudaStorage> {
    let device = x.0.device.clone();
    let (rows, width) = x.1.shape().dims2()?;
    let values = view::<T>("unfold", x)?;
    let bounds: Vec<u32> = offsets
        .windows(2)
        .flat_map(|bounds| (bounds[0]..bounds[1]).flat_map(|_| [bounds[0] as u32, bounds[1] as u32]))
        .collect();
    let bounds = device.clone_htod(&bounds)?;
    let n = rows * size * width;
    // SAFETY: the kernel below writes every element before anything reads one.
    let mut y = unsafe { device.alloc::<T>(n)? };
    let function = kernel(&device, UNFOLD, &format!("unfold_{}", T::NAME))?;
    let (width_arg, size_arg) = (width as i32, size as i32);
    let mut builder = function.builder();
    builder.arg(&values).arg(&bounds).arg(&mut y).arg(&n).arg(&width_arg).arg(&size_arg);
    // SAFETY: the kernel takes (const T*, const Bounds*, T*, size_t, int, int). Bounds are two uint32_t, one pair a row, and lie inside the
    // rows; the kernel reads rows inside them alone, and writes the n elements of `y`.
    unsafe { builder.launch(over(n, 256)) }.w()?;
    Ok(CudaStorage { slice: T::wrap(y), device })
}
