#![allow(clippy::unwrap_used)]
use super::*;
use crate::fixture;
use isoscope_core::digest::sha256;
use isoscope_core::plan::Plan;
use isoscope_core::task::{BlobRef, Output, Work};
use proptest::prelude::*;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

fn plan_blob() -> BlobRef {
    BlobRef { digest: sha256(b"plan"), size: 4 }
}

/// Outputs of a made-up worker; the ends of the layers ask for passes until stage `until`.
fn answer(plan: &Plan, work: &Work, until: u32) -> Output {
    fixture::answer(plan, work, until).output
}

fn plan(rows: u64, shard_rows: u64) -> Arc<Plan> {
    Arc::new(fixture::plan(rows, shard_rows))
}

/// Runs a job, choosing the next task by `choose`; returns every task with its output in order of completion.
fn run(plan: &Arc<Plan>, until: u32, mut choose: impl FnMut(usize) -> usize) -> Vec<(Work, Output)> {
    let mut progress = JobProgress::new(plan.clone(), &plan_blob());
    let mut ready = progress.first();
    let mut done = Vec::new();
    while !ready.is_empty() {
        assert!(!progress.is_finished());
        let work = ready.swap_remove(choose(ready.len()));
        let output = answer(plan, &work, until);
        ready.extend(progress.done(&work, &output).unwrap());
        done.push((work, output));
    }
    assert!(progress.is_finished());
    done
}

fn keyed(tasks: &[(Work, Output)]) -> BTreeMap<TaskKey, String> {
    tasks.iter().map(|(work, _)| (TaskKey::of(work), format!("{work:?}"))).collect()
}

#[test]
fn a_small_subject_passes_then_ends_each_layer_without_a_merge() {
    let plan = plan(10, 5);
    let tasks = run(&plan, 1, |_| 0);
    // Two blocks and two layers in each of two stages, for each of two models.
    assert_eq!(tasks.len(), 2 * 2 * (2 + 2));
    assert!(!tasks.iter().any(|(work, _)| matches!(work, Work::Merge(_))));
}

#[test]
fn many_shards_merge_by_groups_and_a_lone_block_is_its_own_group() {
    let plan = plan(300, 1);
    let subject = &plan.subjects[0];
    assert!(subject.block_level < subject.group_level && !subject.shards.is_multiple_of(16));
    let tasks = run(&plan, 1, |_| 0);
    let merges = |stage: u32| {
        let here =
            |work: &&(Work, Output)| matches!(&work.0, Work::Merge(m) if m.stage == stage && m.subject == 0);
        tasks.iter().filter(here).count()
    };
    assert_eq!(subject.blocks().len(), 38);
    assert_eq!(merges(1), subject.groups().len());
    let lone = Arc::new({
        let mut plan = (*plan).clone();
        plan.subjects.iter_mut().for_each(|s| s.shards = 264);
        plan
    });
    assert_eq!((lone.subjects[0].blocks().len(), lone.subjects[0].groups().len()), (33, 17));
    let tasks = run(&lone, 1, |_| 0);
    let merged: Vec<u64> = tasks
        .iter()
        .filter_map(|(work, _)| match work {
            Work::Merge(m) if m.stage == 1 && m.subject == 0 => Some(m.node.index),
            _ => None,
        })
        .collect();
    assert_eq!(merged.len(), 16, "the last group has one block only");
    let finish = tasks.iter().find_map(|(work, _)| match work {
        Work::Finish(f) => Some(f.clone()),
        _ => None,
    });
    assert_eq!(finish.unwrap().groups.len(), 17);
}

#[test]
fn a_stage_gets_the_broadcasts_and_carries_of_the_stage_before() {
    let plan = plan(10, 5);
    let tasks = run(&plan, 1, |_| 0);
    let left: BTreeMap<(u32, u32, u32), (BlobRef, BlobRef)> = tasks
        .iter()
        .filter_map(|(work, output)| match (work, output) {
            (Work::Finish(f), Output::Layer { broadcast, carry, .. }) => {
                Some(((f.subject, f.stage, f.slot), (broadcast.clone(), carry.clone())))
            }
            _ => None,
        })
        .collect();
    for (work, _) in &tasks {
        match work {
            Work::Pass(p) if p.stage == 1 => assert!(p.broadcasts.is_empty()),
            Work::Pass(p) => {
                let layers = &plan.subjects[p.subject as usize].layers;
                let wanted: Vec<_> =
                    (0..layers.len() as u32).map(|l| left[&(p.subject, p.stage - 1, l)].0.clone()).collect();
                assert_eq!(p.broadcasts, wanted);
            }
            Work::Finish(f) if f.stage == 1 => assert_eq!((&f.broadcast, &f.carry), (&None, &None)),
            Work::Finish(f) => {
                let (broadcast, carry) = left[&(f.subject, f.stage - 1, f.slot)].clone();
                assert_eq!((f.broadcast.clone(), f.carry.clone()), (Some(broadcast), Some(carry)));
            }
            _ => {}
        }
    }
}

#[test]
fn ops_that_ask_again_get_further_stages_and_the_total_grows_with_them() {
    let plan = plan(10, 5);
    let planned = JobProgress::new(plan.clone(), &plan_blob()).summary();
    assert_eq!((planned.stage, planned.stages), (1, 2));
    assert_eq!(planned.tasks_total, 1 + run(&plan, 1, |_| 0).len() as u64);
    let tasks = run(&plan, 5, |_| 0);
    assert_eq!(tasks.iter().map(|(work, _)| TaskKey::of(work).stage()).max(), Some(5));
    let finished = replayed(&plan, tasks);
    assert_eq!(finished.summary().tasks_total, 1 + 2 * 5 * 4);
    assert_eq!(finished.reports().count(), 2 * 5 * 2);
    assert_eq!(finished.tallies().map(|t| t.dataset_rows).collect::<Vec<_>>(), [10, 10]);
}

#[test]
fn a_pass_that_is_asked_for_for_ever_is_refused() {
    let plan = plan(1, 1);
    let mut progress = JobProgress::new(plan.clone(), &plan_blob());
    let mut ready = progress.first();
    let refused = loop {
        let work = ready.remove(0);
        match progress.done(&work, &answer(&plan, &work, u32::MAX)) {
            Ok(next) => ready.extend(next),
            Err(error) => break error,
        }
    };
    assert!(matches!(refused, ProgressError::Endless { most: 10_000, .. }));
}

#[test]
fn what_the_job_does_not_wait_for_changes_nothing() {
    let plan = plan(10, 5);
    let mut progress = JobProgress::new(plan.clone(), &plan_blob());
    let work = progress.first().remove(0);
    let good = answer(&plan, &work, 1);
    let Output::Node { layers, tally } = good.clone() else { panic!("a pass yields a node") };
    let short = Output::Node { layers: layers[..1].to_vec(), tally: tally.clone() };
    assert_eq!(progress.done(&work, &short).unwrap_err(), ProgressError::Layers { got: 1, wanted: 2 });
    let untold = Output::Node { layers: layers.clone(), tally: String::new() };
    assert!(matches!(progress.done(&work, &untold).unwrap_err(), ProgressError::Tally { .. }));
    assert_eq!(progress.done(&work, &Output::Facts(plan_blob())).unwrap_err(), ProgressError::WrongOutput);
    assert_eq!(progress.tallies().map(|t| t.dataset_rows).sum::<u64>(), 0);
    progress.done(&work, &good).unwrap();
    assert_eq!(progress.done(&work, &good).unwrap_err(), ProgressError::NotExpected);
}

fn replayed(plan: &Arc<Plan>, mut tasks: Vec<(Work, Output)>) -> JobProgress {
    tasks.sort_by_key(|(work, _)| (TaskKey::of(work).stage(), TaskKey::of(work).position()));
    JobProgress::replay(plan.clone(), &plan_blob(), tasks.iter().map(|(w, o)| (w, o))).unwrap()
}

fn picks() -> impl Strategy<Value = Vec<usize>> {
    proptest::collection::vec(0usize..10_000, 400)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]

    #[test]
    fn the_set_of_tasks_is_the_same_whatever_the_order(
        order in picks(), rows in 1u64..40, shard_rows in 1u64..9, until in 1u32..4, merge in any::<bool>(),
    ) {
        let mut plan = fixture::plan(rows, shard_rows);
        if merge {
            for subject in &mut plan.subjects {
                (subject.block_level, subject.group_level) = (1, 3);
            }
        }
        let plan = Arc::new(plan);
        let in_order = run(&plan, until, |_| 0);
        let mut at = 0;
        let shuffled = run(&plan, until, |n| { at += 1; order[at % order.len()] % n });
        prop_assert_eq!(keyed(&in_order).len(), in_order.len(), "a task was given twice");
        prop_assert_eq!(shuffled.len(), in_order.len());
        prop_assert_eq!(keyed(&shuffled), keyed(&in_order));
    }

    #[test]
    fn replaying_any_prefix_leaves_the_same_tasks(order in picks(), cut in 0usize..10_000) {
        let mut plan = fixture::plan(24, 1);
        for subject in &mut plan.subjects {
            (subject.block_level, subject.group_level) = (1, 3);
        }
        let plan = Arc::new(plan);
        let mut at = 0;
        let all = run(&plan, 3, |n| { at += 1; order[at % order.len()] % n });
        let prefix = all[..cut % (all.len() + 1)].to_vec();
        // What the job gave out while the prefix was done, and has not got back.
        let mut live = JobProgress::new(plan.clone(), &plan_blob());
        let mut given: BTreeSet<TaskKey> = live.first().iter().map(TaskKey::of).collect();
        for (work, output) in &prefix {
            given.remove(&TaskKey::of(work));
            given.extend(live.done(work, output).unwrap().iter().map(TaskKey::of));
        }
        let mut restarted = replayed(&plan, prefix.clone());
        prop_assert_eq!(restarted.summary(), live.summary());
        let finished: BTreeSet<TaskKey> = prefix.iter().map(|(work, _)| TaskKey::of(work)).collect();
        let mut rest: Vec<_> = all.into_iter().filter(|(work, _)| !finished.contains(&TaskKey::of(work))).collect();
        rest.sort_by_key(|(work, _)| (TaskKey::of(work).stage(), TaskKey::of(work).position()));
        for (work, output) in &rest {
            prop_assert!(given.remove(&TaskKey::of(work)), "not given before: {}", TaskKey::of(work));
            given.extend(restarted.done(work, output).unwrap().iter().map(TaskKey::of));
        }
        prop_assert!(restarted.is_finished() && given.is_empty());
    }
}
