//! States of the wire in plain words, for people and for other programs.

use isoscope_proto::v1::job::State;
use isoscope_proto::v1::{Progress, worker};

/// The state of a job.
pub(crate) fn job_state(state: State) -> &'static str {
    match state {
        State::Unspecified => "unknown",
        State::Queued => "queued",
        State::Running => "running",
        State::Succeeded => "succeeded",
        State::Failed => "failed",
        State::Cancelled => "cancelled",
    }
}

/// The state of a worker.
pub(crate) fn worker_state(state: worker::State) -> &'static str {
    match state {
        worker::State::Unspecified => "unknown",
        worker::State::Active => "active",
        worker::State::Draining => "draining",
        worker::State::Cordoned => "cordoned",
    }
}

/// What a job is at: the survey, or a stage; its state where it is at neither.
pub(crate) fn stage(state: State, progress: &Progress) -> String {
    match (state, progress.stage) {
        (State::Running, 0) => "survey".to_owned(),
        (_, 0) => job_state(state).to_owned(),
        (_, stage) => format!("stage {stage} of {}", progress.stages),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_job_is_at_stage_zero() {
        let at = |state, stage| stage_of(state, stage, 2);
        assert_eq!(at(State::Queued, 0), "queued");
        assert_eq!(at(State::Running, 0), "survey");
        assert_eq!(at(State::Running, 1), "stage 1 of 2");
        assert_eq!(at(State::Succeeded, 0), "succeeded");
    }

    fn stage_of(state: State, at: u32, stages: u32) -> String {
        stage(state, &Progress { stage: at, stages, ..Progress::default() })
    }
}
