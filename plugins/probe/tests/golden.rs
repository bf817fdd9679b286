//! Every value of the family against an independent implementation, the rows cut into shards.
#![allow(clippy::unwrap_used)]

#[path = "../../../tests/golden/loader.rs"]
mod loader;

use isoscope_plugin_sdk::prelude::*;
use isoscope_plugin_sdk::testing::{Collected, OwnedBatch, batch_of, run};
use isoscope_probe::*;
use ndarray::{Axis, Slice};

/// Rows of the training part.
const TRAIN: usize = 500;

/// The labelled rows in three shards of uneven batches.
fn shards() -> Vec<Vec<OwnedBatch>> {
    let x = loader::matrix("probe_X");
    let label = loader::integers("probe_y");
    let control = loader::integers("probe_control");
    let target: Vec<f64> =
        x.rows().into_iter().map(|row| 0.5 * row[0] - row[3] + 0.2 * row[5] * row[5]).collect();
    let cut = |from: usize, to: usize| {
        let whole = |of: &[i64]| of[from..to].iter().copied().map(Some).collect::<Vec<_>>();
        let split: Vec<_> = (from..to).map(|row| Some(if row < TRAIN { "train" } else { "test" })).collect();
        let target: Vec<_> = target[from..to].iter().copied().map(Some).collect();
        batch_of(&x.slice_axis(Axis(0), Slice::from(from..to)).to_owned())
            .first_row(from as u64)
            .strings("split", &split)
            .i64s("label", &whole(&label))
            .i64s("control", &whole(&control))
            .f64s("gold", &target)
    };
    vec![vec![cut(0, 90), cut(90, 333)], vec![cut(333, 520)], vec![], vec![cut(520, 700)]]
}

fn found<T: Op>(params: &str, shards: &[Vec<OwnedBatch>]) -> Collected {
    let shards: Vec<_> = shards.iter().map(Vec::as_slice).collect();
    run::<T>(params, &shards).unwrap().collected
}

/// The online code with the blocks of the independent implementation.
const BLOCKS: &str = r#""order": "rows", "fractions": [0.032, 0.0625, 0.125, 0.25, 0.5, 1.0]"#;

#[test]
fn every_value_agrees_with_the_independent_implementation() {
    let shards = shards();
    let own_labels = r#""control": "control", "draw": false"#;
    let all = [
        found::<Linear>("{}", &shards),
        found::<Control>(&format!("{{{own_labels}}}"), &shards),
        found::<SampleOp<Mdl<TaskCode>>>(&format!("{{{BLOCKS}}}"), &shards),
        found::<SampleOp<Mdl<ControlCode>>>(&format!("{{{BLOCKS}, {own_labels}}}"), &shards),
        found::<NearestCentroid>("{}", &shards),
        found::<Fisher>("{}", &shards),
        found::<Ridge>("{}", &shards),
    ];
    let golden = loader::values("probe");
    assert_eq!(golden.len(), 16);
    for (id, golden) in &golden {
        let found = all.iter().find_map(|found| found.value(id));
        check(id, found, golden, golden["value"].as_f64().unwrap());
    }
}

fn check(id: &str, found: Option<f64>, golden: &serde_json::Value, value: f64) {
    let (rtol, atol) = (golden["rtol"].as_f64().unwrap(), golden["atol"].as_f64().unwrap());
    let found = found.unwrap_or_else(|| panic!("{id}: no value"));
    assert!((found - value).abs() <= rtol * value.abs() + atol, "{id}: {found}, golden {value}");
}

#[test]
fn a_given_structural_probe_agrees_with_the_independent_implementation() {
    let (x, heads) = (loader::matrix("sp_H"), loader::integers("sp_heads"));
    let n = x.nrows();
    let sentence: Vec<_> = (0..n).map(|row| Some(i64::from(row >= 7))).collect();
    let heads: Vec<_> = heads.into_iter().map(Some).collect();
    let batch = batch_of(&x)
        .strings("split", &vec![Some("test"); n])
        .i64s("sentence", &sentence)
        .i64s("head", &heads);
    let matrix: Vec<f64> = loader::matrix("sp_B").iter().copied().collect();
    let params = serde_json::json!({ "matrix": matrix }).to_string();
    let found = run::<SampleOp<Structural>>(&params, &[&[batch]]).unwrap().collected;
    let golden = loader::values("structural");
    for id in ["probe.structural_l1_loss", "probe.structural_uuas"] {
        check(id, found.value(id), &golden[id], golden[id]["value"].as_f64().unwrap());
    }
    let id = "probe.structural_dspr_per_sentence";
    let series = found.series(id).unwrap();
    let values = golden[id]["value"].as_array().unwrap();
    assert_eq!(series.len(), values.len());
    for (found, value) in series.iter().zip(values) {
        check(id, Some(*found), &golden[id], value.as_f64().unwrap());
    }
}
