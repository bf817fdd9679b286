//! Following a job to its end, over outages of the coordinator.

use super::{Client, Submission, has_ended, succeeded};
use crate::failure::{Failure, is_lost};
use crate::job::JobName;
use crate::progress::Progress;
use anyhow::Context as _;
use backon::{ExponentialBuilder, Retryable as _};
use isoscope_proto::v1::{GetJobRequest, Job, WatchJobRequest, WatchJobResponse};
use std::cell::Cell;
use std::time::{Duration, Instant};
use tonic::{Status, Streaming};

/// How long a coordinator may be away before it is given up.
const PATIENCE: Duration = Duration::from_mins(1);
/// Waits between two attempts to find it again.
const SHORTEST_WAIT: Duration = Duration::from_millis(200);
const LONGEST_WAIT: Duration = Duration::from_secs(5);

/// What is known of the way a job goes.
struct Watched {
    name: String,
    /// After which change the next answer is wanted.
    token: Cell<String>,
    /// When the coordinator was last heard of.
    heard: Cell<Instant>,
}

/// The first change of a watch that was begun, and those that follow.
struct Opened {
    first: WatchJobResponse,
    rest: Option<Streaming<WatchJobResponse>>,
}

impl Client {
    /// Hands a study in and follows it until it has succeeded.
    ///
    /// # Errors
    /// When it does not succeed; when the coordinator refuses it, or is away for too long.
    pub(crate) async fn run(
        &mut self,
        submission: &Submission<'_>,
        progress: &Progress,
    ) -> anyhow::Result<Job> {
        let job = self.submit(submission).await?;
        let name: JobName =
            job.name.parse().map_err(anyhow::Error::msg).context("the coordinator's answer")?;
        Ok(succeeded(self.follow(&name, String::new(), progress).await?)?)
    }

    /// Follows a job to its end, with its progress shown.
    ///
    /// # Errors
    /// As [`Client::watch`].
    pub(crate) async fn follow(
        &mut self,
        name: &JobName,
        token: String,
        progress: &Progress,
    ) -> anyhow::Result<Job> {
        let shown = |job: &Job, _: &str| {
            progress.show(job);
            Ok(())
        };
        let followed = self.watch(name, token, shown).await;
        progress.end();
        followed
    }

    /// Calls `seen` with a job and the token to resume after it, at every change until it has ended. Ctrl-C detaches from a job
    /// that goes on elsewhere.
    ///
    /// # Errors
    /// When the coordinator refuses, or is away for too long; and what `seen` returns.
    pub(crate) async fn watch(
        &mut self,
        name: &JobName,
        token: String,
        seen: impl FnMut(&Job, &str) -> anyhow::Result<()>,
    ) -> anyhow::Result<Job> {
        if !self.elsewhere {
            return self.watch_on(name, token, seen).await;
        }
        tokio::select! {
            job = self.watch_on(name, token, seen) => job,
            _ = tokio::signal::ctrl_c() => Err(Failure::Detached(name.to_string()).into()),
        }
    }

    async fn watch_on(
        &self,
        name: &JobName,
        token: String,
        mut seen: impl FnMut(&Job, &str) -> anyhow::Result<()>,
    ) -> anyhow::Result<Job> {
        let (token, heard) = (Cell::new(token), Cell::new(Instant::now()));
        let watched = Watched { name: name.to_string(), token, heard };
        loop {
            let Opened { first, mut rest } =
                self.find_again(&watched).await.map_err(|status| self.refused_for(name, &status))?;
            let mut change = Some(first);
            while let Some(WatchJobResponse { resume_token, job }) = change.take() {
                let job = job.context("the coordinator described no job")?;
                seen(&job, &resume_token)?;
                watched.token.set(resume_token);
                if has_ended(&job) {
                    return Ok(job);
                }
                let Some(rest) = &mut rest else { break };
                change = match rest.message().await {
                    Err(status) if !is_lost(&status) => return Err(self.refused_for(name, &status).into()),
                    answered => answered.unwrap_or_default(),
                };
                watched.heard.set(Instant::now());
            }
        }
    }

    /// Begins to watch, as often as it takes, until the first change has come.
    async fn find_again(&self, watched: &Watched) -> Result<Opened, Status> {
        let waits = ExponentialBuilder::new()
            .with_min_delay(SHORTEST_WAIT)
            .with_max_delay(LONGEST_WAIT)
            .with_jitter()
            .without_max_times();
        (|| self.open(watched))
            .retry(waits)
            .when(|status| is_lost(status) && watched.heard.get().elapsed() < PATIENCE)
            .notify(|status, wait| {
                tracing::warn!(
                    error = status.message(),
                    ?wait,
                    "contact with the coordinator was lost; trying again"
                );
            })
            .await
    }

    async fn open(&self, watched: &Watched) -> Result<Opened, Status> {
        let token = watched.token.take();
        watched.token.set(token.clone());
        let request = WatchJobRequest { name: watched.name.clone(), resume_token: token.clone() };
        let mut jobs = self.jobs.clone();
        let mut changes = jobs.watch_job(request).await?.into_inner();
        let first = changes.message().await;
        // The wait for a change may have been long, and the contact was there all the time.
        watched.heard.set(Instant::now());
        if let Some(first) = first? {
            return Ok(Opened { first, rest: Some(changes) });
        }
        // An answer without a change: the job had ended before, or the coordinator stops.
        let job = jobs.get_job(GetJobRequest { name: watched.name.clone() }).await?.into_inner().job;
        if job.as_ref().is_some_and(has_ended) {
            return Ok(Opened { first: WatchJobResponse { resume_token: token, job }, rest: None });
        }
        Err(Status::unavailable("the coordinator ended its answer before the job"))
    }
}
