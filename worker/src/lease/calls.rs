//! Calls of the coordinator: a deadline on each, and which failures pass by themselves.

use super::running::InWork;
use super::session::Session;
use crate::error::WorkerError;
use backon::{BackoffBuilder, ExponentialBuilder, Retryable as _};
use isoscope_proto::errors::{self, Reason};
use std::error::Error as _;
use std::time::Duration;
use tonic::{Code, Response, Status};

/// Longest that a unary call may take.
pub(super) const UNARY: Duration = Duration::from_secs(5);

/// The first pause, and the longest. Each is drawn evenly between zero and its bound, so that a fleet whose coordinator comes
/// back does not come back all at once.
const PAUSES: (Duration, Duration) = (Duration::from_millis(200), Duration::from_secs(10));

/// Pauses between attempts, without end.
pub(super) fn pauses() -> impl BackoffBuilder {
    let bounds = ExponentialBuilder::new()
        .with_min_delay(PAUSES.0)
        .with_factor(2.0)
        .with_max_delay(PAUSES.1)
        .without_max_times();
    bounds.build().map(|bound| bound.mul_f64(fastrand::f64()))
}

/// Waits for an answer, but not longer than `deadline`.
pub(super) async fn within<T>(
    deadline: Duration,
    call: impl Future<Output = Result<Response<T>, Status>>,
) -> Result<T, Status> {
    match tokio::time::timeout(deadline, call).await {
        Ok(answer) => answer.map(Response::into_inner),
        Err(_) => Err(Status::deadline_exceeded(format!("no answer within {deadline:?}"))),
    }
}

/// Tells whether the coordinator says that the session has ended.
pub(super) fn is_expired(status: &Status) -> bool {
    errors::reason(status) == Some(Reason::SessionExpired)
}

/// Tells whether a refusal of this worker as such cannot pass: somebody has to change something.
pub(super) fn is_final(status: &Status) -> bool {
    errors::reason(status) == Some(Reason::ProtocolVersion)
        || matches!(status.code(), Code::Unauthenticated | Code::PermissionDenied | Code::InvalidArgument)
}

/// Tells whether a failure passes by itself: the coordinator is away, slow, stopping, or has lost its store.
fn is_passing(status: &Status) -> bool {
    match errors::reason(status) {
        Some(Reason::StoreUnavailable | Reason::Stopping) => true,
        Some(_) => false,
        // A status with a source was made here, when the connection broke: its code says little.
        None => {
            status.source().is_some()
                || matches!(status.code(), Code::Unavailable | Code::DeadlineExceeded | Code::Cancelled)
        }
    }
}

/// Why a call on behalf of a task was given up.
#[derive(Debug)]
pub(super) enum GivenUp {
    /// The task is not this worker's any more: nothing is to be answered.
    TakenBack,
    /// The coordinator refused, and would again.
    Refused(Status),
}

impl GivenUp {
    fn of(status: Status) -> Self {
        let lost = is_expired(&status) || errors::reason(&status) == Some(Reason::LeaseLost);
        if lost || status.code() == Code::Aborted { Self::TakenBack } else { Self::Refused(status) }
    }
}

impl From<GivenUp> for WorkerError {
    fn from(given_up: GivenUp) -> Self {
        match given_up {
            GivenUp::TakenBack => Self::Revoked,
            GivenUp::Refused(status) => status.into(),
        }
    }
}

/// Makes a call on behalf of a task, again and again until it is answered or the task is taken back. Nothing is sent once the
/// task is taken back or the session no longer holds.
pub(super) async fn insist<T, C>(
    session: &Session,
    in_work: &InWork,
    mut call: impl FnMut() -> C,
) -> Result<T, GivenUp>
where
    C: Future<Output = Result<T, Status>>,
{
    let attempt = || {
        // The clock is asked too: a process that was frozen wakes up before its timers have fired.
        let may = session.is_valid() && !in_work.is_revoked();
        let call = may.then(&mut call);
        async move {
            match call {
                Some(call) => call.await.map_err(GivenUp::of),
                None => Err(GivenUp::TakenBack),
            }
        }
    };
    let insisting = attempt
        .retry(pauses())
        .when(|given_up| matches!(given_up, GivenUp::Refused(status) if is_passing(status)))
        .notify(|given_up, pause| tracing::debug!(task = in_work.task(), ?given_up, ?pause, "trying again"));
    tokio::select! {
        biased;
        () = in_work.taken_back.cancelled() => Err(GivenUp::TakenBack),
        done = insisting => done,
    }
}
