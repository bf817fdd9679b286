//! Handing hidden states to their receiver.

use candle_core::{CpuStorage, DType, Error, Storage, Tensor};
use ndarray::ArrayView2;

use crate::encoder::HiddenStateSink;
use crate::error::EncoderError;
use crate::on_device::DeviceStates;

/// Hands one layer's T×H states over, when the sink wants them: f32 on the CPU without a copy, states on another device there first.
pub(super) fn push(
    layer: usize,
    states: &Tensor,
    sink: &mut dyn HiddenStateSink,
) -> Result<(), EncoderError> {
    if !sink.wants(layer) {
        return Ok(());
    }
    let not_taken = |source| EncoderError::Sink { layer, source };
    if let Some(there) = DeviceStates::of(states)
        && sink.layer_on_device(layer, &there).map_err(not_taken)?
    {
        return Ok(());
    }
    let failed = |source| EncoderError::Compute { step: "handing hidden states over", source };
    let (rows, width) = states.dims2().map_err(failed)?;
    let (storage, layout) = states.storage_and_layout();
    let wide;
    let values = if let (Storage::Cpu(CpuStorage::F32(values)), Some((start, end))) =
        (&*storage, layout.contiguous_offsets())
    {
        &values[start..end]
    } else {
        wide = states
            .to_dtype(DType::F32)
            .and_then(|states| states.flatten_all()?.to_vec1::<f32>())
            .map_err(failed)?;
        &wide
    };
    let view = ArrayView2::from_shape((rows, width), values).map_err(|e| failed(Error::wrap(e)))?;
    sink.layer(layer, view).map_err(not_taken)
}

/// Hands over layers 0 to `last` of a batch without tokens.
pub(super) fn push_empty(
    width: usize,
    last: usize,
    sink: &mut dyn HiddenStateSink,
) -> Result<(), EncoderError> {
    let nothing = ndarray::Array2::<f32>::zeros((0, width));
    for layer in (0..=last).filter(|&layer| sink.wants(layer)).collect::<Vec<_>>() {
        sink.layer(layer, nothing.view()).map_err(|source| EncoderError::Sink { layer, source })?;
    }
    Ok(())
}
