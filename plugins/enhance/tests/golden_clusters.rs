//! Enhancements by cluster against an independent implementation: matrices, and sentence similarity after them.
#![allow(clippy::unwrap_used, clippy::cast_sign_loss)] // small ids

#[path = "../../../tests/golden/loader.rs"]
mod loader;

mod described;

use described::{compare, log_i_pm};
use isoscope_enhance::{ClusterBased, ClusterZeroMean};
use isoscope_plugin_sdk::prelude::*;
use isoscope_plugin_sdk::testing::{OwnedBatch, apply, batch_of, open, run};
use isoscope_sts::Sts;
use ndarray::{Axis, Slice, concatenate};

/// Matrices and the number of clusters that their golden values have.
const CLUSTERED: [(&str, u64); 3] = [("clustered", 6), ("rogue", 1), ("bertlike", 8)];

/// Fits over shards and maps the rows batch by batch.
fn enhance<T: Op>(params: &str, x: &Array2<f64>) -> Array2<f64> {
    let shards = loader::shards(x);
    let views: Vec<_> = shards.iter().map(Vec::as_slice).collect();
    let model = run::<T>(params, &views).unwrap().model;
    let op: T = open(params, &Input { cols: vec![x.ncols()], rows: 0, seed: 0 }).unwrap();
    let parts: Vec<_> = shards.iter().flatten().map(|b| apply(&op, &model, &b.view()).unwrap()).collect();
    concatenate(Axis(0), &parts.iter().map(|y| y.view()).collect::<Vec<_>>()).unwrap()
}

fn zero_mean(k: u64, x: &Array2<f64>) -> Array2<f64> {
    enhance::<ClusterZeroMean>(&format!(r#"{{"k": {k}, "init": "first_rows"}}"#), x)
}

fn without_two(k: u64, x: &Array2<f64>) -> Array2<f64> {
    enhance::<ClusterBased>(&format!(r#"{{"k": {k}, "p": 2, "init": "first_rows"}}"#), x)
}

#[test]
fn enhanced_matrices_agree_with_the_independent_implementation() {
    for (input, k) in CLUSTERED {
        let (x, golden) = (loader::matrix(input), loader::values(input));
        compare(
            &format!("{input} cluster_zero_mean"),
            &golden["enhance.cluster_zero_mean"],
            &zero_mean(k, &x),
        );
        compare(&format!("{input} cluster_based"), &golden["enhance.cluster_based_p2"], &without_two(k, &x));
    }
}

/// Cuts rows into batches at the borders of pairs.
fn batches(x: &Array2<f64>, sentence: &[i64]) -> Vec<OwnedBatch> {
    let gold = loader::floats("sts_gold");
    let mut cuts = vec![0];
    cuts.extend((1..sentence.len()).filter(|i| sentence[*i] / 20 != sentence[*i - 1] / 20));
    cuts.push(sentence.len());
    let batch = |w: &[usize]| {
        let ids: Vec<_> = sentence[w[0]..w[1]].iter().map(|s| Some(*s)).collect();
        let gold: Vec<_> = sentence[w[0]..w[1]].iter().map(|s| Some(gold[*s as usize / 2])).collect();
        let rows = x.slice_axis(Axis(0), Slice::from(w[0]..w[1])).to_owned();
        batch_of(&rows).i64s("sentence", &ids).f64s("gold", &gold)
    };
    cuts.windows(2).map(batch).collect()
}

#[test]
fn sentence_similarity_after_them_agrees_with_the_independent_implementation() {
    let (x, sentence) = (loader::matrix("tokens"), loader::integers("tokens_sent"));
    let golden = loader::values("tokens");
    let check = |id: &str, found: f64| {
        let number = |key: &str| golden[id][key].as_f64().unwrap();
        let value = number("value");
        let tolerance = number("rtol") * value.abs() + number("atol");
        assert!((found - value).abs() <= tolerance, "{id}: {found}, golden {value}");
    };
    for (name, y) in [("cluster_zm_k6", zero_mean(6, &x)), ("cluster_based_k6_p2", without_two(6, &x))] {
        let found = run::<Sts>("{}", &[&batches(&y, &sentence)]).unwrap().collected;
        check(&format!("task.sts_spearman_{name}"), found.value("sts.spearman").unwrap());
        check(&format!("task.sts_pearson_{name}"), found.value("sts.pearson").unwrap());
        check(&format!("task.log_I_pm_{name}"), log_i_pm(&y));
    }
}
