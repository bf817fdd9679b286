//! Answers of tasks: given until they are taken, and never by a task that was taken back.

use super::Shared;
use super::calls::{GivenUp, UNARY, insist, within};
use super::running::InWork;
use crate::error::WorkerError;
use isoscope_core::task::{Failure, Output};
use isoscope_proto::link::Link;
use isoscope_proto::v1::worker_service_client::WorkerServiceClient;
use isoscope_proto::v1::{CompleteTaskRequest, FailTaskRequest, FailureClass, TaskOutput};
use tonic::Status;

/// Tells the coordinator how a task ended.
pub(super) async fn give(
    shared: &Shared,
    client: &WorkerServiceClient<Link>,
    in_work: &InWork,
    outcome: Result<Output, WorkerError>,
) {
    let given = match outcome {
        Ok(output) => complete(shared, client, in_work, &output).await,
        Err(WorkerError::Revoked) => Ok(()),
        Err(error) => fail(shared, client, in_work, failure(in_work, &error)).await,
    };
    match given {
        Ok(()) => {}
        Err(GivenUp::TakenBack) => {
            tracing::debug!(task = in_work.task(), "the task was taken back");
            // Perhaps the session has ended; a heartbeat finds out.
            shared.session.nudge();
        }
        Err(GivenUp::Refused(status)) => {
            tracing::warn!(task = in_work.task(), code = ?status.code(), message = status.message(), "the answer was not taken");
        }
    }
}

/// Completes a task. An output that is refused fails the attempt: if nothing were answered, the same would happen again to
/// the next worker, and nobody would count it.
async fn complete(
    shared: &Shared,
    client: &WorkerServiceClient<Link>,
    in_work: &InWork,
    output: &Output,
) -> Result<(), GivenUp> {
    let output = Some(TaskOutput::try_from(output).map_err(|e| GivenUp::Refused(Status::from(e)))?);
    let request = CompleteTaskRequest {
        session_id: in_work.session().to_owned(),
        task_id: in_work.task().to_owned(),
        lease_epoch: in_work.epoch(),
        output,
    };
    let call = || {
        let (mut client, request) = (client.clone(), request.clone());
        async move { within(UNARY, client.complete_task(request)).await }
    };
    match insist(&shared.session, in_work, call).await {
        Err(GivenUp::Refused(status)) => {
            let message = format!("the output was refused: {}", status.message());
            let class = FailureClass::from(Failure::Transient).into();
            let failure = FailTaskRequest { failure_class: class, message, ..unnamed(in_work) };
            fail(shared, client, in_work, failure).await
        }
        answered => answered.map(drop),
    }
}

async fn fail(
    shared: &Shared,
    client: &WorkerServiceClient<Link>,
    in_work: &InWork,
    request: FailTaskRequest,
) -> Result<(), GivenUp> {
    let call = || {
        let (mut client, request) = (client.clone(), request.clone());
        async move { within(UNARY, client.fail_task(request)).await }
    };
    insist(&shared.session, in_work, call).await.map(drop)
}

fn failure(in_work: &InWork, error: &WorkerError) -> FailTaskRequest {
    FailTaskRequest {
        failure_class: FailureClass::from(error.class()).into(),
        message: error.to_string(),
        field: error.field().to_owned(),
        ..unnamed(in_work)
    }
}

/// A failure of this task, without a cause.
fn unnamed(in_work: &InWork) -> FailTaskRequest {
    FailTaskRequest {
        session_id: in_work.session().to_owned(),
        task_id: in_work.task().to_owned(),
        lease_epoch: in_work.epoch(),
        ..FailTaskRequest::default()
    }
}
