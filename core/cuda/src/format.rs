//! Number formats of hidden states, and views of tensors in one of them.

use candle_core::cuda_backend::cudarc::driver::{CudaSlice, CudaView, DeviceRepr};
use candle_core::cuda_backend::{CudaDType, CudaStorage, CudaStorageSlice};
use candle_core::{Layout, Result, bail};
use half::{bf16, f16};

/// A number format that kernels exist for.
pub(crate) trait Format: CudaDType + DeviceRepr + 'static {
    /// How names of kernels end.
    const NAME: &'static str;

    /// Takes memory of the device as a tensor's.
    fn wrap(slice: CudaSlice<Self>) -> CudaStorageSlice;
}

impl Format for f32 {
    const NAME: &'static str = "f32";

    fn wrap(slice: CudaSlice<Self>) -> CudaStorageSlice {
        CudaStorageSlice::F32(slice)
    }
}

impl Format for f16 {
    const NAME: &'static str = "f16";

    fn wrap(slice: CudaSlice<Self>) -> CudaStorageSlice {
        CudaStorageSlice::F16(slice)
    }
}

impl Format for bf16 {
    const NAME: &'static str = "bf16";

    fn wrap(slice: CudaSlice<Self>) -> CudaStorageSlice {
        CudaStorageSlice::BF16(slice)
    }
}

/// A tensor on the device: its memory and its layout.
pub(crate) type Operand<'a> = (&'a CudaStorage, &'a Layout);

/// Returns the elements of a row-major tensor.
pub(crate) fn view<'a, T: Format>(op: &str, tensor: Operand<'a>) -> Result<CudaView<'a, T>> {
    let (storage, layout) = tensor;
    let Some((start, end)) = layout.contiguous_offsets() else {
        bail!("{op} needs contiguous tensors, not strides {:?}", layout.stride());
    };
    Ok(storage.as_cuda_slice::<T>()?.slice(start..end))
}

/// Calls a function of the storage's number format; `BackendStorage` must be in scope.
macro_rules! by_format {
    ($storage:expr, $op:expr, $function:ident($($argument:expr),* $(,)?)) => {
        match &$storage.slice {
            candle_core::cuda_backend::CudaStorageSlice::F32(_) => $function::<f32>($($argument),*),
            candle_core::cuda_backend::CudaStorageSlice::F16(_) => $function::<half::f16>($($argument),*),
            candle_core::cuda_backend::CudaStorageSlice::BF16(_) => $function::<half::bf16>($($argument),*),
            _ => candle_core::bail!("{} has no kernel for {:?}", $op, $storage.dtype()),
        }
    };
}
pub(crate) use by_format;
