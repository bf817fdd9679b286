//! Messages that are too large.

use isoscope_proto::errors::{self, Reason};
use tonic::codegen::http::Response;
use tonic::{Code, Status};

/// How tonic begins to say that a message exceeds the receiver's limit. It does so with `OUT_OF_RANGE`, which a client takes for a
/// position in a stream.
const TOO_LARGE: &str = "Error, decoded message length too large";

/// Turns the answer to an oversized message into `RESOURCE_EXHAUSTED` with details.
pub(crate) fn name_the_limit<B>(mut response: Response<B>) -> Response<B> {
    let oversized = Status::from_header_map(response.headers())
        .filter(|status| status.code() == Code::OutOfRange && status.message().starts_with(TOO_LARGE));
    if let Some(status) = oversized {
        let message = format!(
            "the message is larger than this coordinator takes ({}); send blobs in parts",
            status.message().trim_start_matches("Error, ")
        );
        let named = errors::status(Code::ResourceExhausted, Reason::TooLarge, message);
        // Fails only for a status that cannot be written to headers; the first one stands then.
        if let Err(error) = named.add_header(response.headers_mut()) {
            tracing::warn!(%error, "a status could not be written");
        }
    }
    response
}
