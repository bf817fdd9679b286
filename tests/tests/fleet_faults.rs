//! Faults of a fleet of real processes, each struck while a worker is inside a task, and each without a trace in the results.
#![allow(clippy::unwrap_used, clippy::expect_used)]

use isoscope_tests::fleet::{Fleet, Patience, assert_same_files, events};
use rustix::process::Signal;
use std::collections::BTreeSet;

#[test]
fn one_process_and_three_workers_give_identical_files() {
    let fleet = Fleet::new(Patience::Long);
    let gate = fleet.gate("all");
    let _workers = ["a", "b", "c"].map(|name| fleet.worker(name).gate(&gate).start());
    let job = fleet.submit();
    let struck = [gate.struck(), gate.struck(), gate.struck()];
    let processes: BTreeSet<u32> = struck.iter().map(|task| task.pid).collect();
    assert_eq!(processes.len(), 3, "each of the three works");
    gate.open();
    drop(struck);
    let results = fleet.results(&job);
    assert_eq!(events(&fleet.describe(&job), "TASK_LOST"), 0);
    assert_same_files(&results, &fleet.local_results());
}

#[test]
fn a_worker_that_is_killed_inside_a_task_leaves_no_trace_in_the_files() {
    let fleet = Fleet::new(Patience::Short);
    let gate = fleet.gate("victim");
    let mut victim = fleet.worker("victim").gate(&gate).start();
    let job = fleet.submit();
    let struck = gate.struck();
    assert_eq!(struck.pid, victim.pid());
    let _others = ["b", "c"].map(|name| fleet.worker(name).start());
    victim.kill();
    struck.until_gone();
    let results = fleet.results(&job);
    let description = fleet.describe(&job);
    assert!(events(&description, "TASK_LOST") >= 1, "{description:#}");
    assert_same_files(&results, &fleet.local_results());
}

#[test]
fn a_coordinator_that_is_killed_mid_job_goes_on_where_it_was() {
    let mut fleet = Fleet::new(Patience::Long);
    let gate = fleet.gate("one");
    let _worker = fleet.worker("a").gate(&gate).start();
    let job = fleet.submit();
    let struck = gate.struck();
    let before = fleet.describe(&job);
    fleet.replace_coordinator();
    let after = fleet.describe(&job);
    assert_eq!(after["running"].as_array().unwrap().len(), 1, "{after:#}");
    assert_eq!(
        after["running"], before["running"],
        "the task in flight is still that worker's, by the same lease"
    );
    gate.open();
    drop(struck);
    let results = fleet.results(&job);
    let description = fleet.describe(&job);
    for kind in ["TASK_LOST", "TASK_RELEASED", "TASK_FAILED"] {
        assert_eq!(events(&description, kind), 0, "{description:#}");
    }
    assert_same_files(&results, &fleet.local_results());
}

#[test]
fn a_worker_that_sleeps_past_its_lease_changes_nothing_and_then_works_on() {
    let fleet = Fleet::new(Patience::Short);
    let (gate, other_gate) = (fleet.gate("sleeper"), fleet.gate("other"));
    let sleeper = fleet.worker("sleeper").gate(&gate).stubborn().start();
    let job = fleet.submit();
    let struck = gate.struck();
    sleeper.signal(Signal::STOP);
    let other = fleet.worker("other").gate(&other_gate).start();
    let held = other_gate.struck();
    let lost = fleet.until(&job, |description| events(description, "TASK_LOST") > 0);
    assert!(lost["running"].as_array().unwrap().iter().all(|task| task["worker"] == "other"), "{lost:#}");
    gate.open();
    drop(struck);
    sleeper.signal(Signal::CONT);
    // What it does now is done without a session: the coordinator must not take it.
    sleeper.until_logged("the session has expired");
    other_gate.open();
    drop(held);
    let results = fleet.results(&job);
    assert_same_files(&results, &fleet.local_results());

    other.signal(Signal::TERM);
    assert_eq!(other.wait().code, Some(0));
    let next = fleet.submit();
    assert_same_files(&fleet.results(&next), &results);
    let workers = fleet.json(&["fleet"]);
    let names: Vec<&str> = workers.as_array().unwrap().iter().filter_map(|w| w["name"].as_str()).collect();
    assert_eq!(names, ["sleeper"], "{workers:#}");
}

#[test]
fn a_worker_that_is_stopped_finishes_its_task_and_loses_nothing() {
    let fleet = Fleet::new(Patience::Long);
    let gate = fleet.gate("one");
    let stopped = fleet.worker("stopped").gate(&gate).start();
    let job = fleet.submit();
    let struck = gate.struck();
    stopped.signal(Signal::TERM);
    stopped.until_logged("no more tasks");
    gate.open();
    drop(struck);
    assert_eq!(stopped.wait().code, Some(0));
    let _next = fleet.worker("next").start();
    let results = fleet.results(&job);
    let description = fleet.describe(&job);
    for kind in ["TASK_LOST", "TASK_RELEASED", "TASK_FAILED"] {
        assert_eq!(events(&description, kind), 0, "{description:#}");
    }
    assert_same_files(&results, &fleet.local_results());
}

#[test]
fn a_worker_whose_task_does_not_end_in_time_gives_it_back() {
    let fleet = Fleet::new(Patience::Long);
    let gate = fleet.gate("one");
    let stopped = fleet.worker("stopped").gate(&gate).drain_seconds(1).start();
    let job = fleet.submit();
    let struck = gate.struck();
    stopped.signal(Signal::TERM);
    struck.until_gone();
    assert_eq!(stopped.wait().code, Some(0));
    let _next = fleet.worker("next").start();
    let results = fleet.results(&job);
    let description = fleet.describe(&job);
    assert_eq!(events(&description, "TASK_RELEASED"), 1, "{description:#}");
    assert_eq!(events(&description, "TASK_LOST"), 0, "{description:#}");
    assert_same_files(&results, &fleet.local_results());
}

#[test]
fn a_job_that_is_cancelled_stops_its_worker_which_then_does_the_next() {
    let fleet = Fleet::new(Patience::Long);
    let gate = fleet.gate("one");
    let worker = fleet.worker("a").gate(&gate).start();
    let job = fleet.submit();
    let struck = gate.struck();
    let _said = fleet.print(&["job", "cancel", &job]);
    struck.until_gone();
    let description = fleet.describe(&job);
    assert_eq!(events(&description, "CANCELLED"), 1, "{description:#}");
    assert_eq!(fleet.run(&["job", "wait", &job]).code, Some(1));
    let next = fleet.submit();
    assert_eq!(gate.struck().pid, worker.pid());
    gate.open();
    assert_same_files(&fleet.results(&next), &fleet.local_results());
}

#[test]
fn ctrl_c_leaves_a_remote_run_and_the_job_goes_on() {
    let fleet = Fleet::new(Patience::Long);
    let gate = fleet.gate("one");
    let _worker = fleet.worker("a").gate(&gate).start();
    let run = fleet.begin(&["run", "study.toml", "--out", "remote"]);
    let struck = gate.struck();
    run.signal(Signal::INT);
    let ended = run.wait();
    assert_eq!(ended.code, Some(130), "{}", ended.stderr);
    let said = ended.stderr.split("isoscope job watch ").nth(1).expect("it says how to go on");
    let job =
        said.split_whitespace().next().unwrap().trim_matches(|c: char| !c.is_ascii_alphanumeric()).to_owned();
    gate.open();
    drop(struck);
    assert_same_files(&fleet.results(&job), &fleet.local_results());
}

#[test]
fn a_job_that_nobody_can_serve_says_why_at_once() {
    let fleet = Fleet::new(Patience::Long);
    let job = fleet.submit();
    let reason = |job: &str| fleet.json(&["job", "get", job])["state_reason"].as_str().unwrap().to_owned();
    assert_eq!(reason(&job), "no worker is connected");

    let gate = fleet.gate("one");
    let with_plugin = fleet.worker("has").gate(&gate).drain_seconds(1).start();
    let struck = gate.struck();
    with_plugin.signal(Signal::TERM);
    struck.until_gone();
    assert_eq!(with_plugin.wait().code, Some(0));
    assert_eq!(reason(&job), "no worker is connected");
    let empty = fleet.path("empty");
    std::fs::create_dir(&empty).unwrap();
    let without = fleet.worker("lacks").plugins(&empty).start();
    // The job changes for no one who lacks its plugin, so another one shows that the worker is there.
    let other = fleet.print(&["job", "submit", "study.toml", "--set", "metric=[{\"id\":\"spectrum\"}]"]);
    assert_eq!(fleet.run(&["job", "wait", other.trim()]).code, Some(0));
    let told = reason(&job);
    assert!(told.contains("lacks") && told.contains("org.example.gate"), "{told}");
    drop(without);
}
