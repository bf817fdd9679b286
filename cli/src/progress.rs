//! Progress on standard error: a bar on a terminal, JSON lines otherwise.

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use isoscope_proto::v1::Job;
use serde_json::json;
use std::cell::{Cell, RefCell};
use std::io::IsTerminal as _;

/// Shows how far a job has come.
pub(crate) struct Progress {
    bar: Option<ProgressBar>,
    headline: RefCell<String>,
    /// State, stage and tenth of the tasks of the last line: a log needs no more.
    last_step: Cell<Option<(i32, u32, u64)>>,
}

impl Progress {
    /// Shows a bar when standard error is a terminal, JSON lines otherwise.
    pub(crate) fn start() -> Self {
        let bar = std::io::stderr().is_terminal().then(|| {
            let bar = ProgressBar::with_draw_target(Some(0), ProgressDrawTarget::stderr());
            let style = ProgressStyle::with_template("[{msg}] {bar:24} {pos}/{len} tasks  {elapsed_precise}");
            bar.set_style(style.unwrap_or_else(|_| ProgressStyle::default_bar()));
            bar
        });
        Self { bar, headline: RefCell::default(), last_step: Cell::default() }
    }

    /// Shows nothing.
    pub(crate) fn silent() -> Self {
        Self { bar: Some(ProgressBar::hidden()), headline: RefCell::default(), last_step: Cell::default() }
    }

    /// Shows the state of a job.
    pub(crate) fn show(&self, job: &Job) {
        let progress = job.progress.clone().unwrap_or_default();
        let Some(bar) = &self.bar else {
            let line = json!({
                "job": job.name, "study": job.study, "state": job.state().as_str_name(), "reason": job.state_reason,
                "stage": progress.stage, "stages": progress.stages, "tasks_done": progress.tasks_done,
                "tasks_total": progress.tasks_total,
            });
            let tenth = (10 * progress.tasks_done).checked_div(progress.tasks_total).unwrap_or(0);
            let step = (job.state, progress.stage, tenth);
            if self.last_step.replace(Some(step)) != Some(step) {
                eprintln!("{line}");
            }
            return;
        };
        if !progress.headline.is_empty() && *self.headline.borrow() != progress.headline {
            bar.println(format!("{} · {}", job.study, progress.headline));
            self.headline.replace(progress.headline.clone());
        }
        bar.set_message(match progress.stage {
            0 => "survey".to_owned(),
            stage => format!("stage {stage} of {}", progress.stages),
        });
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
