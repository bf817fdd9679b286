#![allow(clippy::unwrap_used)]
mod analyses;

use super::*;
use crate::catalogue::{Manifest, PluginFacts};
use crate::facts::{Facts, RowIndex, SentenceModules};
use crate::pooling::PoolingMode;
use crate::study::{Format, Pooling, Unit};
use serde_json::{Value, json};

fn op(
    id: &str,
    kind: &str,
    needs: &str,
    parts: Value,
    outputs: &[&str],
    affine: bool,
    columns: Value,
) -> Value {
    let outputs: Vec<Value> = outputs.iter().map(|id| json!({"id": id, "shape": "scalar"})).collect();
    let params =
        json!({"type": "object", "properties": {"components": {"type": "integer", "x-aliases": ["k"]}}});
    json!({"id": id, "kind": kind, "version": 1, "needs": needs, "parts": parts, "outputs": outputs,
           "affine": affine, "columns": columns, "params": params})
}

fn plugins() -> Vec<PluginFacts> {
    let ops = json!([
        op(
            "spectrum.isoscore",
            "metric",
            "moments",
            json!(["second"]),
            &["spectrum.isoscore"],
            false,
            json!([])
        ),
        op(
            "angular.avg_cosine",
            "metric",
            "moments",
            json!(["direction"]),
            &["angular.avg_cosine"],
            false,
            json!([])
        ),
        op(
            "partition.uncentered",
            "metric",
            "moments_then_rows",
            json!(["second"]),
            &["partition.log_I_pm", "partition.I_pm"],
            false,
            json!([])
        ),
        op("abtt", "enhancement", "moments", json!(["second"]), &[], true, json!([])),
        op("l2_normalize", "enhancement", "nothing", json!([]), &[], false, json!([])),
        op("sts", "evaluation", "rows", json!([]), &["sts.spearman"], false, json!(["sentence", "gold"])),
    ]);
    let manifest = json!({"schema": 1, "id": "org.example.all", "version": "1", "abi": {"major": 1, "min_minor": 0}, "ops": ops});
    let manifest: Manifest = serde_json::from_value(manifest).unwrap();
    vec![PluginFacts { manifest, digest: "sha256:00".into(), source: "built-in".into() }]
}

fn facts(rows: u64) -> Facts {
    let model = ModelFacts {
        model_type: "bert".into(),
        hidden_states: 7,
        width: 384,
        max_positions: 512,
        weights_digest: "sha256:01".into(),
        tokenizer_digest: "sha256:02".into(),
        sentences: SentenceModules::None,
        revision: String::new(),
        base_revision: String::new(),
    };
    let index = RowIndex::default();
    let dataset = DatasetFacts {
        format: Format::Tsv,
        rows,
        sides: 2,
        width: None,
        gold: true,
        columns: vec!["gold".into()],
        train_rows: 0,
        word_columns: Vec::new(),
        digest: "sha256:03".into(),
        index,
        train_index: RowIndex::default(),
        attached: Vec::new(),
        frequency_digest: None,
    };
    Facts {
        models: vec![model],
        datasets: vec![dataset],
        plugins: plugins(),
        numerics_class: "cpu-f32".into(),
    }
}

fn study(enhancements: Value, metrics: Value) -> Study {
    let value = json!({
        "name": "s",
        "model": [{"name": "m", "source": "m"}],
        "dataset": [{"name": "d", "source": "d.tsv", "text": ["a", "b"], "gold": "g"}],
        "enhancement": enhancements, "metric": metrics, "evaluation": [{"id": "sts"}],
    });
    Study::from_value(value).unwrap()
}

#[test]
fn the_plan_says_how_each_encoder_pools_sentences() {
    let mut study = study(json!([]), json!([{"id": "spectrum"}]));
    study.representation.unit = Unit::Sentence;
    let mut facts = facts(10);
    let pooling = |study: &Study, facts: &Facts| {
        Plan::new(study, facts).map(|plan| plan.subjects[0].row_kind().unwrap().pooling())
    };
    assert_eq!(pooling(&study, &facts), Ok("mean".to_owned()));
    let digest = Plan::new(&study, &facts).unwrap().digest().unwrap();
    facts.models[0].sentences = SentenceModules::Pooling { mode: PoolingMode::Cls, normalize: true };
    assert_eq!(pooling(&study, &facts), Ok("model:cls+normalize".to_owned()));
    assert_ne!(Plan::new(&study, &facts).unwrap().digest().unwrap(), digest);
    facts.models[0].sentences = SentenceModules::Unsupported { reason: "its module Dense in `2`".to_owned() };
    let refused = pooling(&study, &facts).unwrap_err();
    assert_eq!(refused.0[0].field, "representation.pooling");
    assert!(refused.0[0].message.contains("model[0]") && refused.0[0].message.contains("its module Dense"));
    study.representation.pooling = Pooling::Max;
    assert_eq!(pooling(&study, &facts), Ok("max".to_owned()));
}

fn stage_of(plan: &Plan, id: &str, space: &str) -> (Option<u32>, Option<u32>) {
    let space = plan.spaces.iter().position(|s| s.name == space).unwrap() as u32;
    let op = plan.ops.iter().find(|o| o.op.id == id && o.space == space).unwrap();
    (op.measured, op.pass)
}

#[test]
fn every_op_runs_in_the_first_stage_that_has_what_it_needs() {
    let metrics = json!([{"id": "spectrum"}, {"id": "angular.avg_cosine"}, {"id": "partition.log_I_pm"}]);
    let enhancements = json!([{"id": "abtt", "components": 3}, {"id": "l2_normalize"},
                              {"id": "abtt", "components": 3, "then": [{"id": "l2_normalize"}]}]);
    let plan = Plan::new(&study(enhancements, metrics), &facts(1500)).unwrap();
    assert_eq!(stage_of(&plan, "spectrum.isoscore", "raw"), (Some(1), None));
    assert_eq!(stage_of(&plan, "partition.uncentered", "raw"), (Some(1), Some(2)));
    assert_eq!(stage_of(&plan, "sts", "raw"), (None, Some(1)));
    // Affine: second moments in closed form, directions by a pass, the partition function in that same pass.
    assert_eq!(stage_of(&plan, "spectrum.isoscore", "abtt(components=3)"), (Some(1), None));
    assert_eq!(stage_of(&plan, "angular.avg_cosine", "abtt(components=3)"), (Some(2), None));
    assert_eq!(stage_of(&plan, "partition.uncentered", "abtt(components=3)"), (Some(1), Some(2)));
    assert_eq!(stage_of(&plan, "sts", "abtt(components=3)"), (None, Some(2)));
    // Nothing to fit: seen in the first pass.
    assert_eq!(stage_of(&plan, "spectrum.isoscore", "l2_normalize"), (Some(1), None));
    // Not affine after a fit: its moments take a pass, what needs them one more.
    let chained = "abtt(components=3)+l2_normalize";
    assert_eq!(stage_of(&plan, "spectrum.isoscore", chained), (Some(2), None));
    assert_eq!(stage_of(&plan, "partition.uncentered", chained), (Some(2), Some(3)));
    assert_eq!(plan.stages, 3);
    assert_eq!(plan.nodes.len(), 4, "the chain shares its first step");
    assert_eq!(plan.chain(plan.spaces[3].node).len(), 2);
}

#[test]
fn second_moments_are_folded_only_where_no_closed_form_gives_them() {
    let metrics = json!([{"id": "spectrum"}, {"id": "angular.avg_cosine"}]);
    let plan = Plan::new(&study(json!([{"id": "abtt"}]), metrics), &facts(10)).unwrap();
    assert_eq!(plan.nodes[0].folded, [Part::Second, Part::Direction]);
    assert_eq!(plan.nodes[1].folded, [Part::Direction]);
    assert_eq!(plan.nodes[1].second, Some(SecondFrom::ClosedForm(1)));
}

#[test]
fn ids_of_values_ops_and_families_select() {
    let metrics = json!([{"id": "partition.log_I_pm"}, {"id": "partition.I_pm"}, {"id": "spectrum"}]);
    let plan = Plan::new(&study(json!([]), metrics), &facts(10)).unwrap();
    let partition = plan.ops.iter().find(|o| o.op.id == "partition.uncentered").unwrap();
    assert!(partition.wants("partition.log_I_pm") && partition.wants("partition.I_pm"));
    assert!(!partition.wants("partition.logZ_plus"));
    assert_eq!(plan.ops.len(), 3, "one op for two of its values, one of a family, one evaluation");
}

#[test]
fn what_no_plugin_offers_is_refused_by_path_and_nearest_name() {
    let metrics = json!([{"id": "spectrum.isoscor"}, {"id": "spectrum", "componants": 2}]);
    let enhancements = json!([{"id": "abtt", "components": "many"}, {"id": "abt", "name": "x"}]);
    let found = Plan::new(&study(enhancements, metrics), &facts(10)).unwrap_err().to_string();
    for want in [
        "metric[0].id: no plugin offers `spectrum.isoscor`; did you mean `spectrum.isoscore`?",
        "metric[1].componants: unknown parameter; did you mean `components`?",
        "enhancement[0].components: expected integer, found \"many\"",
        "enhancement[1].id: no plugin offers `abt`; did you mean `abtt`?",
    ] {
        assert!(found.contains(want), "{want}\n  not in\n{found}");
    }
}

#[test]
fn shards_cover_every_row_once_and_blocks_every_shard() {
    for rows in [1, 2, 63, 64, 65, 1500, 200_000, 10_000_000] {
        let plan = Plan::new(&study(json!([]), json!([])), &facts(rows)).unwrap();
        let subject = &plan.subjects[0];
        assert_eq!(subject.rows(0).start, 0);
        for shard in 1..subject.shards {
            assert_eq!(subject.rows(shard).start, subject.rows(shard - 1).end);
        }
        assert_eq!(subject.rows(subject.shards - 1).end, rows);
        assert!(subject.groups().len() as u64 <= GROUPS);
        assert!(subject.block_level <= subject.group_level);
    }
}

#[test]
fn a_task_takes_about_as_long_whatever_the_encoder_and_its_rows_are_many() {
    let (mut small, mut large) = (facts(200_000), facts(200_000));
    large.models[0].width = 768;
    large.models[0].hidden_states = 13;
    let rows_of = |facts: &Facts| {
        let subject = Plan::new(&study(json!([]), json!([])), facts).unwrap().subjects.remove(0);
        subject.shard_rows << subject.block_level
    };
    let (rows_small, rows_large) = (rows_of(&small), rows_of(&large));
    // An encoder of twice the width and depth costs eight times as much a row.
    assert!((4..=16).contains(&(rows_small / rows_large)), "{rows_small} and {rows_large}");
    small.numerics_class = "cuda-sm90-f16".into();
    assert!(rows_of(&small) > rows_small, "a GPU does more in the same time");
}

#[test]
fn an_evaluation_without_gold_is_refused() {
    let mut facts = facts(10);
    facts.datasets[0].columns.clear();
    let found = Plan::new(&study(json!([]), json!([])), &facts).unwrap_err().to_string();
    assert!(found.contains("`sts` needs the columns sentence, gold"), "{found}");
}

#[test]
fn the_digest_changes_with_anything_that_decides_bits() {
    let plan = Plan::new(&study(json!([]), json!([])), &facts(100)).unwrap();
    let mut other = plan.clone();
    other.study.plan.batch_tokens = Some(77);
    assert_ne!(plan.digest().unwrap(), other.digest().unwrap());
    assert_eq!(Plan::from_bytes(&plan.to_bytes().unwrap()).unwrap(), plan);
}
