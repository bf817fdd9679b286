//! Columns of the rows of texts, with a small encoder.
#![allow(clippy::unwrap_used)]

use super::super::{RowCache, RowSink, Sources};
use crate::dataset::survey;
use crate::error::WorkerError;
use crate::models::Models;
use crate::rows::Columns;
use isoscope_core::catalogue::{Manifest, PluginFacts};
use isoscope_core::facts::{Facts, ModelFacts, SentenceModules};
use isoscope_core::plan::Plan;
use isoscope_core::result::Tally;
use isoscope_core::study::Study;
use isoscope_encoders::Checkpoint;
use ndarray::ArrayView2;
use serde_json::{Value, json};
use std::borrow::Cow;
use std::fs;
use std::path::Path;

/// Keeps the columns of the rows of one layer.
#[derive(Default)]
struct Seen(Vec<Columns>);

impl RowSink for Seen {
    fn rows(&mut self, _: usize, rows: ArrayView2<'_, f32>, columns: &Columns) -> Result<(), WorkerError> {
        assert_eq!(rows.nrows(), columns.len());
        self.0.push(columns.clone());
        Ok(())
    }

    fn wide_rows(&mut self, _: ArrayView2<'_, f64>, _: &Columns) -> Result<(), WorkerError> {
        unreachable!("text has no wide rows")
    }
}

impl Seen {
    /// The values of a column over all batches; `-` where there is none.
    fn written(&self, name: &str) -> String {
        let value = |columns: &Columns, i| columns.key(name, i).map_or("-".to_owned(), Cow::into_owned);
        let values = self.0.iter().flat_map(|columns| (0..columns.len()).map(move |i| value(columns, i)));
        values.collect::<Vec<_>>().join(" ")
    }
}

/// An op that needs nothing but rows.
fn plugins() -> Vec<PluginFacts> {
    let op = json!({"id": "m", "kind": "metric", "version": 1, "needs": "moments", "parts": ["second"],
                    "outputs": [{"id": "m", "shape": "scalar"}], "params": {"type": "object", "properties": {}}});
    let manifest = json!({"schema": 1, "id": "org.example", "version": "1", "abi": {"major": 1, "min_minor": 0}, "ops": [op]});
    let manifest: Manifest = serde_json::from_value(manifest).unwrap();
    vec![PluginFacts { manifest, digest: "sha256:00".into(), source: "built-in".into() }]
}

/// Runs the only shard of a dataset, whose files are given, through the encoder.
fn rows(files: &[(&str, &str)], dataset: Value, representation: Value) -> (Seen, Tally) {
    let folder = tempfile::tempdir().unwrap();
    for (name, text) in files {
        fs::write(folder.path().join(name), text).unwrap();
    }
    let checkpoint = Path::new(env!("CARGO_MANIFEST_DIR")).join("../core/encoders/tests/fixtures/bert");
    let known = Checkpoint::open(&checkpoint).unwrap();
    let known = known.facts();
    let study = Study::from_value(json!({
        "name": "s",
        "model": [{"name": "tiny", "source": checkpoint.display().to_string()}],
        "dataset": [dataset],
        "representation": representation,
        "metric": [{"id": "m"}],
        "plan": {"shard_rows": 1000, "batch_tokens": 16},
    }))
    .unwrap();
    let model = ModelFacts {
        model_type: known.model_type.clone(),
        hidden_states: known.hidden_states as u32,
        width: known.width as u32,
        max_positions: known.max_positions as u32,
        weights_digest: known.weights_digest.clone(),
        tokenizer_digest: known.tokenizer_digest.clone(),
        sentences: SentenceModules::None,
        revision: String::new(),
        base_revision: String::new(),
    };
    let facts = Facts {
        models: vec![model],
        datasets: vec![survey(&study.dataset[0], folder.path()).unwrap()],
        plugins: plugins(),
        numerics_class: "test".to_owned(),
    };
    let plan = Plan::new(&study, &facts).unwrap();
    let (models, cache) = (
        Models::new(isoscope_encoders::ComputeDevice::cpu()),
        RowCache::open(&folder.path().join("cache"), 0).unwrap(),
    );
    let subject = &plan.subjects[0];
    let sources = Sources { plan: &plan, subject, base: folder.path(), models: &models, cache: &cache };
    let mut seen = Seen::default();
    let tally = sources.shard(0, &mut seen).unwrap();
    (seen, tally)
}

fn token_rows(files: &[(&str, &str)], dataset: Value) -> Seen {
    rows(files, dataset, json!({"layers": [0]})).0
}

#[test]
fn every_token_knows_its_word_as_written_and_what_its_row_takes_along() {
    let files = [
        ("d.tsv", "t\tclass\nThe bridges, old\tfar\nRain\t\n"),
        ("f.tsv", "the\t7.5\nbridges\t4.25\nRain\t5\nrain\t6\n"),
        ("c.txt", "a\nb\n"),
    ];
    let dataset = json!({"name": "d", "source": "d.tsv", "text": "t", "label": "class", "frequency": "f.tsv",
                         "attach": {"topic": "c.txt"}});
    let seen = token_rows(&files, dataset);
    assert_eq!(seen.written("word"), "The bridges bridges , old Rain");
    assert_eq!(seen.written("label"), "far far far far far -");
    assert_eq!(seen.written("topic"), "a a a a a b");
    assert_eq!(seen.written("frequency"), "7 4 4 - - 5");
    assert_eq!(seen.written("position"), "1 2 3 4 5 1");
    let places: Vec<i64> = seen.0.iter().flat_map(|columns| columns.word_place.clone()).collect();
    assert_eq!(places, [1, 2, 2, 3, 4, 1]);
    assert!(seen.0.iter().all(|columns| !columns.has("split") && !columns.has("head")));
}

#[test]
fn annotated_words_give_their_fields_to_their_tokens() {
    let lines = [
        "1-2\tHe's\t_\t_\t_\t_\t_\t_\t_\t_",
        "1\tHe\the\tPRON\t_\t_\t3\tnsubj\t_\t_",
        "2\t's\tbe\tAUX\t_\t_\t3\tcop\t_\t_",
        "3\told\told\tADJ\t_\t_\t0\troot\t_\tSpaceAfter=No",
        "4\t.\t.\t_\t_\t_\t3\tpunct\t_\t_",
        "",
    ];
    let dataset = json!({"name": "d", "source": "d.conllu", "label": "upos", "carry": ["deprel"]});
    let seen = token_rows(&[("d.conllu", &lines.join("\n"))], dataset);
    assert_eq!(seen.written("word"), "He 's 's old .");
    assert_eq!(seen.written("label"), "PRON AUX AUX ADJ -");
    assert_eq!(seen.written("deprel"), "nsubj cop cop root punct");
    assert_eq!(seen.written("head"), "3 3 3 0 3");
}

#[test]
fn rows_of_no_part_are_left_out() {
    let data = "t\tpart\nriver\ttrain\nboat\tdev\nhouse\ttest\n";
    let dataset = json!({"name": "d", "source": "d.tsv", "text": "t", "split": "part"});
    let (seen, tally) = rows(&[("d.tsv", data)], dataset, json!({"layers": [0]}));
    assert_eq!((seen.written("word"), seen.written("split")), ("river house".into(), "train test".into()));
    assert_eq!(seen.written("sentence"), "0 2", "rows keep their numbers");
    assert_eq!((tally.dataset_rows, tally.texts), (3, 2));
    assert!(seen.0[0].is_train(0));
}

#[test]
fn a_word_that_is_cut_counts_as_a_token_but_not_as_a_word() {
    let files = [("d.txt", "old bridges\n")];
    let cut = |unit: &str| {
        let dataset = json!({"name": "d", "source": "d.txt"});
        rows(&files, dataset, json!({"layers": [0], "unit": unit, "max_tokens": 4})).0.written("word")
    };
    assert_eq!(cut("token"), "old bridges");
    assert_eq!(cut("word"), "old");
}

#[test]
fn special_tokens_that_are_kept_belong_to_no_word() {
    let dataset = json!({"name": "d", "source": "d.txt"});
    let (seen, _) = rows(&[("d.txt", "rain\n")], dataset, json!({"layers": [0], "exclude": []}));
    assert_eq!(seen.written("word"), "- rain -");
    assert_eq!(seen.0[0].word_place, [0, 1, 0]);
}
