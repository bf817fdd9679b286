//! Plans of comparisons, probes, samples, groups, and enhancements fitted on rows.

use super::{facts, op};
use crate::catalogue::{Manifest, PluginFacts};
use crate::facts::Facts;
use crate::plan::{Delays, Plan, Subject, Together};
use crate::study::Study;
use serde_json::{Value, json};

fn with_rows(mut op: Value, rows: u64) -> Value {
    op["params"]["properties"]["rows"] = json!({"type": "integer", "default": rows});
    op["params"]["properties"]["group"] = json!({"type": "string", "default": "word"});
    op
}

/// The plugins of the plan's other tests, and ops of every further kind.
fn world(rows: u64) -> Facts {
    let mut two = op("compare.cross", "comparison", "rows", json!([]), &["compare.cka"], false, json!([]));
    two["views"] = json!(2);
    let ops = json!([
        two,
        with_rows(op("neigh", "metric", "sample", json!([]), &["neigh.twonn"], false, json!([])), 500),
        with_rows(
            op(
                "grouped.knn",
                "metric",
                "sample",
                json!([]),
                &["grouped.knn"],
                false,
                json!(["$group", "sentence"])
            ),
            500
        ),
        op("probe.linear", "probe", "rows", json!([]), &["probe.accuracy"], false, json!(["split", "label"])),
        op("cluster_based", "enhancement", "rows", json!([]), &[], false, json!([])),
    ]);
    let manifest = json!({"schema": 1, "id": "org.example.more", "version": "1", "abi": {"major": 1, "min_minor": 0}, "ops": ops});
    let manifest: Manifest = serde_json::from_value(manifest).unwrap();
    let mut facts = facts(rows);
    facts.plugins.push(PluginFacts { manifest, digest: "sha256:01".into(), source: "built-in".into() });
    facts.models.push(facts.models[0].clone());
    facts
}

fn study(more: Value) -> Study {
    let mut value = json!({
        "name": "s",
        "model": [{"name": "a", "source": "a"}, {"name": "b", "source": "b"}],
        "dataset": [{"name": "d", "source": "d.tsv", "text": ["a", "b"], "gold": "g"}],
    });
    for (key, entry) in more.as_object().unwrap() {
        value[key] = entry.clone();
    }
    Study::from_value(value).unwrap()
}

#[test]
fn two_encoders_meet_layer_by_layer_or_each_with_each() {
    let plan = |layers: &str| {
        Plan::new(&study(json!({"comparison": [{"id": "compare", "layers": layers}]})), &world(100)).unwrap()
    };
    let same = plan("same");
    assert_eq!(same.subjects.len(), 1, "an encoder on its own has nothing to do");
    let partner = same.subjects[0].partner.as_ref().unwrap();
    assert_eq!(
        (partner.name(), &partner.layers, &same.subjects[0].layers),
        ("b", &(0..7).collect(), &(0..7).collect())
    );
    let all = plan("all");
    assert_eq!(all.subjects[0].layers.len(), 49);
    assert_eq!((all.subjects[0].layers[8], all.subjects[0].partner.as_ref().unwrap().layers[8]), (1, 1));
}

#[test]
fn encoders_of_different_tokenizers_are_not_compared() {
    let mut world = world(100);
    world.models[1].tokenizer_digest = "sha256:09".into();
    let refused =
        Plan::new(&study(json!({"comparison": [{"id": "compare"}]})), &world).unwrap_err().to_string();
    assert!(refused.contains("different tokenizers"), "{refused}");
    let entry =
        json!({"comparison": [{"id": "compare", "between": ["a", "c"]}], "metric": [{"id": "neigh"}]});
    let refused =
        Study::from_value(serde_json::to_value(study(json!({"metric": [{"id": "neigh"}]}))).unwrap());
    assert!(refused.is_ok());
    let mut value = serde_json::to_value(study(json!({"metric": [{"id": "neigh"}]}))).unwrap();
    value["comparison"] = entry["comparison"].clone();
    let text = match Study::from_value(value) {
        Ok(study) => Plan::new(&study, &world).unwrap_err().to_string(),
        Err(refused) => refused.to_string(),
    };
    assert!(text.contains("`c`"), "{text}");
}

#[test]
fn ops_that_want_the_same_sample_share_it() {
    let mut world = world(100);
    world.datasets[0].columns.push("word".into());
    let metrics = json!([{"id": "neigh"}, {"id": "neigh", "rows": 80}, {"id": "grouped.knn"}]);
    let plan = Plan::new(&study(json!({"metric": metrics})), &world).unwrap();
    let drawn: Vec<_> = plan.samples.iter().map(|sample| (sample.rows, sample.together)).collect();
    assert_eq!(drawn, [(500, Together::Row), (80, Together::Row), (500, Together::Sentence)]);
    let knn = plan.ops.iter().find(|op| op.op.id == "grouped.knn").unwrap();
    assert_eq!(knn.columns, ["word", "sentence"]);
}

#[test]
fn a_probe_needs_a_dataset_with_labels_and_a_training_part() {
    let mut spec = json!({"probe": [{"id": "probe.linear"}], "metric": [{"id": "neigh"}]});
    spec["dataset"] = json!([{"name": "d", "source": "d.tsv", "text": "a", "label": "l", "split": "p"}]);
    let mut world = world(100);
    world.datasets[0].sides = 1;
    let refused = Plan::new(&study(spec.clone()), &world).unwrap_err().to_string();
    assert!(refused.contains("`probe.linear` needs the columns split, label"), "{refused}");
    world.datasets[0].columns = vec!["label".into(), "split".into()];
    let plan = Plan::new(&study(spec), &world).unwrap();
    assert!(plan.subjects.iter().all(Subject::has_split));
}

#[test]
fn what_waits_for_a_fit_on_rows_is_as_much_later_as_the_fit_takes_more_passes() {
    let more = json!({
        "enhancement": [{"id": "cluster_based", "name": "c"}],
        "metric": [{"id": "spectrum", "spaces": ["c"]}, {"id": "angular", "spaces": ["raw"]}],
    });
    let plan = Plan::new(&study(more), &world(100)).unwrap();
    let subject = &plan.subjects[0];
    let none = Delays::new();
    let at = |stage, delays: &Delays| {
        plan.measured_at(subject, 0, stage, delays).map(|(_, op)| op.op.id.clone()).collect::<Vec<_>>()
    };
    assert_eq!(
        (at(1, &none), at(2, &none)),
        (vec!["angular.avg_cosine".to_owned()], vec!["spectrum.isoscore".to_owned()])
    );
    let node = plan.spaces[1].node;
    let later = Delays::from([(node, 3)]);
    assert_eq!((plan.delay(node, &later), plan.delay(0, &later)), (3, 0));
    assert!(at(2, &later).is_empty());
    assert_eq!(at(5, &later), ["spectrum.isoscore"]);
    assert_eq!((plan.last_stage(subject, 0, &none), plan.last_stage(subject, 0, &later)), (2, 5));
}

#[test]
fn groups_are_for_metrics_on_moments_and_columns_that_rows_have() {
    let by = |id: &str, column: &str| {
        let metric = json!({"metric": [{"id": id, "by": column}]});
        Plan::new(&study(metric), &world(100)).map_err(|refused| refused.to_string())
    };
    let plan = by("spectrum", "position").unwrap();
    assert_eq!(plan.nodes[0].grouped.keys().collect::<Vec<_>>(), ["position"]);
    assert_eq!(plan.ops[0].measured, Some(1));
    assert!(by("neigh", "position").unwrap_err().contains("no metric on moments"));
    assert!(by("spectrum", "word").unwrap_err().contains("needs the columns word"));
}

#[test]
fn an_op_of_the_last_layer_has_no_work_on_the_others() {
    let more = json!({
        "enhancement": [{"id": "abtt", "components": 1, "name": "x"}],
        "metric": [{"id": "spectrum", "spaces": ["x"], "layers": "last"}, {"id": "angular", "spaces": ["raw"]}],
    });
    let plan = Plan::new(&study(more), &world(100)).unwrap();
    let subject = &plan.subjects[0];
    assert_eq!(plan.ops_of(subject, 0).count(), 1);
    assert_eq!(plan.ops_of(subject, 6).count(), 2);
    assert_eq!(plan.nodes_of(subject, 0).len(), 1);
    assert_eq!(plan.nodes_of(subject, 6).len(), 2);
}

#[test]
fn of_a_family_the_ops_without_columns_are_left_out_and_told_of() {
    let mut world = world(100);
    let count = op("neigh.count", "metric", "rows", json!([]), &["neigh.count"], false, json!(["word"]));
    let manifest = json!({"schema": 1, "id": "org.example.words", "version": "1",
                          "abi": {"major": 1, "min_minor": 0}, "ops": [count]});
    let manifest: Manifest = serde_json::from_value(manifest).unwrap();
    world.plugins.push(PluginFacts { manifest, digest: "sha256:02".into(), source: "built-in".into() });
    let ids = |plan: &Plan| plan.ops.iter().map(|op| op.op.id.clone()).collect::<Vec<_>>();
    let metrics = |metrics: Value| Plan::new(&study(json!({"metric": metrics})), &world);

    let plan = metrics(json!([{"id": "neigh"}])).unwrap();
    assert_eq!(ids(&plan), ["neigh"]);
    let left_out: Vec<_> = plan.left_out.iter().map(|l| (l.op.as_str(), l.columns.join(","))).collect();
    assert_eq!(left_out, [("neigh.count", "word".to_owned())]);
    assert!(plan.subjects.iter().all(|subject| subject.ops == [0]));

    for named in [json!([{"id": "neigh.count"}]), json!([{"id": "neigh"}, {"id": "neigh.count"}])] {
        let refused = metrics(named).unwrap_err().to_string();
        assert!(refused.contains("`neigh.count` needs the columns word"), "{refused}");
    }
    let refused = metrics(json!([{"id": "grouped"}])).unwrap_err().to_string();
    assert!(
        refused.contains("`grouped.knn` needs the columns word, sentence"),
        "nothing of it is left: {refused}"
    );
}

#[test]
fn an_op_of_an_enhanced_space_alone_must_have_its_columns_too() {
    let more = json!({
        "enhancement": [{"id": "abtt", "components": 1, "name": "x"}],
        "metric": [{"id": "grouped.knn", "spaces": ["x"]}],
    });
    let refused = Plan::new(&study(more), &world(100)).unwrap_err().to_string();
    assert!(refused.contains("`grouped.knn` needs the columns word"), "{refused}");
}
