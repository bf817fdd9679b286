//! A made-up study, the facts about it, and a worker that answers every task at once. For tests.
#![allow(clippy::unwrap_used)]

use isoscope_core::catalogue::{Manifest, PluginFacts};
use isoscope_core::digest::sha256;
use isoscope_core::facts::{DatasetFacts, Facts, ModelFacts, RowIndex, SentenceModules};
use isoscope_core::plan::Plan;
use isoscope_core::result::{LayerReport, OpReport, Reported, ReportedSeries, Tally};
use isoscope_core::state::encode;
use isoscope_core::study::{Format, Study};
use isoscope_core::task::{BlobRef, Output, Work};
use serde_json::{Value, json};

/// Class of the made-up worker.
pub(crate) const NUMERICS: &str = "cpu-f32-test";
/// Digest of its plugin.
pub(crate) const PLUGIN_DIGEST: &str = "sha256:00";

/// Two encoders of two hidden states on one dataset; an op that ends in stage 1 and one that ends in stage 2.
pub(crate) fn study_json(shard_rows: u64) -> Value {
    json!({
        "name": "tiny", "seed": 7,
        "model": [{"name": "pre", "source": "./pre"}, {"name": "ft", "source": "./ft"}],
        "dataset": [{"name": "d", "source": "d.txt"}],
        "metric": [{"id": "spectrum.isoscore"}, {"id": "partition.log_I_pm"}],
        "plan": {"shard_rows": shard_rows},
    })
}

pub(crate) fn facts(rows: u64) -> Facts {
    let op = |id: &str, needs: &str, output: &str| {
        json!({"id": id, "kind": "metric", "version": 1, "needs": needs, "parts": ["second"],
               "outputs": [{"id": output, "shape": "scalar"}], "params": {"type": "object", "properties": {}}})
    };
    let manifest = json!({
        "schema": 1, "id": "org.example.all", "version": "0.1.0", "abi": {"major": 1, "min_minor": 0},
        "ops": [op("spectrum.isoscore", "moments", "spectrum.isoscore"),
                op("partition.uncentered", "moments_then_rows", "partition.log_I_pm")],
    });
    let manifest: Manifest = serde_json::from_value(manifest).unwrap();
    let plugin = PluginFacts { manifest, digest: PLUGIN_DIGEST.to_owned(), source: "built-in".to_owned() };
    let model = |weights: &str| ModelFacts {
        model_type: "bert".to_owned(),
        hidden_states: 2,
        width: 4,
        max_positions: 512,
        weights_digest: sha256(weights.as_bytes()),
        tokenizer_digest: sha256(b"tokenizer"),
        sentences: SentenceModules::None,
        revision: String::new(),
        base_revision: String::new(),
    };
    let dataset = DatasetFacts {
        format: Format::Txt,
        rows,
        sides: 1,
        width: None,
        gold: false,
        train_rows: 0,
        columns: Vec::new(),
        word_columns: Vec::new(),
        digest: sha256(b"dataset"),
        index: RowIndex::default(),
        train_index: RowIndex::default(),
        attached: Vec::new(),
        frequency_digest: None,
    };
    Facts {
        models: vec![model("pre"), model("ft")],
        datasets: vec![dataset],
        plugins: vec![plugin],
        numerics_class: NUMERICS.to_owned(),
    }
}

pub(crate) fn plan(rows: u64, shard_rows: u64) -> Plan {
    Plan::new(&Study::from_value(study_json(shard_rows)).unwrap(), &facts(rows)).unwrap()
}

/// What the made-up worker yields for a task, and the blobs that it stores first.
pub(crate) struct Answer {
    pub(crate) output: Output,
    pub(crate) blobs: Vec<Vec<u8>>,
}

/// Answers a task of a plan. Every op reports at the end of its stage; the ends ask for passes until stage `until`.
pub(crate) fn answer(plan: &Plan, work: &Work, until: u32) -> Answer {
    let mut blobs = Vec::new();
    let mut put = |bytes: Vec<u8>| {
        let blob = BlobRef { digest: sha256(&bytes), size: bytes.len() as u64 };
        blobs.push(bytes);
        blob
    };
    let subject = |index: u32| &plan.subjects[index as usize];
    let output = match work {
        Work::Survey { .. } => panic!("a survey comes before the plan"),
        Work::Pass(p) => {
            let rows = p.node.shards(subject(p.subject).shards).map(|shard| {
                let rows = subject(p.subject).rows(shard);
                rows.end - rows.start
            });
            let tally = Tally { dataset_rows: rows.sum(), ..Tally::default() };
            let state =
                |l: &u32| put(format!("pass {} {} {} {l}", p.subject, p.stage, p.node.index).into_bytes());
            let layers = p.slots.iter().map(state).collect();
            Output::Node { layers, tally: serde_json::to_string(&tally).unwrap() }
        }
        Work::Merge(m) => {
            let state =
                |l: &u32| put(format!("merge {} {} {} {l}", m.subject, m.stage, m.node.index).into_bytes());
            let layers = m.slots.iter().map(state).collect();
            Output::Node { layers, tally: String::new() }
        }
        Work::Finish(f) => {
            let again = f.stage < until;
            let report = report(plan, f.subject, f.stage, f.slot, again);
            let name = format!("{} {} {}", f.subject, f.stage, f.slot);
            Output::Layer {
                report: put(encode("report", &report).unwrap()),
                broadcast: put(format!("broadcast {name}").into_bytes()),
                carry: put(format!("carry {name}").into_bytes()),
                again,
            }
        }
    };
    Answer { output, blobs }
}

fn report(plan: &Plan, subject: u32, stage: u32, slot: u32, again: bool) -> LayerReport {
    let ending = (0..).zip(&plan.ops).filter(|(_, op)| op.pass.or(op.measured) == Some(stage));
    let ops = ending.map(|(i, op)| {
        let metric = op.selections.iter().find_map(|s| match s {
            isoscope_core::catalogue::Selection::One(id) => Some(id.clone()),
            isoscope_core::catalogue::Selection::All => None,
        });
        let metric = metric.unwrap_or_else(|| op.op.id.clone());
        let value = f64::from(subject * 100 + slot * 10 + i);
        let row = Reported {
            metric: metric.clone(),
            part: String::new(),
            value: Some(value),
            status: "ok".to_owned(),
            std_err: None,
            std_err_kind: String::new(),
            replicates: Vec::new(),
            n: 5,
        };
        let curve = |metric: String, values: Vec<f64>, status: &str| ReportedSeries {
            metric,
            part: String::new(),
            status: status.to_owned(),
            values,
            n: 5,
        };
        let series = vec![
            curve(format!("{metric}.curve"), vec![1.0, 0.5], "ok"),
            curve(format!("{metric}.missing"), vec![], "too few rows"),
        ];
        OpReport { op: i, group: String::new(), rows: vec![row], series }
    });
    LayerReport { subject, slot, ops: ops.collect(), fits: Vec::new(), again }
}
