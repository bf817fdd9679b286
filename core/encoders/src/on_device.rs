//! Hidden states that stay on the device where they were computed, and their moments there.

use candle_core::Tensor;
use isoscope_cuda::FoldedSums;

use crate::error::EncoderError;

/// The hidden states of one layer, T×H, on a device of its own.
#[derive(Debug)]
pub struct DeviceStates<'a> {
    tensor: &'a Tensor,
}

/// Moments of the rows of one layer, folded where the rows are.
pub struct DeviceMoments {
    inner: Inner,
}

impl<'a> DeviceStates<'a> {
    /// Takes a tensor that is not on the CPU.
    pub(crate) fn of(tensor: &'a Tensor) -> Option<Self> {
        (!tensor.device().is_cpu()).then_some(Self { tensor })
    }

    /// Begins to fold rows of this width on this device: count, mean and scatter if `second`, norms and unit vectors if
    /// `direction`.
    ///
    /// # Errors
    /// When the memory of the device is full.
    pub fn begin(&self, second: bool, direction: bool) -> Result<DeviceMoments, EncoderError> {
        Ok(DeviceMoments { inner: begin(self.tensor, second, direction).map_err(failed)? })
    }
}

impl DeviceMoments {
    /// Folds the rows of `states` that `rows` names.
    ///
    /// # Errors
    /// When a row is not there, the width is another or the device fails.
    pub fn absorb(&mut self, states: &DeviceStates<'_>, rows: &[u32]) -> Result<(), EncoderError> {
        absorb(&mut self.inner, states.tensor, rows).map_err(failed)
    }

    /// Returns the sums; `None` when a row was not finite.
    ///
    /// # Errors
    /// When the device fails.
    pub fn finish(self) -> Result<Option<FoldedSums>, EncoderError> {
        finish(self.inner).map_err(failed)
    }
}

fn failed(source: candle_core::Error) -> EncoderError {
    EncoderError::Compute { step: "folding hidden states on the device", source }
}

#[cfg(feature = "cuda")]
type Inner = isoscope_cuda::DeviceMoments;

#[cfg(feature = "cuda")]
fn begin(tensor: &Tensor, second: bool, direction: bool) -> candle_core::Result<Inner> {
    let (_, width) = tensor.dims2()?;
    Inner::new(tensor.device().as_cuda_device()?, width, second, direction)
}

#[cfg(feature = "cuda")]
fn absorb(inner: &mut Inner, tensor: &Tensor, rows: &[u32]) -> candle_core::Result<()> {
    let (storage, layout) = tensor.storage_and_layout();
    match &*storage {
        candle_core::Storage::Cuda(storage) => inner.absorb((storage, layout), rows),
        _ => candle_core::bail!("moments on a device need rows on it"),
    }
}

#[cfg(feature = "cuda")]
fn finish(inner: Inner) -> candle_core::Result<Option<FoldedSums>> {
    inner.finish()
}

/// There is no device but the CPU.
#[cfg(not(feature = "cuda"))]
enum Inner {}

#[cfg(not(feature = "cuda"))]
fn begin(tensor: &Tensor, _: bool, _: bool) -> candle_core::Result<Inner> {
    candle_core::bail!("no moments are folded on {:?}", tensor.device())
}

#[cfg(not(feature = "cuda"))]
fn absorb(inner: &mut Inner, _: &Tensor, _: &[u32]) -> candle_core::Result<()> {
    match *inner {}
}

#[cfg(not(feature = "cuda"))]
fn finish(inner: Inner) -> candle_core::Result<Option<FoldedSums>> {
    match inner {}
}
