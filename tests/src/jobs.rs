//! Runs a plan on the worker's own task functions, without a coordinator: what it yields is what a fleet must yield.

use isoscope_core::digest::sha256;
use isoscope_core::facts::Facts;
use isoscope_core::plan::Plan;
use isoscope_core::result::{LayerReport, Reported, ReportedSeries};
use isoscope_core::state::decode;
use isoscope_core::study::Study;
use isoscope_core::task::{BlobRef, Finish, Output, Pass, Work};
use isoscope_worker::blobs::Blobs;
use isoscope_worker::fetched::Fetched;
use isoscope_worker::models::Models;
use isoscope_worker::source::RowCache;
use isoscope_worker::tasks::{self, Context};
use isoscope_worker::{ComputeDevice, PluginSet, WorkerError, numerics_class};
use std::collections::HashMap;
use std::path::Path;
use std::sync::atomic::{AtomicBool, AtomicU64};
use std::sync::{Mutex, PoisonError};

/// A content-addressed store in memory.
#[derive(Default)]
pub struct MemoryBlobs(Mutex<HashMap<String, Vec<u8>>>);

impl Blobs for MemoryBlobs {
    fn get(&self, blob: &BlobRef) -> Result<Vec<u8>, WorkerError> {
        let blobs = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        blobs
            .get(&blob.digest)
            .cloned()
            .ok_or_else(|| WorkerError::CorruptBlob { digest: blob.digest.clone() })
    }

    fn put(&self, bytes: Vec<u8>) -> Result<BlobRef, WorkerError> {
        let blob = BlobRef { digest: sha256(&bytes), size: bytes.len() as u64 };
        self.0.lock().unwrap_or_else(PoisonError::into_inner).insert(blob.digest.clone(), bytes);
        Ok(blob)
    }
}

/// What one layer of one subject yielded over all stages.
#[derive(Debug, Default)]
pub struct Reports {
    /// Numbers, with the index of the space.
    pub rows: Vec<(u32, Reported)>,
    /// Vectors, with the index of the space.
    pub series: Vec<(u32, ReportedSeries)>,
}

/// Surveys, plans and runs a study; returns the plan and the reports of each subject and slot of its layers.
///
/// # Panics
/// When anything fails: this is for tests.
#[must_use]
pub fn run(study: &Study, plugins: &PluginSet, base: &Path) -> (Plan, HashMap<(u32, u32), Reports>) {
    let job = Job::new(plugins, base);
    let plan = job.plan(study);
    let bytes = plan.to_bytes().expect("a plan can be encoded");
    let blob = job.blobs.put(bytes).expect("memory takes it");
    let mut reports = HashMap::new();
    for subject in 0..plan.subjects.len() as u32 {
        job.run_subject(&plan, &blob, subject, &mut reports);
    }
    (plan, reports)
}

struct Job<'a> {
    plugins: &'a PluginSet,
    base: &'a Path,
    blobs: MemoryBlobs,
    fetched: Fetched,
    models: Models,
    cache: RowCache,
    _directory: tempfile::TempDir,
}

impl<'a> Job<'a> {
    fn new(plugins: &'a PluginSet, base: &'a Path) -> Self {
        let directory = tempfile::tempdir().expect("a temporary directory");
        let cache = RowCache::open(directory.path(), 1 << 30).expect("a row cache");
        let (blobs, fetched, models) =
            (MemoryBlobs::default(), Fetched::default(), Models::new(ComputeDevice::cpu()));
        Self { plugins, base, blobs, fetched, models, cache, _directory: directory }
    }

    fn task(&self, work: &Work) -> Output {
        let (revoked, progress) = (AtomicBool::new(false), AtomicU64::new(0));
        let context = Context {
            blobs: &self.blobs,
            plugins: self.plugins,
            fetched: &self.fetched,
            models: &self.models,
            cache: &self.cache,
            base: self.base,
            numerics_class: &numerics_class(&ComputeDevice::cpu()),
            revoked: &revoked,
            progress: &progress,
        };
        tasks::run(&context, work).unwrap_or_else(|e| panic!("{work:?} failed: {e}"))
    }

    fn plan(&self, study: &Study) -> Plan {
        let json = serde_json::to_vec(study).expect("a study can be encoded");
        let study_blob = self.blobs.put(json).expect("memory takes it");
        let Output::Facts(facts) = self.task(&Work::Survey { study: study_blob }) else {
            panic!("a survey yields facts")
        };
        let facts = self.blobs.get(&facts).expect("the facts were stored");
        let facts: Facts = serde_json::from_slice(&facts).expect("facts are JSON");
        Plan::new(study, &facts).unwrap_or_else(|e| panic!("{e}"))
    }

    fn run_subject(
        &self,
        plan: &Plan,
        blob: &BlobRef,
        subject: u32,
        reports: &mut HashMap<(u32, u32), Reports>,
    ) {
        let planned = &plan.subjects[subject as usize];
        let (mut broadcasts, mut carries): (Vec<BlobRef>, Vec<BlobRef>) = (Vec::new(), Vec::new());
        let mut slots: Vec<u32> = (0..planned.layers.len() as u32).collect();
        let mut stage = 1;
        while !slots.is_empty() {
            let nodes: Vec<Vec<BlobRef>> = planned
                .groups()
                .into_iter()
                .map(|node| {
                    let (slots, broadcasts) = (slots.clone(), broadcasts.clone());
                    let pass = Pass { plan: blob.clone(), subject, stage, node, slots, broadcasts };
                    let Output::Node { layers, .. } = self.task(&Work::Pass(pass)) else {
                        panic!("a pass yields a node")
                    };
                    layers
                })
                .collect();
            let (mut left, mut next, mut kept) = (Vec::new(), Vec::new(), Vec::new());
            for (i, slot) in slots.into_iter().enumerate() {
                let finish = Finish {
                    plan: blob.clone(),
                    subject,
                    stage,
                    slot,
                    groups: nodes.iter().map(|node| node[i].clone()).collect(),
                    broadcast: broadcasts.get(i).cloned(),
                    carry: carries.get(i).cloned(),
                };
                let Output::Layer { report, broadcast, carry, again } = self.task(&Work::Finish(finish))
                else {
                    panic!("the end of a stage yields a layer")
                };
                self.collect(plan, &report, reports.entry((subject, slot)).or_default());
                if again {
                    left.push(slot);
                    next.push(broadcast);
                    kept.push(carry);
                }
            }
            (slots, broadcasts, carries) = (left, next, kept);
            stage += 1;
        }
    }

    fn collect(&self, plan: &Plan, report: &BlobRef, into: &mut Reports) {
        let bytes = self.blobs.get(report).expect("the report was stored");
        let report: LayerReport = decode("report", &bytes).expect("a report");
        for op in report.ops {
            let space = plan.ops[op.op as usize].space;
            into.rows.extend(op.rows.into_iter().map(|row| (space, row)));
            into.series.extend(op.series.into_iter().map(|series| (space, series)));
        }
    }
}
