//! What the settings may say, and the values that they stand for.

use super::{CoordinatorSettings, Settings, WorkerSettings, named};
use crate::failure::Failure;
use isoscope_core::violation::{Violation, Violations};
use isoscope_worker::DeviceName;
use std::path::PathBuf;
use std::time::Duration;

/// Longest time that a setting may name: a year. Anything longer is a slip.
const LONGEST: Duration = Duration::from_hours(365 * 24);

impl Settings {
    /// Refuses values that cannot be meant, all of them at once.
    pub(super) fn check(&self) -> Result<(), Failure> {
        let times = [
            self.coordinator.session_ttl().err(),
            self.coordinator.heartbeat().err(),
            self.worker.drain().err(),
            self.worker.device_name().err(),
        ];
        let found = times.into_iter().flatten().collect();
        Violations::none_or(found, ()).map_err(Failure::Study)
    }
}

impl CoordinatorSettings {
    /// How long a worker's session lives without a heartbeat.
    pub(crate) fn session_ttl(&self) -> Result<Duration, Violation> {
        seconds("coordinator.session_ttl_seconds", self.session_ttl_seconds)
    }

    /// Time between two heartbeats of a worker.
    pub(crate) fn heartbeat(&self) -> Result<Duration, Violation> {
        const KEY: &str = "coordinator.heartbeat_seconds";
        let heartbeat = seconds(KEY, self.heartbeat_seconds)?;
        if self.session_ttl().is_ok_and(|ttl| heartbeat >= ttl / 2) {
            let message = format!(
                "{} must be less than half of coordinator.session_ttl_seconds, which is {}, so that one lost beat ends no session",
                self.heartbeat_seconds, self.session_ttl_seconds
            );
            return Err(Violation::new(KEY, message));
        }
        Ok(heartbeat)
    }
}

impl WorkerSettings {
    /// Longest wait for tasks in work when the worker is stopped.
    pub(crate) fn drain(&self) -> Result<Duration, Violation> {
        seconds("worker.drain_seconds", self.drain_seconds)
    }

    /// Tasks to run at once. On a GPU they overlap reading, tokenising and computing; more than a few only take memory.
    pub(crate) fn resolved_slots(&self) -> usize {
        const MOST_ON_A_GPU: usize = 8;
        let cores = || std::thread::available_parallelism().map_or(1, std::num::NonZero::get);
        match self.slots {
            0 if matches!(self.device_name(), Ok(DeviceName::Cuda(_))) => cores().min(MOST_ON_A_GPU),
            0 => cores(),
            slots => slots,
        }
    }

    /// The device that encoders run on.
    pub(crate) fn device_name(&self) -> Result<DeviceName, Violation> {
        self.device.parse().map_err(|reason: String| Violation::new("worker.device", reason))
    }

    /// Name for people: the host's when none is set.
    pub(crate) fn resolved_name(&self) -> String {
        if self.name.is_empty() {
            sysinfo::System::host_name().unwrap_or_else(|| "worker".to_owned())
        } else {
            self.name.clone()
        }
    }

    /// Directory of plugin files, if one is set.
    ///
    /// # Errors
    /// When it is no directory that can be read: a plugin that is silently missing would be found much later.
    pub(crate) fn plugins(&self) -> Result<Option<PathBuf>, Failure> {
        let Some(directory) = named(&self.plugin_directory) else { return Ok(None) };
        std::fs::read_dir(directory).map_err(|e| {
            let message = format!(
                "{}: {e}; name a directory of plugin files, here or with --plugins",
                directory.display()
            );
            Failure::field("worker.plugin_directory", message)
        })?;
        Ok(Some(directory.clone()))
    }
}

fn seconds(key: &str, value: f64) -> Result<Duration, Violation> {
    let wrong = || Violation::new(key, format!("{value} is no number of seconds above 0 and up to a year"));
    let duration = Duration::try_from_secs_f64(value).map_err(|_| wrong())?;
    if duration.is_zero() || duration > LONGEST { Err(wrong()) } else { Ok(duration) }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refused(change: impl FnOnce(&mut Settings)) -> String {
        let mut settings = Settings::default();
        change(&mut settings);
        settings.check().err().map(|e| e.to_string()).unwrap_or_default()
    }

    #[test]
    fn the_defaults_are_taken() {
        assert_eq!(refused(|_| ()), "");
    }

    #[test]
    fn seconds_are_finite_and_positive_and_the_key_is_named() {
        for value in [0.0, -1.0, f64::NAN, f64::INFINITY, 1e300, 1e9] {
            assert!(
                refused(|s| s.coordinator.session_ttl_seconds = value)
                    .contains("coordinator.session_ttl_seconds")
            );
            assert!(
                refused(|s| s.coordinator.heartbeat_seconds = value)
                    .contains("coordinator.heartbeat_seconds")
            );
            assert!(refused(|s| s.worker.drain_seconds = value).contains("worker.drain_seconds"));
        }
    }

    #[test]
    fn a_session_outlives_two_heartbeats() {
        let timed = |heartbeat: f64| {
            refused(|s| {
                (s.coordinator.session_ttl_seconds, s.coordinator.heartbeat_seconds) = (2.0, heartbeat);
            })
        };
        assert_eq!(timed(0.9), "");
        assert!(timed(1.0).contains("coordinator.heartbeat_seconds: 1 must be less than half"));
    }
}
