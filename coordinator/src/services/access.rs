//! Who may call: everyone, or those who show the coordinator's token.

use isoscope_core::digest::sha256;
use isoscope_proto::errors::{self, Reason};
use isoscope_proto::link::AUTHORIZATION;
use tonic::service::Interceptor;
use tonic::{Code, Request, Status};

/// Lets a call through when it shows the right token, or when none is asked for.
#[derive(Debug, Clone)]
pub(crate) struct Access {
    /// Digest of the token: digests are compared, so that the time taken says nothing about the token.
    expected: Option<String>,
}

impl Access {
    pub(crate) fn new(token: Option<&str>) -> Self {
        Self { expected: token.map(|token| sha256(token.as_bytes())) }
    }
}

impl Interceptor for Access {
    fn call(&mut self, request: Request<()>) -> Result<Request<()>, Status> {
        let Some(expected) = &self.expected else { return Ok(request) };
        let shown = request.metadata().get(AUTHORIZATION).and_then(|value| value.to_str().ok());
        match shown.and_then(|value| value.strip_prefix("Bearer ")) {
            Some(token) if sha256(token.as_bytes()) == *expected => Ok(request),
            Some(_) => Err(refused("the token is not the coordinator's")),
            None => Err(refused("this coordinator asks for a token; name its file with --token-file")),
        }
    }
}

fn refused(message: &str) -> Status {
    errors::status(Code::Unauthenticated, Reason::Token, message)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    fn call(access: &Access, authorization: Option<&str>) -> Result<(), Code> {
        let mut request = Request::new(());
        if let Some(value) = authorization {
            request.metadata_mut().insert(AUTHORIZATION, value.parse().unwrap());
        }
        access.clone().call(request).map(|_| ()).map_err(|status| status.code())
    }

    #[test]
    fn only_the_right_token_opens() {
        let access = Access::new(Some("0123456789abcdef"));
        assert_eq!(call(&access, Some("Bearer 0123456789abcdef")), Ok(()));
        for wrong in [None, Some("Bearer 0123456789abcdee"), Some("Bearer "), Some("0123456789abcdef")] {
            assert_eq!(call(&access, wrong), Err(Code::Unauthenticated));
        }
    }

    #[test]
    fn without_a_token_everyone_may_call() {
        assert_eq!(call(&Access::new(None), None), Ok(()));
    }
}
