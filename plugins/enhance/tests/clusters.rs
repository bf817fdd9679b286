//! Enhancements by cluster at the edge of what can be fitted, and their independence of how rows are cut.
#![allow(clippy::unwrap_used)]

use isoscope_enhance::{ClusterBased, ClusterBasedModel, ClusterZeroMean, ClusterZeroMeanModel};
use isoscope_plugin_sdk::prelude::*;
use isoscope_plugin_sdk::testing::{apply, batch_of, open, run};
use ndarray::{Axis, array};

fn op<T: Op>(params: &str, d: usize) -> T {
    open(params, &Input { cols: vec![d], rows: 0, seed: 0 }).unwrap()
}

fn enhance<T: Op>(params: &str, fitted: &Array2<f64>, x: &Array2<f64>) -> Array2<f64> {
    let model = run::<T>(params, &[&[batch_of(fitted)]]).unwrap().model;
    apply(&op::<T>(params, x.ncols()), &model, &batch_of(x).view()).unwrap()
}

fn message<T: Op>(params: &str, x: &Array2<f64>) -> String {
    run::<T>(params, &[&[batch_of(x)]]).err().unwrap().to_string()
}

/// Three clouds of twenty rows far from each other.
fn clouds() -> Array2<f64> {
    Array2::from_shape_fn((60, 4), |(i, j)| {
        (i % 3 * 50) as f64 * (j + 1) as f64 + ((i * (2 * j + 3)) as f64).sin() * (4 - j) as f64
    })
}

#[test]
fn every_cluster_has_mean_zero_afterwards() {
    let x = clouds();
    for y in [
        enhance::<ClusterZeroMean>(r#"{"k": 3}"#, &x, &x),
        enhance::<ClusterBased>(r#"{"k": 3, "p": 1}"#, &x, &x),
    ] {
        for cloud in 0..3 {
            let rows: Vec<usize> = (cloud..60).step_by(3).collect();
            let mean = y.select(Axis(0), &rows).mean_axis(Axis(0)).unwrap();
            assert!(mean.iter().all(|m| m.abs() < 1e-11), "{mean}");
        }
    }
}

#[test]
fn no_directions_leave_the_rows_minus_their_means() {
    let x = clouds();
    let mean = enhance::<ClusterZeroMean>(r#"{"k": 3}"#, &x, &x);
    let based = enhance::<ClusterBased>(r#"{"k": 3, "components": 0}"#, &x, &x);
    assert!((mean - based).iter().all(|v| v.abs() < 1e-12));
}

#[test]
fn a_cluster_with_fewer_rows_than_directions_becomes_zero() {
    let few = array![[0.0, 0.0, 0.0, 1.0], [0.0, 1.0, 0.0, 1.0]];
    let many = Array2::from_shape_fn((9, 4), |(i, j)| 90.0 + ((5 * i * (j + 1) + i * i) as f64).sin());
    let x = ndarray::concatenate![Axis(0), few, many];
    let y = enhance::<ClusterBased>(r#"{"k": 2, "p": 3}"#, &x, &x);
    assert!(y.rows().into_iter().take(2).flatten().all(|v| v.abs() < 1e-12), "{y}");
    assert!(y.rows().into_iter().skip(2).flatten().any(|v| v.abs() > 1e-3), "{y}");
}

#[test]
fn directions_that_leave_nothing_of_any_cluster_are_refused() {
    let x = array![[0.0, 0.0, 0.0, 1.0], [0.0, 1.0, 0.0, 1.0], [90.0, 0.0, 1.0, 0.0], [90.0, 5.0, 0.0, 0.0]];
    assert!(message::<ClusterBased>(r#"{"k": 2, "p": 3}"#, &x).contains("leaves nothing"));
}

#[test]
fn rows_that_were_not_fitted_go_to_the_nearest_centroid() {
    let x = clouds();
    let new = array![[40.0, 95.0, 160.0, 190.0], [1.0, 2.0, -1.0, 0.0]];
    let y = enhance::<ClusterZeroMean>(r#"{"k": 3}"#, &x, &new);
    for (row, cloud) in [(0, 1), (1, 0)] {
        let rows: Vec<usize> = (cloud..60).step_by(3).collect();
        let mean = x.select(Axis(0), &rows).mean_axis(Axis(0)).unwrap();
        assert!((&new.row(row) - &mean - y.row(row)).iter().all(|v| v.abs() < 1e-12));
    }
}

#[test]
fn the_map_does_not_depend_on_how_the_rows_were_cut_or_ordered() {
    let x = clouds();
    let part = |rows: std::ops::Range<usize>| {
        let ids: Vec<_> = rows.clone().map(|i| Some(i as i64)).collect();
        batch_of(&x.select(Axis(0), &rows.collect::<Vec<_>>())).i64s("row", &ids)
    };
    let params = r#"{"k": 5, "p": 2}"#;
    let op: ClusterBased = op(params, 4);
    let map = |model: &ClusterBasedModel| apply(&op, model, &batch_of(&x).view()).unwrap();
    let whole = map(&run::<ClusterBased>(params, &[&[part(0..60)]]).unwrap().model);
    let cut = [part(30..60), part(0..1), part(1..30)];
    let cut = map(&run::<ClusterBased>(params, &[&cut[..1], &[], &cut[1..]]).unwrap().model);
    assert!((whole - cut).iter().all(|v| v.abs() < 1e-11));
}

#[test]
fn a_row_alone_maps_as_in_a_batch_and_an_empty_batch_maps_to_nothing() {
    let x = clouds();
    let model = run::<ClusterBased>(r#"{"k": 3, "p": 2}"#, &[&[batch_of(&x)]]).unwrap().model;
    let op: ClusterBased = op(r#"{"k": 3, "p": 2}"#, 4);
    let whole = apply(&op, &model, &batch_of(&x).view()).unwrap();
    for i in [0, 17, 59] {
        let alone = apply(&op, &model, &batch_of(&x.select(Axis(0), &[i])).view()).unwrap();
        assert!((&alone.row(0) - &whole.row(i)).iter().all(|v| v.abs() < 1e-12));
    }
    assert_eq!(apply(&op, &model, &batch_of(&Array2::zeros((0, 4))).view()).unwrap().dim(), (0, 4));
}

#[test]
fn clouds_that_cannot_be_fitted_say_why() {
    let equal = Array2::from_elem((40, 3), 0.1);
    assert!(message::<ClusterZeroMean>("{}", &equal).contains("fewer than 27 distinct rows"));
    assert!(message::<ClusterBased>("{}", &equal).contains("fewer than 27 distinct rows"));
    let few = Array2::zeros((2, 3));
    assert!(message::<ClusterBased>(r#"{"k": 3}"#, &few).contains("3 clusters need at least 3 rows"));
    let x = clouds();
    for components in [4, 9] {
        let params = format!(r#"{{"k": 3, "components": {components}}}"#);
        assert!(message::<ClusterBased>(&params, &x).contains("leaves nothing of 4 dimensions; take fewer"));
    }
    assert!(message::<ClusterZeroMean>(r#"{"clusters": 0}"#, &few).contains("clusters"));
}

#[test]
fn a_model_that_is_not_fitted_maps_no_rows() {
    let x = clouds();
    let early =
        apply(&op::<ClusterZeroMean>("{}", 4), &ClusterZeroMeanModel::default(), &batch_of(&x).view());
    assert!(early.is_err_and(|e| e.to_string().contains("not fitted")));
    let model = run::<ClusterZeroMean>(r#"{"k": 3}"#, &[&[batch_of(&x)]]).unwrap().model;
    let op: ClusterZeroMean = op(r#"{"k": 3}"#, 4);
    assert!(op.begin(&model, 9).unwrap().is_none());
}
