//! The deployments: Slurm's scripts on a real cluster of one node, and the command lines and settings of all the others.
#![allow(clippy::unwrap_used, clippy::expect_used)]

mod cluster;

use cluster::Cluster;
use isoscope_tests::fleet::{FILES, assert_same_files, events};
use isoscope_tests::gate::{self, Gate};
use isoscope_tests::process::{Ended, Process, program};
use serde_json::Value;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use tempfile::TempDir;

const STUDY: &str = r#"
name = "slurm"
[[dataset]]
name = "rows"
source = "rows.npy"
[[metric]]
id = "spectrum"
[[metric]]
id = "gate"
[plan]
shard_rows = 64
"#;

fn deploy() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().expect("the tests lie in the workspace").join("deploy")
}

/// A cluster, and a study in the directory from which jobs are submitted.
struct Site {
    cluster: Cluster,
    place: TempDir,
}

impl Site {
    fn new() -> Option<Self> {
        let place = tempfile::tempdir().unwrap();
        let Some(cluster) = Cluster::start(place.path()) else {
            eprintln!(
                "skipped: Slurm is not installed, so deploy/slurm was not tried (apt-get install slurmctld slurmd slurm-client \
                 slurm-wlm-basic-plugins)"
            );
            return None;
        };
        fs::write(place.path().join("study.toml"), STUDY).unwrap();
        let matrix = Path::new(env!("CARGO_MANIFEST_DIR")).join("golden/iso_gauss.npy");
        fs::copy(matrix, place.path().join("rows.npy")).unwrap();
        fs::create_dir(place.path().join("plugins")).unwrap();
        gate::compile(&place.path().join("plugins/gate.so"), "org.example.gate", "gate");
        Some(Self { cluster, place })
    }

    /// Submits one of the scripts; returns the number of the job.
    fn submit(&self, script: &str, flags: &[&str], gate: Option<&Gate>) -> String {
        let here = self.place.path();
        let mut sbatch = self.cluster.command("sbatch");
        sbatch.args(["--parsable", "--cpus-per-task=1", "--mem=100M"]).args(flags);
        sbatch.arg(deploy().join("slurm").join(script));
        sbatch.env("HOME", here).env("ISOSCOPE", program()).env("ISOSCOPE_FLEET", here.join("fleet"));
        sbatch.env("ISOSCOPE_LISTEN", "127.0.0.1:0").env("ISOSCOPE_HOST", "127.0.0.1");
        sbatch.env("ISOSCOPE_SCRATCH", here).env("ISOSCOPE_PLUGIN_DIR", here.join("plugins"));
        if let Some(gate) = gate {
            sbatch.env("ISOSCOPE_GATE", gate.path());
        }
        let submitted = Process::start(script, &mut sbatch).wait();
        assert_eq!(submitted.code, Some(0), "{}", submitted.stderr);
        submitted.stdout
    }

    /// Runs the program beside the study, as somebody who may use the fleet.
    fn isoscope(&self, url: &str, arguments: &[&str]) -> Ended {
        let mut command = Command::new(program());
        command.current_dir(self.place.path()).args(arguments).env("XDG_CACHE_HOME", self.place.path());
        command.env("ISOSCOPE_TOKEN_FILE", "fleet/token").env("ISOSCOPE_PLUGIN_DIR", "plugins");
        if url.is_empty() {
            command.env_remove("ISOSCOPE_COORDINATOR");
        } else {
            command.env("ISOSCOPE_COORDINATOR", url);
        }
        let ended = Process::start(&arguments.join(" "), &mut command).wait();
        assert_eq!(ended.code, Some(0), "{}: {}", arguments.join(" "), ended.stderr);
        ended
    }

    fn files(&self, directory: &str) -> Vec<Vec<u8>> {
        FILES.iter().map(|name| fs::read(self.place.path().join(directory).join(name)).unwrap()).collect()
    }

    fn log(&self, name: &str) -> String {
        fs::read_to_string(self.place.path().join(name)).unwrap()
    }
}

/// Waits for the line of a followed file that contains `text`.
fn until_line(file: &Process, text: &str) -> String {
    let lines = (0..).map_while(|n| file.line(n));
    let found = lines.into_iter().find(|line| line.contains(text));
    found.unwrap_or_else(|| panic!("`{text}` was never written"))
}

#[test]
fn a_worker_that_slurm_tells_to_stop_ends_its_task_and_goes_back_to_the_queue() {
    let Some(site) = Site::new() else { return };
    let gate = Gate::shut(site.place.path(), "first");
    let coordinator = site.submit("coordinator.sbatch", &[], None);
    let first = site.submit("worker.sbatch", &["--array=0"], Some(&gate));
    let url = until_line(&site.cluster.follow("fleet/coordinator"), "http://");
    let job = site.isoscope(&url, &["job", "submit", "study.toml"]).stdout;
    let struck = gate.struck();

    let log = format!("isoscope-worker-{first}_0.log");
    let followed = site.cluster.follow(&log);
    let _sent = site.cluster.print("scancel", &["--signal=TERM", "--batch", &format!("{first}_0")]);
    let _told = until_line(&followed, "told to stop");
    let _drains = until_line(&followed, "no more tasks are taken");
    gate.open();
    drop(struck);
    let _ended = until_line(&followed, "the worker ended with status 0");

    let second = site.submit("worker.sbatch", &["--array=1-2"], None);
    let _waited = site.isoscope(&url, &["job", "wait", &job]);
    let _table = site.isoscope(&url, &["job", "results", &job, "--out", "fleet-results"]);
    let described = site.isoscope(&url, &["job", "describe", &job, "-o", "json"]).stdout;
    let described: Value = serde_json::from_str(&described).unwrap();
    for kind in ["TASK_LOST", "TASK_RELEASED", "TASK_FAILED"] {
        assert_eq!(events(&described, kind), 0, "{described:#}");
    }
    let _local = site.isoscope("", &["run", "study.toml", "--out", "local-results"]);
    assert_same_files(&site.files("fleet-results"), &site.files("local-results"));

    let shown = site.cluster.print("scontrol", &["show", "job", &format!("{first}_0")]);
    assert!(shown.contains("Restarts=1"), "the job was queued again: {shown}");
    for ended in [&first, &second, &coordinator] {
        let _cancelled = site.cluster.print("scancel", &[ended]);
        site.cluster.until_ended(ended);
    }
    for task in 1..=2 {
        let log = site.log(&format!("isoscope-worker-{second}_{task}.log"));
        assert!(log.contains("cancelled") && log.contains("the worker ended with status 0"), "{log}");
    }
    let log = site.log(&format!("isoscope-coordinator-{coordinator}.log"));
    assert!(log.contains("the coordinator ended with status 0") && !log.contains("in the queue"), "{log}");
}

/// Every command line of the deployments: where it is written, and its words after the program's name.
fn command_lines() -> Vec<(String, Vec<String>)> {
    let files = [
        "systemd/isoscope-coordinator.service",
        "systemd/isoscope-worker@.service",
        "compose/compose.yaml",
        "kustomize/base/coordinator.yaml",
        "kustomize/base/worker.yaml",
    ];
    let mut found = Vec::new();
    for file in files {
        let text = fs::read_to_string(deploy().join(file)).unwrap();
        let before = found.len();
        for (i, line) in text.lines().enumerate() {
            let words = line.trim().strip_prefix("ExecStart=/usr/local/bin/isoscope ");
            let list = ["command: [", "args: ["].iter().find_map(|start| line.trim().strip_prefix(start));
            let Some(words) = words.or(list) else { continue };
            let words = words.trim_end_matches(']').split([',', ' ']).filter(|word| !word.is_empty());
            let words = words.map(|word| word.trim_matches('"').to_owned()).collect();
            found.push((format!("{file}:{}", i + 1), words));
        }
        assert!(found.len() > before, "{file} starts the program, but this test does not see where");
    }
    found
}

#[test]
fn the_command_lines_of_the_deployments_are_the_programs() {
    for (place, words) in command_lines() {
        assert!(words.iter().any(|word| word == "coordinator" || word == "worker"), "{place}: {words:?}");
        // With --help nothing is started, but what is unknown is still refused.
        let tried = Command::new(program()).args(&words).arg("--help").output().unwrap();
        assert!(tried.status.success(), "{place}: {}", String::from_utf8_lossy(&tried.stderr));
    }
}

#[test]
fn the_settings_of_the_deployments_are_the_programs() {
    let state = tempfile::tempdir().unwrap();
    let matrix = Path::new(env!("CARGO_MANIFEST_DIR")).join("golden/tiny.npy");
    let mut command = Command::new(program());
    command.arg("--config").arg(deploy().join("kustomize/base/settings.toml"));
    command.arg("measure").arg(matrix).args(["--metric", "spectrum"]);
    // The directory of the image is not on this machine.
    command.env("ISOSCOPE__WORKER__STATE_DIRECTORY", state.path());
    let tried = command.output().unwrap();
    assert!(tried.status.success(), "{}", String::from_utf8_lossy(&tried.stderr));
}
