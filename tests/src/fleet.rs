//! A fleet of real processes on this machine: a coordinator, workers, and the commands that people type.

use crate::gate::{self, Gate};
use crate::process::{Ended, Process, program};
use serde_json::Value;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use tempfile::TempDir;

/// Rows of the matrix that is measured.
const ROWS: usize = 4096;
/// Its dimensions.
const COLUMNS: usize = 24;
/// The result files.
pub const FILES: [&str; 4] =
    ["measurements.parquet", "curves.parquet", "differences.parquet", "manifest.json"];

/// Raw and one enhancement, ops on moments and on rows, 32 tasks a pass, and the gate.
const STUDY: &str = r#"
name = "faults"
[[dataset]]
name = "rows"
source = "rows.npy"
[[enhancement]]
id = "abtt"
components = 2
[[metric]]
id = "moments"
[[metric]]
id = "spectrum"
[[metric]]
id = "angular"
[[metric]]
id = "partition"
[[metric]]
id = "gate"
[plan]
shard_rows = 128
"#;

/// How the coordinator of a fleet keeps its sessions.
#[derive(Debug, Clone, Copy)]
pub enum Patience {
    /// A silent worker is given up after three seconds: for tests in which one is lost.
    Short,
    /// Nobody is given up while a test lasts, however busy the machine: for tests in which nobody may be lost.
    Long,
}

/// A coordinator and a place for all that belongs to it.
#[derive(Debug)]
pub struct Fleet {
    place: TempDir,
    patience: Patience,
    coordinator: Option<Process>,
    url: String,
}

/// A worker that is to be started.
pub struct Start<'a> {
    fleet: &'a Fleet,
    name: &'a str,
    plugins: PathBuf,
    command: Command,
}

impl Start<'_> {
    /// Lets its tasks wait at a gate.
    #[must_use]
    pub fn gate(mut self, gate: &Gate) -> Self {
        self.command.env("ISOSCOPE_GATE", gate.path());
        self
    }

    /// Lets its tasks wait at the gate even when they are taken back.
    #[must_use]
    pub fn stubborn(mut self) -> Self {
        self.command.env("ISOSCOPE_GATE_STUBBORN", "1");
        self
    }

    /// Sets how long it waits for tasks in work when it is stopped.
    #[must_use]
    pub fn drain_seconds(mut self, seconds: u32) -> Self {
        self.command.env("ISOSCOPE__WORKER__DRAIN_SECONDS", seconds.to_string());
        self
    }

    /// Takes another plugin directory.
    #[must_use]
    pub fn plugins(mut self, directory: &Path) -> Self {
        directory.clone_into(&mut self.plugins);
        self
    }

    /// Starts it.
    #[must_use]
    pub fn start(mut self) -> Process {
        let state = self.fleet.path(&format!("worker-{}", self.name));
        let flags = ["worker", "--coordinator", &self.fleet.url, "--name", self.name, "--slots", "1"];
        self.command.args(flags).arg("--plugins").arg(self.plugins).arg("--state").arg(state);
        Process::start(&format!("worker {}", self.name), &mut self.command)
    }
}

impl Fleet {
    /// Starts a coordinator, with a study, a matrix and a directory of plugins that holds the gate.
    ///
    /// # Panics
    /// When any of it fails.
    #[must_use]
    pub fn new(patience: Patience) -> Self {
        let place = tempfile::tempdir().expect("a temporary directory");
        let mut fleet = Self { place, patience, coordinator: None, url: String::new() };
        fs::write(fleet.path("rows.npy"), matrix()).expect("the matrix is written");
        fs::write(fleet.path("study.toml"), STUDY).expect("the study is written");
        fs::create_dir(fleet.plugins()).expect("the directory is made");
        gate::compile(&fleet.plugins().join("gate.so"), "org.example.gate", "gate");
        fleet.start_coordinator("127.0.0.1:0");
        fleet
    }

    /// A path in the place of the fleet.
    #[must_use]
    pub fn path(&self, name: &str) -> PathBuf {
        self.place.path().join(name)
    }

    /// The directory of plugins.
    #[must_use]
    pub fn plugins(&self) -> PathBuf {
        self.path("plugins")
    }

    /// The address of the coordinator.
    #[must_use]
    pub fn url(&self) -> &str {
        &self.url
    }

    /// Puts up a gate.
    #[must_use]
    pub fn gate(&self, name: &str) -> Gate {
        Gate::shut(self.place.path(), name)
    }

    /// The program in the place of the fleet, untouched by the environment of the test.
    #[must_use]
    pub fn command(&self) -> Command {
        let mut command = Command::new(program());
        for (name, _) in
            std::env::vars_os().filter(|(name, _)| name.to_string_lossy().starts_with("ISOSCOPE"))
        {
            command.env_remove(name);
        }
        let here = self.place.path();
        command.current_dir(here).env("HOME", here).env("XDG_CACHE_HOME", here).env("XDG_STATE_HOME", here);
        command
    }

    fn start_coordinator(&mut self, listen: &str) {
        let (ttl, heartbeat) = match self.patience {
            Patience::Short => ("3", "0.5"),
            Patience::Long => ("600", "0.5"),
        };
        let mut command = self.command();
        command.args(["coordinator", "--listen", listen, "--state"]).arg(self.path("coordinator"));
        command.env("ISOSCOPE__COORDINATOR__SESSION_TTL_SECONDS", ttl);
        command.env("ISOSCOPE__COORDINATOR__HEARTBEAT_SECONDS", heartbeat);
        let coordinator = Process::start("coordinator", &mut command);
        let line = coordinator.line(0).expect("the coordinator says where it listens");
        line.strip_prefix("listening on ").expect("the line is as documented").clone_into(&mut self.url);
        self.coordinator = Some(coordinator);
    }

    /// Kills the coordinator as `kill -9` does, and starts another at the same address on the same state.
    ///
    /// # Panics
    /// When it does not come back.
    pub fn replace_coordinator(&mut self) {
        self.coordinator.as_mut().expect("there is one").kill();
        let address = self.url.trim_start_matches("http://").to_owned();
        self.start_coordinator(&address);
    }

    /// A worker with one slot and the plugins of the fleet.
    #[must_use]
    pub fn worker<'a>(&'a self, name: &'a str) -> Start<'a> {
        Start { fleet: self, name, plugins: self.plugins(), command: self.command() }
    }

    /// Starts a command that speaks to the coordinator.
    #[must_use]
    pub fn begin(&self, arguments: &[&str]) -> Process {
        let mut command = self.command();
        command.args(arguments).env("ISOSCOPE_COORDINATOR", &self.url);
        Process::start(&arguments.join(" "), &mut command)
    }

    /// Runs a command that speaks to the coordinator to its end.
    #[must_use]
    pub fn run(&self, arguments: &[&str]) -> Ended {
        self.begin(arguments).wait()
    }

    /// Runs a command that must succeed, and returns what it printed.
    ///
    /// # Panics
    /// When it fails.
    #[must_use]
    pub fn print(&self, arguments: &[&str]) -> String {
        let ended = self.run(arguments);
        assert_eq!(ended.code, Some(0), "{}: {}", arguments.join(" "), ended.stderr);
        ended.stdout
    }

    /// Runs a command that prints JSON.
    ///
    /// # Panics
    /// When it fails or prints something else.
    #[must_use]
    pub fn json(&self, arguments: &[&str]) -> Value {
        let printed = self.print(&[arguments, &["-o", "json"]].concat());
        serde_json::from_str(&printed).unwrap_or_else(|e| panic!("{}: {e}: {printed}", arguments.join(" ")))
    }

    /// Submits the study; returns the name of the job.
    #[must_use]
    pub fn submit(&self) -> String {
        self.print(&["job", "submit", "study.toml"]).trim().to_owned()
    }

    /// The job, its running tasks and its events.
    #[must_use]
    pub fn describe(&self, job: &str) -> Value {
        self.json(&["job", "describe", job])
    }

    /// Follows a job until `holds` of its description.
    ///
    /// # Panics
    /// When the job ends before.
    #[must_use]
    pub fn until(&self, job: &str, holds: impl Fn(&Value) -> bool) -> Value {
        let watch = self.begin(&["job", "watch", job, "-o", "json"]);
        let mut description = Value::Null;
        for change in 0.. {
            if watch.line(change).is_none() {
                break;
            }
            description = self.describe(job);
            if holds(&description) {
                return description;
            }
        }
        panic!("{job} ended before what was waited for: {description:#}")
    }

    /// Waits for a job that must succeed, and fetches its files.
    ///
    /// # Panics
    /// When it fails.
    #[must_use]
    pub fn results(&self, job: &str) -> Vec<Vec<u8>> {
        let waited = self.run(&["job", "wait", job]);
        assert_eq!(waited.code, Some(0), "{job} failed: {:#}", self.describe(job));
        let out = self.path(&job.replace('/', "-"));
        let _table = self.print(&["job", "results", job, "--out", &out.display().to_string()]);
        files(&out)
    }

    /// Runs the study in one process, without the coordinator, and returns its files.
    ///
    /// # Panics
    /// When it fails.
    #[must_use]
    pub fn local_results(&self) -> Vec<Vec<u8>> {
        let mut command = self.command();
        command
            .args(["run", "study.toml", "--out", "local", "--slots", "2", "--plugins"])
            .arg(self.plugins());
        let ended = Process::start("local run", &mut command).wait();
        assert_eq!(ended.code, Some(0), "{}", ended.stderr);
        files(&self.path("local"))
    }
}

/// How often events of a kind occurred, in the description of a job.
///
/// # Panics
/// When there is no list of events.
#[must_use]
pub fn events(description: &Value, kind: &str) -> usize {
    let events = description["events"].as_array().unwrap_or_else(|| panic!("no events in {description:#}"));
    assert!(!events.is_empty(), "every job was submitted: {description:#}");
    events.iter().filter(|event| event["kind"] == kind).count()
}

/// Panics when the files of two runs differ.
///
/// # Panics
/// Then.
pub fn assert_same_files(found: &[Vec<u8>], wanted: &[Vec<u8>]) {
    for (name, (found, wanted)) in FILES.iter().zip(found.iter().zip(wanted)) {
        assert!(!found.is_empty(), "{name} is empty");
        assert!(found == wanted, "{name} differs");
    }
}

/// Reads the result files of a directory.
///
/// # Panics
/// When one is missing.
#[must_use]
pub fn files(directory: &Path) -> Vec<Vec<u8>> {
    let read = |name: &&str| fs::read(directory.join(name)).unwrap_or_else(|e| panic!("{name}: {e}"));
    FILES.iter().map(read).collect()
}

/// A matrix of pseudo-random numbers about a mean, in NumPy's format.
fn matrix() -> Vec<u8> {
    let shape = format!("{{'descr': '<f4', 'fortran_order': False, 'shape': ({ROWS}, {COLUMNS}), }}");
    let mut bytes = b"\x93NUMPY\x01\x00\x76\x00".to_vec();
    bytes.extend(format!("{shape:<117}\n").bytes());
    let mut state = 1_u64;
    for i in 0..ROWS * COLUMNS {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        let noise = (state >> 40) as f32 / 16_777_216.0 - 0.5;
        let column = (i % COLUMNS) as f32;
        bytes.extend((noise * (1.0 + column) + column / 8.0).to_le_bytes());
    }
    bytes
}
