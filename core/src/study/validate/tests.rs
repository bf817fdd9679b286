//! What a study may say, and what is refused.
#![allow(clippy::unwrap_used)]
use super::super::Layers;
use super::*;
use serde_json::json;

fn valid() -> Value {
    json!({
        "name": "s",
        "model": [{"name": "pre", "source": "./m"}],
        "dataset": [{"name": "d", "source": "d.tsv", "text": ["a", "b"], "gold": "score"}],
        "representation": {"layers": [0, 6], "exclude": []},
        "enhancement": [{"id": "abtt", "components": 15}],
        "metric": [{"id": "partition"}],
    })
}

fn complaints(value: Value) -> Vec<String> {
    Study::from_value(value).unwrap_err().0.iter().map(ToString::to_string).collect()
}

#[test]
fn a_study_keeps_what_was_written() {
    let study = Study::from_value(valid()).unwrap();
    assert_eq!(study.representation.layers, Layers::Some(vec![0, 6]));
    assert!(study.representation.exclude.0.is_empty());
    assert_eq!(study.enhancement[0].params["components"], json!(15));
    assert_eq!(study.dataset[0].resolved_format(), Some(Format::Tsv));
    let again = Study::from_value(serde_json::to_value(&study).unwrap()).unwrap();
    assert_eq!(again, study);
}

#[test]
fn every_unknown_key_is_reported_with_the_nearest_one() {
    let mut value = valid();
    value["representation"]["laeyrs"] = json!("all");
    value["dataset"][0]["txet"] = json!("a");
    value["zzz"] = json!(1);
    let found = complaints(value);
    assert!(
        found.iter().any(|m| m == "representation.laeyrs: unknown key; did you mean `layers`?"),
        "{found:?}"
    );
    assert!(found.iter().any(|m| m == "dataset[0].txet: unknown key; did you mean `text`?"), "{found:?}");
    assert!(found.iter().any(|m| m.starts_with("zzz: unknown key; known here: ")), "{found:?}");
}

#[test]
fn all_contradictions_are_reported_at_once() {
    let value = json!({
        "name": " ",
        "dataset": [{"name": "d", "source": "d.bin"}, {"name": "d", "source": "e.csv"}],
        "plan": {"shard_rows": 0},
    });
    let fields: Vec<String> =
        Study::from_value(value).unwrap_err().0.into_iter().map(|violation| violation.field).collect();
    for field in
        ["name", "dataset[0].format", "dataset[1].name", "dataset[1].text", "metric", "plan.shard_rows"]
    {
        assert!(fields.iter().any(|f| f == field), "{field} is missing in {fields:?}");
    }
}

#[test]
fn a_wrong_type_says_what_was_expected() {
    let mut value = valid();
    value["seed"] = json!("seven");
    assert!(complaints(value)[0].contains("expected u64"));
}

/// Fields of the complaints about a valid study in which something was changed.
fn fields_of(change: impl FnOnce(&mut Value)) -> Vec<String> {
    let mut value = valid();
    change(&mut value);
    match Study::from_value(value) {
        Ok(_) => Vec::new(),
        Err(found) => found.0.into_iter().map(|violation| violation.field).collect(),
    }
}

/// The one complaint about a dataset.
fn complaint(dataset: Value) -> String {
    let mut value = valid();
    value["dataset"] = json!([dataset]);
    let mut found = complaints(value);
    assert_eq!(found.len(), 1, "{found:?}");
    found.remove(0)
}

#[test]
fn keys_without_a_meaning_for_the_format_are_refused() {
    let npy = json!({"name": "d", "source": "x.npy"});
    let txt = json!({"name": "d", "source": "x.txt"});
    let conllu = json!({"name": "d", "source": "x.conllu"});
    let jsonl = json!({"name": "d", "source": "x.jsonl", "text": "t"});
    for (dataset, key, value) in [
        (&npy, "text", json!("a")),
        (&npy, "label", json!("a")),
        (&npy, "split", json!("a")),
        (&npy, "columns", json!(["a"])),
        (&txt, "text", json!("a")),
        (&txt, "gold", json!("a")),
        (&txt, "label", json!("a")),
        (&txt, "carry", json!(["a"])),
        (&conllu, "text", json!("a")),
        (&conllu, "gold", json!("a")),
        (&conllu, "split", json!("a")),
        (&jsonl, "columns", json!(["a"])),
    ] {
        let mut dataset = dataset.clone();
        dataset[key] = value;
        let name = dataset["source"].as_str().unwrap().trim_start_matches("x.").to_owned();
        let message = format!("dataset[0].{key}: has no meaning for a {name} file; remove it");
        assert_eq!(complaint(dataset), message);
    }
}

#[test]
fn a_file_with_columns_names_one_column_of_text_or_two() {
    let tsv = |text: Value| json!({"name": "d", "source": "d.tsv", "text": text});
    let message = |n| format!("dataset[0].text: names {n} columns; name one, or two for sentence pairs");
    assert_eq!(complaint(tsv(json!([]))), message(0));
    assert_eq!(complaint(tsv(json!(["a", "b", "c"]))), message(3));
}

#[test]
fn the_parts_lie_in_two_files_or_in_one_column() {
    let base = || json!({"name": "d", "source": "d.tsv", "text": "t", "train": "e.tsv"});
    let message = "dataset[0].train: contradicts `split`: the parts lie in two files or in one column; keep one of the two";
    let mut dataset = base();
    dataset["split"] = json!("part");
    assert_eq!(complaint(dataset), message);
    let mut dataset = base();
    dataset["attach"] = json!({"split": "s.txt"});
    assert_eq!(complaint(dataset), message);
    let mut dataset = base();
    dataset["train"] = json!("d.tsv");
    assert_eq!(
        complaint(dataset),
        "dataset[0].train: is the source itself; name the file of the training part"
    );
}

#[test]
fn no_column_comes_from_two_places() {
    let tsv = |key: &str, value: Value, attach: &str| json!({"name": "d", "source": "d.tsv", "text": "t", key: value, "attach": {attach: "f.txt"}});
    let message = |name: &str| {
        format!(
            "dataset[0].attach.{name}: is a second column `{name}`: the file has one already; keep one of the two"
        )
    };
    assert_eq!(complaint(tsv("label", json!("a"), "label")), message("label"));
    assert_eq!(complaint(tsv("gold", json!("a"), "gold")), message("gold"));
    assert_eq!(complaint(tsv("split", json!("a"), "split")), message("split"));
    assert_eq!(complaint(tsv("carry", json!(["year"]), "year")), message("year"));
    let twice = json!({"name": "d", "source": "d.tsv", "text": "t", "carry": ["a", "b", "a"]});
    assert_eq!(complaint(twice), "dataset[0].carry[2]: names `a` a second time; remove it");
}

#[test]
fn columns_that_rows_have_by_themselves_are_not_given_again() {
    let tsv = |key: &str, value: Value| json!({"name": "d", "source": "d.tsv", "text": "t", key: value});
    assert_eq!(
        complaint(tsv("carry", json!(["label"]))),
        "dataset[0].carry[0]: is a column with a key of its own; write label = \"label\" instead"
    );
    assert_eq!(
        complaint(tsv("carry", json!(["word"]))),
        "dataset[0].carry[0]: names `word`, a column that rows have already; rename it in the file"
    );
    assert_eq!(
        complaint(tsv("attach", json!({"word": "w.txt"}))),
        "dataset[0].attach.word: is a column that rows of text have by themselves: `word`; use another name"
    );
    assert_eq!(
        complaint(tsv("attach", json!({"row": "w.txt"}))),
        "dataset[0].attach.row: is the number of the row, which is counted; use another name"
    );
    assert_eq!(
        complaint(tsv("attach", json!({"$group": "w.txt"}))),
        "dataset[0].attach.$group: is no name of a column; give it one"
    );
    assert_eq!(complaint(tsv("attach", json!({"w": ""}))), "dataset[0].attach.w: names no file");
    let matrix = json!({"name": "d", "source": "x.npy", "attach": {"word": "w.txt", "sentence": "s.npy"}});
    let study = json!({"name": "s", "dataset": [matrix], "metric": [{"id": "partition"}]});
    assert!(Study::from_value(study).is_ok(), "rows of a matrix have none of their own");
}

#[test]
fn a_conllu_file_has_known_fields_and_no_scores_of_pairs() {
    let conllu = |key: &str, value: Value| json!({"name": "d", "source": "d.conllu", key: value});
    assert_eq!(
        complaint(conllu("label", json!("depprel"))),
        "dataset[0].label: names no field of a word: `depprel` (did you mean `deprel`?); known are form, lemma, upos, \
         xpos, deprel"
    );
    assert!(
        complaint(conllu("carry", json!(["upos", "misc"])))
            .starts_with("dataset[0].carry[1]: names no field")
    );
    assert_eq!(
        complaint(conllu("attach", json!({"gold": "g.txt"}))),
        "dataset[0].attach.gold: is a score of sentence pairs, which a conllu file has not"
    );
}

#[test]
fn frequencies_of_a_matrix_need_its_words() {
    assert_eq!(
        complaint(json!({"name": "d", "source": "x.npy", "frequency": "f.tsv"})),
        "dataset[0].frequency: is looked up by word; attach the words of the rows: attach.word = \"FILE\""
    );
}

#[test]
fn sources_of_encoders_are_addresses_and_bases_are_for_adapters() {
    let of = |source: &str, base: Option<&str>| {
        let mut value = valid();
        value["model"][0]["source"] = json!(source);
        if let Some(base) = base {
            value["model"][0]["base"] = json!(base);
        }
        Study::from_value(value).map_or_else(|found| found.0[0].to_string(), |_| "ok".to_owned())
    };
    assert_eq!(of("random:m?seed=3", None), "ok");
    assert_eq!(of("adapter", Some("m")), "ok");
    assert_eq!(
        of("random:m?seed=x", None),
        "model[0].source: `random:m?seed=x`: `seed=x` is not known; a random encoder is written random:DIR?seed=NUMBER"
    );
    assert!(
        of("random:m", Some("m"))
            .starts_with("model[0].base: an encoder whose weights are drawn has no base")
    );
    assert!(
        of("adapter", Some("random:m")).starts_with("model[0].base: an adapter is trained on a checkpoint")
    );
    assert!(of("adapter", Some("")).starts_with("model[0].base: `` names no directory"));
}

#[test]
fn poolings_have_the_names_of_the_page() {
    for name in ["model", "mean", "cls", "max", "mean_sqrt_len", "lasttoken", "weightedmean"] {
        let mut value = valid();
        value["representation"]["pooling"] = json!(name);
        let study = Study::from_value(value).unwrap();
        assert_eq!(serde_json::to_value(study.representation.pooling).unwrap(), json!(name));
    }
}

#[test]
fn a_study_measures_something() {
    assert_eq!(fields_of(|s| drop(s.as_object_mut().unwrap().remove("metric"))), ["metric"]);
    for other in ["evaluation", "comparison"] {
        let fields = fields_of(|s| {
            s.as_object_mut().unwrap().remove("metric");
            s["model"] = json!([{"name": "a", "source": "a"}, {"name": "b", "source": "b"}]);
            s[other] = json!([{"id": "x"}]);
        });
        assert!(fields.is_empty(), "{other}: {fields:?}");
    }
}

#[test]
fn a_probe_needs_labelled_rows_in_two_parts() {
    let fields = |dataset: Value| {
        fields_of(|s| {
            s["probe"] = json!([{"id": "probe.linear"}]);
            s["dataset"] = json!([dataset]);
        })
    };
    let tsv = |more: Value| {
        let mut dataset = json!({"name": "d", "source": "d.tsv", "text": "t"});
        dataset.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        dataset
    };
    assert_eq!(fields(tsv(json!({"label": "l"}))), ["probe"]);
    assert_eq!(fields(tsv(json!({"train": "e.tsv"}))), ["probe"]);
    assert!(fields(tsv(json!({"label": "l", "train": "e.tsv"}))).is_empty());
    assert!(fields(tsv(json!({"label": "l", "split": "part"}))).is_empty());
    assert!(fields(json!({"name": "d", "source": "d.conllu", "train": "e.conllu"})).is_empty());
    let attach = json!({"label": "l.npy", "split": "s.txt"});
    assert!(fields(json!({"name": "d", "source": "d.npy", "attach": attach})).is_empty());
}

#[test]
fn groups_are_made_by_columns_that_a_dataset_has() {
    let complaint = |metric: Value| {
        let mut value = valid();
        value["dataset"][0]["carry"] = json!(["genre"]);
        value["metric"] = json!([metric]);
        Study::from_value(value).map_or_else(|found| found.to_string(), |_| String::new())
    };
    for column in ["word", "position", "sentence", "token_id", "genre"] {
        assert_eq!(complaint(json!({"id": "x", "by": column, "min_group": 5})), "");
    }
    assert_eq!(
        complaint(json!({"id": "x", "by": "label"})),
        "metric[0].by: no dataset has a label; name its column in `label`"
    );
    assert_eq!(
        complaint(json!({"id": "x", "by": "frequency"})),
        "metric[0].by: no dataset has word frequencies; name their table in `frequency`"
    );
    assert_eq!(
        complaint(json!({"id": "x", "by": "gender"})),
        "metric[0].by: there is no column `gender`; did you mean `genre`?; a dataset takes columns along by `carry`"
    );
    assert_eq!(
        complaint(json!({"id": "x", "by": "word", "min_group": 0})),
        "metric[0].min_group: must be at least 1"
    );
    assert_eq!(
        complaint(json!({"id": "x", "min_group": 3})),
        "metric[0].min_group: has no meaning without `by`; add it, or remove this"
    );
    assert_eq!(
        complaint(json!({"id": "x", "layers": []})),
        "metric[0].layers: name at least one layer, \"last\" or \"all\""
    );
}

#[test]
fn only_metrics_are_reported_by_group() {
    assert_eq!(fields_of(|s| s["evaluation"] = json!([{"id": "sts", "by": "word"}])), ["evaluation[0].by"]);
    let fields = fields_of(|s| {
        s["model"] = json!([{"name": "a", "source": "a"}, {"name": "b", "source": "b"}]);
        s["comparison"] = json!([{"id": "compare", "by": "word"}, {"id": "compare", "spaces": ["raw"]}]);
    });
    assert_eq!(fields, ["comparison[0].by", "comparison[1].spaces"]);
}

#[test]
fn a_comparison_is_between_two_different_encoders_or_matrices() {
    let study = |models: &[&str], datasets: &[&str], comparison: Value| {
        let models: Vec<Value> = models.iter().map(|name| json!({"name": name, "source": name})).collect();
        let datasets: Vec<Value> =
            datasets.iter().map(|file| json!({"name": file.split('.').next(), "source": file})).collect();
        let value = json!({"name": "s", "model": models, "dataset": datasets, "comparison": [comparison]});
        Study::from_value(value).map_or_else(|found| found.to_string(), |_| String::new())
    };
    let between = |a: &str, b: &str| json!({"id": "compare", "between": [a, b]});
    let plain = || json!({"id": "compare"});
    assert_eq!(study(&["a", "b"], &["t.txt"], plain()), "");
    assert_eq!(study(&[], &["x.npy", "y.npy"], plain()), "");
    assert_eq!(study(&["a", "b", "c"], &["t.txt"], between("c", "a")), "");
    assert_eq!(study(&["a"], &["t.txt", "x.npy", "y.npy"], between("y", "x")), "");
    assert_eq!(
        study(&["a", "b", "c"], &["t.txt"], plain()),
        "comparison[0].between: name the two encoders or matrices to compare: the study has 3 encoders and 0 matrices"
    );
    assert_eq!(
        study(&["a", "b"], &["t.txt"], between("a", "a")),
        "comparison[0].between: `a` is named twice; name two different ones"
    );
    assert_eq!(
        study(&["pre", "fine"], &["t.txt"], between("pre", "fin")),
        "comparison[0].between: there is no encoder `fin`; did you mean `fine`?"
    );
    assert_eq!(
        study(&[], &["x.npy", "y.npy"], between("x", "q")),
        "comparison[0].between: there is no encoder or matrix `q`; known here: x, y"
    );
    assert_eq!(
        study(&["a"], &["t.txt", "x.npy"], between("x", "t")),
        "comparison[0].between: `t` is text; compare two encoders on it, or two matrices"
    );
    assert_eq!(
        study(&["a", "b"], &["x.npy"], plain()),
        "comparison[0]: two encoders are compared on text; add a [[dataset]] of text"
    );
    assert_eq!(
        study(&[], &["x.npy", "y.npy"], json!({"id": "compare", "layers": "all"})),
        "comparison[0].layers: a matrix has one layer; remove it"
    );
}

#[test]
fn the_baseline_is_an_encoder_of_the_study() {
    let mut value = valid();
    value["statistics"] = json!({"baseline": "prr"});
    assert_eq!(complaints(value), ["statistics.baseline: there is no encoder `prr`; did you mean `pre`?"]);
}
