//! Opening a GPU.

use candle_core::cuda_backend::WrapErr;
use candle_core::cuda_backend::cudarc::driver::sys;
use candle_core::cuda_backend::cudarc::driver::{CudaContext, DriverError};
use candle_core::{CudaDevice, Device, Error, Result};

/// Opens the GPU of an ordinal, with one stream for everything that this process does on it.
///
/// Threads may share the device: what each of them launches runs in the order in which it was launched.
///
/// # Errors
/// When there is no such GPU, or its driver is too old.
pub fn open(ordinal: usize) -> Result<Device> {
    let device = CudaDevice::new_with_stream(ordinal)?;
    // SAFETY: tracking orders the uses of memory by several streams. Everything here, allocations and copies included, goes to
    // the one stream made above, so their order is the order of the calls.
    unsafe { device.disable_event_tracking() };
    keep_memory(device.cuda_stream().context()).w()?;
    Ok(Device::Cuda(device))
}

/// Lets the driver keep freed memory for the next batch instead of giving it back whenever the stream is waited for.
fn keep_memory(context: &CudaContext) -> std::result::Result<(), DriverError> {
    let mut pool = std::ptr::null_mut();
    let mut threshold = u64::MAX;
    context.bind_to_thread()?;
    // SAFETY: the context of the device is bound to this thread; `pool` is written by the first call before the second reads it;
    // the attribute is a u64, as `threshold` is, and it is copied.
    unsafe {
        sys::cuDeviceGetDefaultMemPool(&raw mut pool, context.cu_device()).result()?;
        sys::cuMemPoolSetAttribute(
            pool,
            sys::CUmemPool_attribute::CU_MEMPOOL_ATTR_RELEASE_THRESHOLD,
            (&raw mut threshold).cast(),
        )
        .result()
    }
}

/// Returns the compute capability of a GPU, major and minor.
///
/// # Errors
/// When the device is no GPU, or does not answer.
pub fn compute_capability(device: &Device) -> Result<(i32, i32)> {
    use sys::CUdevice_attribute as Attribute;
    let stream = device.as_cuda_device()?.cuda_stream();
    let ask = |attribute| stream.context().attribute(attribute).w();
    Ok((
        ask(Attribute::CU_DEVICE_ATTRIBUTE_COMPUTE_CAPABILITY_MAJOR)?,
        ask(Attribute::CU_DEVICE_ATTRIBUTE_COMPUTE_CAPABILITY_MINOR)?,
    ))
}

/// Returns the memory of a GPU in bytes, free or not.
///
/// # Errors
/// When the device is no GPU, or does not answer.
pub fn memory_bytes(device: &Device) -> Result<u64> {
    let (_, total) = device.as_cuda_device()?.cuda_stream().context().mem_get_info().w()?;
    Ok(total as u64)
}

/// Tells whether an operation failed because the memory of the device was full: a smaller batch may pass.
#[must_use]
pub fn is_out_of_memory(error: &Error) -> bool {
    let mut source: Option<&(dyn std::error::Error + 'static)> = Some(error);
    while let Some(found) = source {
        let text = found.to_string();
        if text.contains("CUDA_ERROR_OUT_OF_MEMORY") || text.contains("CUBLAS_STATUS_ALLOC_FAILED") {
            return true;
        }
        source = found.source();
    }
    false
}
