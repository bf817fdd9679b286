//! Maps of single elements.

use candle_core::backend::BackendStorage;
use candle_core::cuda_backend::cudarc::driver::PushKernelArg;
use candle_core::cuda_backend::{CudaStorage, WrapErr};
use candle_core::{Layout, Result, bail};

use crate::format::{Format, Operand, by_format, view};
use crate::launch::{ELEMENTWISE, kernel, over};

/// A function of one element; the numbers are those of the kernels.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(i32)]
pub enum Activation {
    /// x.
    Identity = 0,
    /// x·Φ(x), exactly.
    Gelu = 1,
    /// The tanh approximation of it.
    GeluTanh = 2,
    /// max(x, 0).
    Relu = 3,
    /// x/(1 + e⁻ˣ).
    Silu = 4,
    /// The hyperbolic tangent.
    Tanh = 5,
}

const THREADS: u32 = 256;
/// Elements that a thread of a kernel on packs takes at a time.
const PACK: usize = 8;

/// Applies an activation to every element of a contiguous tensor, in place.
///
/// # Errors
/// When the tensor is not contiguous or the launch fails.
pub fn activate(storage: &mut CudaStorage, layout: &Layout, activation: Activation) -> Result<()> {
    fn run<T: Format>(storage: &mut CudaStorage, layout: &Layout, activation: Activation) -> Result<()> {
        let Some((start, end)) = layout.contiguous_offsets() else {
            bail!("activation needs a contiguous tensor");
        };
        if start == end {
            return Ok(());
        }
        let function = kernel(&storage.device.clone(), ELEMENTWISE, &format!("activate_{}", T::NAME))?;
        let mut values = storage.as_cuda_slice_mut::<T>()?.slice_mut(start..end);
        let (n, code) = (end - start, activation as i32);
        let mut builder = function.builder();
        builder.arg(&mut values).arg(&n).arg(&code);
        // SAFETY: the kernel takes (T*, size_t, int) and touches the n elements of `values` alone.
        unsafe { builder.launch(over(n.div_ceil(PACK), THREADS)) }.w()?;
        Ok(())
    }
    by_format!(storage, "activation", run(storage, layout, activation))
}

/// Adds `y` to `x`, of one shape, in place.
///
/// # Errors
/// When shapes or number formats differ, a tensor is not contiguous or the launch fails.
pub fn add(x: &mut CudaStorage, layout: &Layout, y: Operand<'_>) -> Result<()> {
    fn run<T: Format>(x: &mut CudaStorage, layout: &Layout, y: Operand<'_>) -> Result<()> {
        let Some((start, end)) = layout.contiguous_offsets() else {
            bail!("add needs contiguous tensors");
        };
        let function = kernel(&x.device.clone(), ELEMENTWISE, &format!("add_rows_{}", T::NAME))?;
        let added = view::<T>("add", y)?;
        let mut values = x.as_cuda_slice_mut::<T>()?.slice_mut(start..end);
        let n = end - start;
        let mut builder = function.builder();
        builder.arg(&mut values).arg(&added).arg(&n);
        // SAFETY: the kernel takes (T*, const T*, size_t) of n elements each.
        unsafe { builder.launch(over(n, THREADS)) }.w()?;
        Ok(())
    }
    if layout.shape() != y.1.shape() {
        bail!("cannot add {:?} to {:?}", y.1.shape(), layout.shape());
    }
    by_format!(x, "add", run(x, layout, y))
}

/// Computes activation(a)·b for every row (a, b) of a T×2N tensor; the result is T×N.
///
/// # Errors
/// When the rows cannot be halved, the tensor is not contiguous or the launch fails.
pub fn gate(x: Operand<'_>, activation: Activation) -> Result<CudaStorage> {
    fn run<T: Format>(x: Operand<'_>, activation: Activation) -> Result<CudaStorage> {
        let (rows, width) = x.1.shape().dims2()?;
        let device = x.0.device.clone();
        let values = view::<T>("gate", x)?;
        let (n, half) = (rows * width / 2, (width / 2) as i32);
        // SAFETY: the kernel below writes every element before anything reads one.
        let mut z = unsafe { device.alloc::<T>(n)? };
        let function = kernel(&device, ELEMENTWISE, &format!("gate_rows_{}", T::NAME))?;
        let code = activation as i32;
        let mut builder = function.builder();
        builder.arg(&values).arg(&mut z).arg(&n).arg(&half).arg(&code);
        // SAFETY: the kernel takes (const T*, T*, size_t, int, int), reads 2n elements and writes n.
        unsafe { builder.launch(over(n, THREADS)) }.w()?;
        Ok(CudaStorage { slice: T::wrap(z), device })
    }
    if x.1.shape().dims2()?.1 % 2 != 0 {
        bail!("gate cannot halve rows of {:?}", x.1.shape());
    }
    by_format!(x.0, "gate", run(x, activation))
}
