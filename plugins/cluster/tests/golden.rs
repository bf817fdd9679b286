//! Every value of the family against an independent implementation, from the first k rows.
#![allow(clippy::unwrap_used)]

#[path = "../../../tests/golden/loader.rs"]
mod loader;

use isoscope_cluster::{ClusterKmeans, FitModel, Fitted, Kmeans, Settings, sliceable};
use isoscope_plugin_sdk::prelude::*;
use isoscope_plugin_sdk::testing::{Collected, batch_of, native_host, run};

/// Matrices with golden clusters: name, numbers of clusters.
const CLUSTERED: [(&str, &[u64]); 2] = [("clustered", &[6]), ("bertlike", &[8, 1, 3, 9])];

fn all(x: &Array2<f64>) -> Collected {
    let ks = CLUSTERED.iter().find(|(name, _)| loader::matrix(name) == *x).map_or(&[][..], |(_, ks)| ks);
    let shards = loader::shards(x);
    let shards: Vec<_> = shards.iter().map(Vec::as_slice).collect();
    let mut all = Collected::default();
    for k in ks {
        let params = format!(r#"{{"clusters": {k}, "init": "first_rows"}}"#);
        let mut found = run::<ClusterKmeans>(&params, &shards).unwrap().collected;
        all.rows.append(&mut found.rows);
        all.series.append(&mut found.series);
    }
    all
}

#[test]
fn every_value_agrees_with_the_independent_implementation() {
    assert_eq!(loader::compare_family("cluster.", all, &[]), 17);
}

/// Fits from the first rows and labels every row.
fn labels(x: &Array2<f64>, k: u64) -> Vec<usize> {
    let settings =
        Settings { clusters: k, init: "first_rows".into(), runs: 1, iterations: 300, tolerance: 0.0 };
    let input = Input { cols: vec![x.ncols()], rows: 0, seed: 0 };
    let linalg = native_host().linalg();
    let kmeans = Kmeans::new(&settings, &input, linalg).unwrap();
    let (batch, mut model) = (batch_of(x), FitModel::default());
    loop {
        let mut state = kmeans.begin(&model);
        kmeans.update(&model, &mut state, &batch.view()).unwrap();
        match kmeans.finish(&model, state).unwrap() {
            Fitted::Again(next) => model = next,
            Fitted::Clusters(runs) => {
                return runs[0].nearest(linalg).unwrap().labels(sliceable(x.view()).view()).unwrap();
            }
            Fitted::Undefined { reason, .. } => panic!("{reason}"),
        }
    }
}

#[test]
fn every_row_is_in_the_cluster_of_the_independent_implementation() {
    for (input, k) in [("clustered", 6), ("bertlike", 8), ("tokens", 6)] {
        let golden = loader::integers(&format!("{input}_kmeans{k}"));
        let found = labels(&loader::matrix(input), k);
        let differ = found.iter().zip(&golden).filter(|(f, g)| **f as i64 != **g).count();
        assert_eq!((found.len(), differ), (golden.len(), 0), "{input}");
    }
}
