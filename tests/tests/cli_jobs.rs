//! The commands of a fleet as people type them: real processes of a coordinator and a worker on this machine.
#![allow(clippy::unwrap_used, clippy::expect_used)]

use isoscope_tests::process::{Ended, Process, program};
use rustix::process::Signal;
use serde_json::{Value, json};
use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::process::Command;
use tempfile::TempDir;

const STUDY: &str = r#"
name = "matrix"
[[dataset]]
name = "rows"
source = "rows.npy"
[[metric]]
id = "spectrum.isoscore"
[[metric]]
id = "angular.avg_cosine"
[[metric]]
id = "moments"
"#;

/// A directory with a matrix and a study of it, and whatever runs there.
struct Place {
    directory: TempDir,
    url: String,
}

impl Place {
    fn new() -> Self {
        let directory = tempfile::tempdir().unwrap();
        let golden = Path::new(env!("CARGO_MANIFEST_DIR")).join("golden/iso_gauss.npy");
        fs::copy(golden, directory.path().join("rows.npy")).unwrap();
        fs::write(directory.path().join("study.toml"), STUDY).unwrap();
        Self { directory, url: String::new() }
    }

    /// A place and a coordinator that listens on a free port.
    fn served(arguments: &[&str]) -> (Self, Process) {
        let mut place = Self::new();
        let coordinator = place.coordinator("127.0.0.1:0", arguments);
        place.url = listening(&coordinator);
        (place, coordinator)
    }

    fn path(&self, name: &str) -> PathBuf {
        self.directory.path().join(name)
    }

    /// The program, untouched by the environment of the test.
    fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(program());
        let inherited =
            std::env::vars_os().map(|(name, _)| name).filter(|n| n.to_string_lossy().starts_with("ISOSCOPE"));
        for name in inherited {
            command.env_remove(name);
        }
        let here = self.directory.path();
        command.current_dir(here).env("HOME", here).env("XDG_CACHE_HOME", here).env("XDG_STATE_HOME", here);
        command.args(arguments);
        command
    }

    fn coordinator(&self, listen: &str, arguments: &[&str]) -> Process {
        let all = [&["coordinator", "--listen", listen], arguments].concat();
        Process::start("coordinator", &mut self.command(&all))
    }

    fn worker(&self, arguments: &[&str]) -> Process {
        let all =
            [&["worker", "--coordinator", &self.url, "--name", "node", "--slots", "1"], arguments].concat();
        Process::start("worker", &mut self.command(&all))
    }

    fn begin(&self, arguments: &[&str]) -> Process {
        let mut command = self.command(arguments);
        if !self.url.is_empty() {
            command.env("ISOSCOPE_COORDINATOR", &self.url);
        }
        Process::start(&arguments.join(" "), &mut command)
    }

    /// Runs a command to its end.
    fn run(&self, arguments: &[&str]) -> Ended {
        self.begin(arguments).wait()
    }

    /// Runs a command that must succeed.
    fn print(&self, arguments: &[&str]) -> String {
        let ended = self.run(arguments);
        assert_eq!(ended.code, Some(0), "{}: {}", arguments.join(" "), ended.stderr);
        ended.stdout
    }

    fn json(&self, arguments: &[&str]) -> Value {
        serde_json::from_str(&self.print(&[arguments, &["-o", "json"]].concat())).unwrap()
    }

    /// Runs a command that must fail with this exit code, and every phrase in its message.
    fn fails(&self, arguments: &[&str], code: i32, phrases: &[&str]) {
        let ended = self.run(arguments);
        assert_eq!(ended.code, Some(code), "{}: {}", arguments.join(" "), ended.stderr);
        for phrase in phrases {
            assert!(ended.stderr.contains(phrase), "`{phrase}` is not in: {}", ended.stderr);
        }
    }

    /// Writes a token file that only its owner may read.
    fn token(&self, name: &str, token: &str) -> String {
        let path = self.path(name);
        fs::write(&path, token).unwrap();
        fs::set_permissions(&path, fs::Permissions::from_mode(0o600)).unwrap();
        name.to_owned()
    }
}

/// The address in the line that a coordinator prints.
fn listening(coordinator: &Process) -> String {
    let line = coordinator.line(0).expect("the coordinator says where it listens");
    line.strip_prefix("listening on ").expect("the line is as documented").to_owned()
}

#[test]
fn a_job_is_submitted_and_every_command_tells_of_it() {
    let (place, coordinator) = Place::served(&[]);
    let worker = place.worker(&[]);
    let submitted = place.print(&["job", "submit", "study.toml", "--wait"]);
    assert!(submitted.contains("IsoScore") && submitted.contains("matrix · "), "{submitted}");
    let job = submitted.lines().next().unwrap();

    let listed = place.json(&["job", "list", "--state", "succeeded"]);
    assert_eq!(listed.as_array().unwrap().len(), 1, "{listed:#}");
    assert_eq!(place.json(&["job", "list", "--state", "failed"]), json!([]));
    assert!(place.print(&["job", "list"]).contains(job));

    let got = place.json(&["job", "get", job.trim_start_matches("jobs/")]);
    assert_eq!(got, listed[0]);
    assert_eq!(
        (&got["name"], &got["state"], &got["study"]),
        (&json!(job), &json!("succeeded"), &json!("matrix"))
    );
    assert!(got["plan_digest"].is_string() && got["end_time"].is_string() && got["running"] == json!([]));

    let described = place.json(&["job", "describe", job]);
    let kinds: Vec<&str> =
        described["events"].as_array().unwrap().iter().map(|e| e["kind"].as_str().unwrap()).collect();
    assert_eq!((kinds.first(), kinds.last()), (Some(&"SUBMITTED"), Some(&"SUCCEEDED")), "{described:#}");
    assert!(place.print(&["job", "describe", job]).contains("succeeded"));

    let watched = place.print(&["job", "watch", job, "-o", "json"]);
    let last: Value = serde_json::from_str(watched.lines().last().unwrap()).unwrap();
    assert_eq!(last["state"], "succeeded");
    let token = last["resume_token"].as_str().unwrap();
    assert!(place.print(&["job", "watch", job, "--resume", token]).contains("succeeded"));
    assert_eq!(place.print(&["job", "wait", job]), "");

    let fleet = place.json(&["fleet"]);
    assert_eq!(
        (&fleet[0]["name"], &fleet[0]["state"], &fleet[0]["slots"]),
        (&json!("node"), &json!("active"), &json!(1))
    );
    assert!(place.print(&["fleet"]).contains("built in"));

    worker.signal(Signal::TERM);
    assert_eq!(worker.wait().code, Some(0));
    assert_eq!(
        fs::read_dir(place.path("isoscope/runs")).unwrap().count(),
        0,
        "a worker leaves nothing behind"
    );
    coordinator.signal(Signal::TERM);
    assert_eq!(coordinator.wait().code, Some(0));
}

#[test]
fn remote_results_have_every_form_and_are_the_files_of_a_local_run() {
    let (place, _coordinator) = Place::served(&[]);
    let _worker = place.worker(&[]);
    let remote = place.json(&["run", "study.toml", "--out", "remote"]);
    let job = place.json(&["job", "list"])[0]["name"].as_str().unwrap().to_owned();
    let results = place.json(&["job", "results", &job, "--out", "fetched"]);
    let local = place.json(&["run", "study.toml", "--coordinator", "", "--out", "local"]);
    assert_eq!((&results, &remote), (&local, &local));
    for file in ["measurements.parquet", "curves.parquet", "differences.parquet", "manifest.json"] {
        let read = |out: &str| fs::read(place.path(out).join(file)).unwrap();
        assert!(read("remote") == read("local") && read("fetched") == read("local"), "{file} differs");
    }
    let csv = place.print(&["job", "results", &job, "-o", "csv"]);
    assert_eq!(csv.lines().count(), local.as_array().unwrap().len() + 1);
    let printed = place.print(&["job", "results", &job, "-o", "parquet", "--out", "again"]);
    assert_eq!(printed.trim(), "again/measurements.parquet");
    let parquet =
        place.command(&["job", "results", &job, "-o", "parquet", "--coordinator", &place.url]).output();
    assert_eq!(parquet.unwrap().stdout, fs::read(place.path("local/measurements.parquet")).unwrap());
}

#[test]
fn a_dry_run_prints_the_plan_that_a_local_one_prints() {
    let (place, _coordinator) = Place::served(&[]);
    let _worker = place.worker(&[]);
    let local = place.print(&["plan", "study.toml", "--coordinator", ""]);
    assert!(local.contains("1 pass over the data"), "{local}");
    assert_eq!(place.print(&["job", "submit", "study.toml", "--dry-run"]), local);
    assert_eq!(place.print(&["plan", "study.toml"]), local);
    let job = place.json(&["job", "list"])[0]["name"].as_str().unwrap().to_owned();
    place.fails(&["job", "results", &job], 1, &["no results"]);
}

#[test]
fn one_request_id_is_one_job_and_another_study_under_it_is_refused() {
    let (place, _coordinator) = Place::served(&[]);
    let submit = ["job", "submit", "study.toml", "--request-id", "nightly-7"];
    let first = place.print(&submit);
    assert_eq!(place.print(&submit), first);
    place.fails(&[&submit[..], &["--set", "name=other"]].concat(), 2, &["request"]);
    assert_eq!(place.json(&["job", "list"]).as_array().unwrap().len(), 1);
}

#[test]
fn a_job_without_a_worker_waits_has_no_results_and_can_be_cancelled() {
    let (place, _coordinator) = Place::served(&[]);
    let job = place.json(&["job", "submit", "study.toml"])["name"].as_str().unwrap().to_owned();
    place.fails(&["job", "results", &job], 1, &[&job, "no results", "queued"]);
    assert_eq!(place.print(&["job", "cancel", &job]).trim(), format!("{job} cancelled"));
    place.fails(&["job", "wait", &job], 1, &["cancelled"]);
    place.fails(&["job", "watch", &job], 1, &["cancelled"]);
    assert!(place.print(&["fleet"]).contains("no worker is connected"));
}

#[test]
fn what_is_wrong_with_a_submission_is_named() {
    let (place, _coordinator) = Place::served(&[]);
    let _worker = place.worker(&[]);
    let nobody = "jobs/6f2c1f0e-8d0a-4f0e-9d5b-0a4d7a3f9f10";
    for command in ["get", "describe", "watch", "wait", "cancel", "results"] {
        place.fails(&["job", command, nobody], 2, &[nobody]);
    }
    place.fails(&["job", "get", "latest"], 2, &["jobs/UUID"]);
    place.fails(&["job", "submit", "study.toml", "--set", "nmae=x"], 2, &["nmae", "did you mean `name`"]);
    let wrong = ["--wait", "--set", "metric.0.id=spectrum.isoscor"];
    place.fails(&[&["job", "submit", "study.toml"], &wrong[..]].concat(), 2, &["metric[0].id: "]);
    let absent = ["--data", "nowhere.npy"];
    place.fails(
        &[&["job", "submit", "study.toml", "--wait"], &absent[..]].concat(),
        2,
        &["dataset[0]", "nowhere.npy"],
    );
    place.fails(&["run", "study.toml", "--base", "elsewhere"], 2, &["dataset[0]", "elsewhere"]);
}

#[test]
fn a_coordinator_that_is_not_there_is_named_at_once() {
    let place = Place::new();
    // Nothing listens on a port that was free a moment ago.
    let free = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let url = format!("http://{free}");
    for command in
        [&["job", "list"][..], &["job", "submit", "study.toml", "--wait"], &["fleet"], &["run", "study.toml"]]
    {
        place.fails(&[command, &["--coordinator", &url]].concat(), 4, &[&url, "could not be reached"]);
    }
    place.fails(&["job", "list"], 2, &["--coordinator", "ISOSCOPE_COORDINATOR"]);
    place.fails(&["job", "list", "--coordinator", "localhost:50551"], 2, &["http://HOST:PORT"]);
}

#[test]
fn only_those_who_show_the_token_are_let_in() {
    let place = Place::new();
    let right = place.token("right", "0123456789abcdef0123\n");
    let wrong = place.token("wrong", "fedcba9876543210fedc\n");
    let coordinator = place.coordinator("0.0.0.0:0", &["--token-file", &right]);
    let url = listening(&coordinator).replace("0.0.0.0", "127.0.0.1");
    let list = ["job", "list", "--coordinator", &url];
    let with = |file| [&list[..], &["--token-file", file]].concat();
    place.fails(&list, 4, &["did not let this program in", "--token-file"]);
    place.fails(&with(&wrong), 4, &["did not let this program in"]);
    assert!(place.print(&with(&right)).contains("study"));
    place.fails(
        &["worker", "--coordinator", &url, "--token-file", &wrong],
        4,
        &["did not let this program in"],
    );
    fs::set_permissions(place.path("right"), fs::Permissions::from_mode(0o644)).unwrap();
    place.fails(&with(&right), 2, &["--token-file", "chmod 600"]);
}

#[test]
fn a_coordinator_is_not_started_where_it_would_do_harm() {
    fn start<'a>(arguments: &[&'a str]) -> Vec<&'a str> {
        [&["coordinator", "--listen"], arguments].concat()
    }
    let (place, _coordinator) = Place::served(&[]);
    place.fails(&start(&["0.0.0.0:0"]), 2, &["coordinator.listen", "--token-file", "--insecure"]);
    place.fails(
        &start(&["127.0.0.1:0", "--state", "isoscope/coordinator"]),
        2,
        &["state", "another coordinator"],
    );
    let taken = place.url.trim_start_matches("http://");
    place.fails(&start(&[taken, "--state", "other"]), 2, &["coordinator.listen", taken]);
    let short = place.token("short", "secret");
    place.fails(
        &start(&["127.0.0.1:0", "--token-file", &short]),
        2,
        &["coordinator.token_file", "16 characters"],
    );
    let insecure = place.coordinator("0.0.0.0:0", &["--insecure", "--state", "open"]);
    assert!(listening(&insecure).starts_with("http://0.0.0.0:"));
}

#[test]
fn a_job_is_followed_over_a_coordinator_that_was_killed() {
    let (place, mut coordinator) = Place::served(&[]);
    let job = place.print(&["job", "submit", "study.toml"]).trim().to_owned();
    let watch = place.begin(&["job", "watch", &job, "-o", "json"]);
    assert!(watch.line(0).unwrap().contains("queued"));
    coordinator.kill();
    watch.until_logged("trying again");
    let coordinator = place.coordinator(place.url.trim_start_matches("http://"), &[]);
    assert_eq!(listening(&coordinator), place.url);
    let _worker = place.worker(&[]);
    let watched = watch.wait();
    assert_eq!(watched.code, Some(0), "{}", watched.stderr);
    assert!(watched.stdout.lines().last().unwrap().contains("\"succeeded\""), "{}", watched.stdout);
}

#[test]
fn settings_of_a_fleet_are_checked_by_name() {
    let place = Place::new();
    for (text, key) in [
        ("[coordinator]\nheartbeat_seconds = 15", "coordinator.heartbeat_seconds"),
        ("[coordinator]\nsession_ttl_seconds = nan", "coordinator.session_ttl_seconds"),
        ("[worker]\ndrain_seconds = -1", "worker.drain_seconds"),
        ("[client]\ncordinator = 'x'", "cordinator"),
    ] {
        fs::write(place.path("settings.toml"), text).unwrap();
        place.fails(&["--config", "settings.toml", "doctor"], 2, &[key]);
    }
    place.fails(&["run", "study.toml", "--plugins", "nowhere"], 2, &["worker.plugin_directory", "nowhere"]);
}
