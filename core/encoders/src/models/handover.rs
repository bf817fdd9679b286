//! Handing hidden states to their receiver.

use candle_core::{Error, Storage, Tensor};
use ndarray::ArrayView2;

use crate::encoder::HiddenStateSink;
use crate::error::EncoderError;

/// Hands one layer's T×H states over, when the sink wants them; on the CPU without a copy.
pub(super) fn push(
    layer: usize,
    states: &Tensor,
    sink: &mut dyn HiddenStateSink,
) -> Result<(), EncoderError> {
    if !sink.wants(layer) {
        return Ok(());
    }
    let failed = |source| EncoderError::Compute { step: "handing hidden states over", source };
    let (rows, width) = states.dims2().map_err(failed)?;
    let (storage, layout) = states.storage_and_layout();
    let copied;
    let values = if let (Storage::Cpu(cpu), Some((start, end))) = (&*storage, layout.contiguous_offsets()) {
        &cpu.as_slice::<f32>().map_err(failed)?[start..end]
    } else {
        copied = states.flatten_all().and_then(|flat| flat.to_vec1::<f32>()).map_err(failed)?;
        &copied
    };
    let view = ArrayView2::from_shape((rows, width), values).map_err(|e| failed(Error::wrap(e)))?;
    sink.layer(layer, view).map_err(|source| EncoderError::Sink { layer, source })
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
