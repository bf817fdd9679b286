//! States and models as bytes.

use isoscope_plugin_abi as abi;
use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::{Error, Result};

/// Encodes a state or a model.
pub(crate) fn encode<T: Serialize>(value: &T) -> Result<Vec<u8>> {
    postcard::to_stdvec(value)
        .map_err(|error| Error::Failed(format!("cannot encode a state or a model: {error}")))
}

/// Decodes what `encode` wrote; bytes that are left over are an error.
pub(crate) fn decode<T: DeserializeOwned>(bytes: &[u8], what: &str) -> Result<T> {
    let broken =
        |reason: &str| Error::Invalid(format!("the bytes of the {what} are not of this op: {reason}"));
    match postcard::take_from_bytes(bytes) {
        Ok((value, [])) => Ok(value),
        Ok((_, rest)) => Err(broken(&format!("{} bytes are left over", rest.len()))),
        Err(error) => Err(broken(&error.to_string())),
    }
}

/// Decodes a model; no bytes are the first model.
pub(crate) fn decode_model<M: DeserializeOwned + Default>(bytes: &[u8]) -> Result<M> {
    if bytes.is_empty() { Ok(M::default()) } else { decode(bytes, "model") }
}

/// Writes bytes into the host's sink.
///
/// # Safety
/// `sink` is valid as the header says.
pub(crate) unsafe fn write(sink: abi::iso_sink, bytes: &[u8]) -> Result<()> {
    let write = sink.write.ok_or_else(|| Error::invalid("the host gave a sink without a write function"))?;
    // SAFETY: the caller vouches for the sink; the bytes live for the call.
    if unsafe { write(sink.ctx, bytes.as_ptr(), bytes.len()) } == 0 {
        Ok(())
    } else {
        Err(Error::resource(format!("the host refused {} bytes of state or model", bytes.len())))
    }
}
