//! STS scores against an independent implementation, after several enhancements.
#![allow(clippy::unwrap_used, clippy::cast_sign_loss, clippy::cast_possible_wrap)] // small ids

#[path = "../../../tests/golden/loader.rs"]
mod loader;

use isoscope_enhance::{Abtt, RankTransform, Standardize, Whitening, ZeroMean};
use isoscope_plugin_sdk::prelude::*;
use isoscope_plugin_sdk::testing::{Collected, OwnedBatch, apply, batch_of, measure, moments_of, open, run};
use isoscope_sts::Sts;
use ndarray::{Axis, Slice};

fn enhance<T: Op>(params: &str, x: &Array2<f64>) -> Array2<f64> {
    let op: T = open(params, &Input { cols: vec![x.ncols()], rows: x.nrows() as u64, seed: 0 }).unwrap();
    let model = if T::HAS_MEASURE {
        let (_, Next::Done(model)) = measure::<T>(params, &moments_of(x)).unwrap() else {
            panic!("no model")
        };
        model
    } else {
        T::Model::default()
    };
    apply(&op, &model, &batch_of(x).view()).unwrap()
}

/// Cuts rows into batches at pair borders, a few pairs each.
fn batches(x: &Array2<f64>, sentence: &[i64]) -> Vec<OwnedBatch> {
    let gold = loader::floats("sts_gold");
    let group = |i: usize| sentence[i] / 14;
    let mut cuts = vec![0];
    cuts.extend((1..sentence.len()).filter(|i| group(*i) != group(*i - 1)));
    cuts.push(sentence.len());
    cuts.windows(2)
        .map(|w| {
            let ids: Vec<_> = sentence[w[0]..w[1]].iter().map(|s| Some(*s)).collect();
            let gold: Vec<_> = sentence[w[0]..w[1]].iter().map(|s| Some(gold[*s as usize / 2])).collect();
            batch_of(&x.slice_axis(Axis(0), Slice::from(w[0]..w[1])).to_owned())
                .i64s("sentence", &ids)
                .f64s("gold", &gold)
        })
        .collect()
}

fn score(x: &Array2<f64>, sentence: &[i64]) -> Collected {
    let batches = batches(x, sentence);
    let (a, b) = batches.split_at(batches.len() / 3);
    run::<Sts>("{}", &[a, b]).unwrap().collected
}

/// Mean-pools the tokens of every sentence.
fn pooled(x: &Array2<f64>, sentence: &[i64]) -> Array2<f64> {
    let count = sentence.iter().max().unwrap() + 1;
    let mut sums = Array2::zeros((count as usize, x.ncols()));
    for (row, s) in x.rows().into_iter().zip(sentence) {
        let n = sentence.iter().filter(|t| *t == s).count() as f64;
        sums.row_mut(*s as usize).scaled_add(1.0 / n, &row);
    }
    sums
}

fn compare(id: &str, found: Option<f64>) {
    let golden = &loader::values("tokens")[id];
    let (value, rtol) = (golden["value"].as_f64().unwrap(), golden["rtol"].as_f64().unwrap());
    let found = found.unwrap();
    assert!((found - value).abs() <= rtol * value.abs() + 1e-12, "{id}: {found}, golden {value}");
}

#[test]
fn token_rows_score_as_the_independent_implementation() {
    let (x, sentence) = (loader::matrix("tokens"), loader::integers("tokens_sent"));
    for (id, y) in [
        ("baseline", x.clone()),
        ("zero_mean", enhance::<EnhanceOp<ZeroMean>>("{}", &x)),
        ("standardize", enhance::<EnhanceOp<Standardize>>("{}", &x)),
        ("global_abtt_D1", enhance::<EnhanceOp<Abtt>>(r#"{"D": 1}"#, &x)),
        ("global_abtt_D3", enhance::<EnhanceOp<Abtt>>("{}", &x)),
    ] {
        let found = score(&y, &sentence);
        compare(&format!("task.sts_spearman_{id}"), found.value("sts.spearman"));
        compare(&format!("task.sts_pearson_{id}"), found.value("sts.pearson"));
        assert_eq!(found.value("sts.pairs"), Some(80.0));
        assert_eq!(found.value("sts.skipped_pairs"), Some(0.0));
    }
}

#[test]
fn sentence_rows_score_as_the_independent_implementation() {
    let x = pooled(&loader::matrix("tokens"), &loader::integers("tokens_sent"));
    let sentence: Vec<i64> = (0..x.nrows() as i64).collect();
    let found = |y: Array2<f64>| score(&y, &sentence).value("sts.spearman");
    compare("task.sts_spearman_baseline", found(x.clone()));
    compare("task.sts_spearman_whitening_sentence", found(enhance::<EnhanceOp<Whitening>>("{}", &x)));
    compare("task.sts_spearman_rank_cosine", found(enhance::<EnhanceOp<RankTransform>>("{}", &x)));
}
