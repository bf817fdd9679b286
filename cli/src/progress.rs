//! Progress on standard error: a bar on a terminal, JSON lines otherwise.

use crate::words;
use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use isoscope_proto::v1::{self, Job};
use serde_json::json;
use std::cell::{Cell, RefCell};
use std::io::IsTerminal as _;

/// Shows how far a job has come.
pub(crate) struct Progress {
    bar: Option<ProgressBar>,
    headline: RefCell<String>,
    /// Stage and number of stages last told. The last state of a job tells neither.
    stage: Cell<(u32, u32)>,
    /// State, stage and tenth of the tasks of the last line: a log needs no more.
    last_step: Cell<Option<(i32, u32, u64)>>,
}

impl Progress {
    /// Shows a bar when standard error is a terminal, JSON lines otherwise.
    pub(crate) fn start() -> Self {
        Self::on(std::io::stderr().is_terminal().then(|| {
            let bar = ProgressBar::with_draw_target(Some(0), ProgressDrawTarget::stderr());
            let style = ProgressStyle::with_template("[{msg}] {bar:24} {pos}/{len} tasks  {elapsed_precise}");
            bar.set_style(style.unwrap_or_else(|_| ProgressStyle::default_bar()));
            bar
        }))
    }

    /// Shows nothing.
    pub(crate) fn silent() -> Self {
        Self::on(Some(ProgressBar::hidden()))
    }

    fn on(bar: Option<ProgressBar>) -> Self {
        Self { bar, headline: RefCell::default(), stage: Cell::default(), last_step: Cell::default() }
    }

    /// Shows the state of a job.
    pub(crate) fn show(&self, job: &Job) {
        let mut progress = job.progress.clone().unwrap_or_default();
        (progress.stage, progress.stages) = self.known_stage(&progress);
        match &self.bar {
            Some(bar) => self.draw(bar, job, &progress),
            None => self.log(job, &progress),
        }
    }

    fn known_stage(&self, progress: &v1::Progress) -> (u32, u32) {
        if progress.stage > 0 {
            self.stage.set((progress.stage, progress.stages));
        }
        self.stage.get()
    }

    fn log(&self, job: &Job, progress: &v1::Progress) {
        let tenth = (10 * progress.tasks_done).checked_div(progress.tasks_total).unwrap_or(0);
        let step = (job.state, progress.stage, tenth);
        if self.last_step.replace(Some(step)) == Some(step) {
            return;
        }
        let mut line = json!({
            "job": job.name, "study": job.study, "state": words::job_state(job.state()), "reason": job.state_reason,
            "tasks_done": progress.tasks_done, "tasks_total": progress.tasks_total,
        });
        if progress.stage > 0 {
            line["stage"] = json!(progress.stage);
            line["stages"] = json!(progress.stages);
        }
        eprintln!("{line}");
    }

    fn draw(&self, bar: &ProgressBar, job: &Job, progress: &v1::Progress) {
        if !progress.headline.is_empty() && *self.headline.borrow() != progress.headline {
            bar.println(format!("{} · {}", job.study, progress.headline));
            self.headline.replace(progress.headline.clone());
        }
        bar.set_message(words::stage(job.state(), progress));
        bar.set_length(progress.tasks_total);
        bar.set_position(progress.tasks_done);
    }

    /// Clears the bar.
    pub(crate) fn end(&self) {
        if let Some(bar) = &self.bar {
            bar.finish_and_clear();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_last_state_of_a_job_keeps_the_last_stage() {
        let progress = Progress::silent();
        let at = |stage, stages| v1::Progress { stage, stages, ..v1::Progress::default() };
        assert_eq!(progress.known_stage(&at(0, 0)), (0, 0));
        assert_eq!(progress.known_stage(&at(2, 3)), (2, 3));
        assert_eq!(progress.known_stage(&at(0, 0)), (2, 3));
    }
}
