//! The way to a coordinator: a channel that carries a client's credentials.

use std::time::Duration;
use tonic::metadata::{Ascii, MetadataValue};
use tonic::service::Interceptor;
use tonic::service::interceptor::InterceptedService;
use tonic::transport::{Channel, Endpoint};
use tonic::{Request, Status};

/// Metadata key of the token.
pub const AUTHORIZATION: &str = "authorization";

/// How often an idle connection is probed, so that one whose other end has vanished is noticed.
const KEEP_ALIVE: Duration = Duration::from_secs(20);
/// Longest that setting up a connection may take.
const CONNECT: Duration = Duration::from_secs(5);

/// A channel to a coordinator, with credentials on every call.
pub type Link = InterceptedService<Channel, Credentials>;

/// A coordinator's address or a token that cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum LinkError {
    /// The address is malformed.
    #[error("`{url}` is no address of a coordinator; write it as http://HOST:PORT")]
    Address {
        /// What was given.
        url: String,
    },
    /// The token holds characters that cannot be sent.
    #[error("the token holds characters other than printable ASCII")]
    Token,
}

/// What a client shows a coordinator: a bearer token, or nothing.
#[derive(Debug, Clone, Default)]
pub struct Credentials(Option<MetadataValue<Ascii>>);

impl Credentials {
    /// No token, for a coordinator that asks for none.
    #[must_use]
    pub fn none() -> Self {
        Self(None)
    }

    /// A bearer token.
    ///
    /// # Errors
    /// When it is not printable ASCII.
    pub fn bearer(token: &str) -> Result<Self, LinkError> {
        let mut value: MetadataValue<Ascii> =
            format!("Bearer {token}").parse().map_err(|_| LinkError::Token)?;
        value.set_sensitive(true);
        Ok(Self(Some(value)))
    }

    /// Shows these credentials on every call over `channel`.
    #[must_use]
    pub fn over(self, channel: Channel) -> Link {
        InterceptedService::new(channel, self)
    }
}

impl Interceptor for Credentials {
    fn call(&mut self, mut request: Request<()>) -> Result<Request<()>, Status> {
        if let Some(token) = &self.0 {
            request.metadata_mut().insert(AUTHORIZATION, token.clone());
        }
        Ok(request)
    }
}

/// Makes a link to the coordinator at `url`. Nothing is sent before the first call, and a broken connection is set up anew at
/// the next one.
///
/// # Errors
/// When the address or the token is malformed.
pub fn connect_lazy(url: &str, token: Option<&str>) -> Result<Link, LinkError> {
    let malformed = || LinkError::Address { url: url.to_owned() };
    let endpoint = Endpoint::from_shared(url.to_owned()).map_err(|_| malformed())?;
    if endpoint.uri().scheme_str() != Some("http") || endpoint.uri().authority().is_none() {
        return Err(malformed());
    }
    let endpoint = endpoint
        .connect_timeout(CONNECT)
        .http2_keep_alive_interval(KEEP_ALIVE)
        .keep_alive_timeout(KEEP_ALIVE)
        .keep_alive_while_idle(true)
        .tcp_nodelay(true);
    let credentials = token.map_or_else(|| Ok(Credentials::none()), Credentials::bearer)?;
    Ok(credentials.over(endpoint.connect_lazy()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn an_address_that_is_none_is_refused_with_the_form_it_should_have() {
        for url in ["", "localhost:50551", "ftp://host:1", "http://", "not an address"] {
            let Err(refused) = connect_lazy(url, None) else { panic!("`{url}` was taken") };
            assert!(refused.to_string().contains("http://HOST:PORT"));
        }
        assert!(connect_lazy("http://127.0.0.1:50551", Some("s3cret")).is_ok());
        assert!(matches!(connect_lazy("http://127.0.0.1:1", Some("line\nbreak")), Err(LinkError::Token)));
    }
}
