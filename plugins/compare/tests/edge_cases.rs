//! Clouds and parameters at the edge of what can be compared.
#![allow(clippy::unwrap_used)]

#[path = "../../../tests/golden/properties.rs"]
mod properties;
mod two_views;

use isoscope_compare::*;
use isoscope_plugin_sdk::prelude::*;
use isoscope_plugin_sdk::testing::{Collected, open, product};
use ndarray::concatenate;
use properties::Random;
use two_views::{IN_SHARDS, WHOLE, all, outputs, whole};

fn status<'a>(found: &'a Collected, id: &str) -> &'a str {
    found.status(&format!("compare.{id}")).unwrap_or_else(|| panic!("nothing written for {id}"))
}

fn value(found: &Collected, id: &str) -> f64 {
    let row = found.row(&format!("compare.{id}")).unwrap();
    row.value.unwrap_or_else(|| panic!("{row:?}"))
}

fn ramp(n: usize, d: usize) -> Array2<f64> {
    Array2::from_shape_fn((n, d), |(i, j)| (((i * d + j) * (i * d + j)) as f64 * 0.37).sin() + 0.2 * j as f64)
}

#[test]
fn degenerate_clouds_give_values_or_reasons_for_every_output() {
    let clouds = [
        ("no rows", Array2::zeros((0, 3))),
        ("one row", Array2::from_elem((1, 3), 0.7)),
        ("two rows", ramp(2, 3)),
        ("three rows", ramp(3, 3)),
        ("equal rows", Array2::from_shape_fn((14, 3), |(_, j)| 0.1 + j as f64 / 3.0)),
        ("zero rows", Array2::zeros((14, 3))),
        ("one dimension", ramp(14, 1)),
        (
            "one varying dimension",
            Array2::from_shape_fn((14, 3), |(i, j)| if j == 1 { i as f64 } else { 0.3 }),
        ),
        ("huge rows", Array2::from_shape_fn((14, 3), |(i, j)| 1e38 * ((i * 3 + j) % 5) as f64)),
        ("tiny rows", Array2::from_shape_fn((14, 3), |(i, j)| 1e-38 * ((i * 3 + j) % 5) as f64)),
        ("rows that are not finite", Array2::from_elem((14, 3), 1e200)),
    ];
    for (what, x) in &clouds {
        let other = if x.nrows() == 0 { x.clone() } else { ramp(x.nrows(), 2) };
        for (a, b) in [(x, x), (x, &other), (&other, x)] {
            for ops in [&WHOLE, &IN_SHARDS] {
                let found = all(ops, a, b);
                for output in outputs() {
                    let start = output.id.trim_end_matches('*');
                    assert!(
                        found.rows.iter().any(|row| row.metric.starts_with(start)),
                        "{what}: {}",
                        output.id
                    );
                }
                for row in &found.rows {
                    assert!(row.status != "the value is not finite", "{what}: {row:?}");
                }
            }
        }
    }
}

#[test]
fn equal_rows_have_no_similarity_but_a_distance() {
    let (equal, x) = (Array2::from_elem((20, 3), 0.1), ramp(20, 3));
    let found = all(&IN_SHARDS, &equal, &x);
    for id in [
        "cka_linear",
        "cka_debiased",
        "cca_mean",
        "svcca_0.99",
        "pwcca",
        "procrustes_normalized",
        "angular_shape",
        "linear_regression_r2",
        "distance_correlation",
    ] {
        assert!(status(&found, id).contains("equal"), "{id}: {}", status(&found, id));
    }
    assert!(status(&found, "cka_rbf_median").contains("median distance"));
    assert!(status(&found, "rsa_euclid_spearman").contains("alike"));
    assert!(status(&found, "rsa_cos_pearson").contains("alike"));
    let size: f64 = x
        .rows()
        .into_iter()
        .map(|row| {
            row.iter().enumerate().map(|(j, v)| (v - x.column(j).mean().unwrap()).powi(2)).sum::<f64>()
        })
        .sum();
    assert!((value(&found, "procrustes_size_shape") - size.sqrt()).abs() < 1e-12);
    assert!(value(&found, "mean_shift") > 0.0 && value(&found, "frechet_sq") > 0.0);
}

#[test]
fn constant_and_repeated_columns_change_no_correlation() {
    let (a, b) = (ramp(40, 3), ramp(40, 4).mapv(f64::exp));
    let constant = Array2::from_elem((40, 2), 0.7);
    let padded = concatenate![ndarray::Axis(1), a, constant, a];
    let (plain, found) = (all(&WHOLE, &a, &b), all(&WHOLE, &padded, &b));
    assert!((value(&found, "rank_a") - 3.0).abs() < 1e-12);
    for id in ["cca_mean", "cca_mean_sq", "linear_regression_r2", "pwcca_swapped"] {
        assert!((value(&plain, id) - value(&found, id)).abs() < 1e-9, "{id}");
    }
}

#[test]
fn too_few_rows_for_the_width_are_no_evidence_of_correlation() {
    let mut random = Random::new(3);
    let found = all(&WHOLE, &random.cloud(12, 6), &random.cloud(12, 6));
    assert!(status(&found, "cca_mean").contains("12 rows are too few for 6 and 6 dimensions"));
    assert!(value(&found, "linear_regression_r2") < 1.0);
    let found = all(&WHOLE, &random.cloud(6, 8), &random.cloud(6, 8));
    assert!(status(&found, "linear_regression_r2").contains("5 predictors explain any 6 rows"));
    let found = all(&WHOLE, &random.cloud(2, 3), &random.cloud(2, 3));
    for id in [
        "cka_linear",
        "procrustes_normalized",
        "cka_rbf_median",
        "distance_correlation",
        "rsa_euclid_spearman",
    ] {
        assert!(status(&found, id).contains("fewer than 3 rows"), "{id}: {}", status(&found, id));
    }
    assert!(status(&found, "cka_debiased").contains("fewer than 4 rows"));
    assert!(status(&found, "mutual_knn_cos_k10").contains("too few for 10 neighbours"));
}

#[test]
fn directions_that_the_clouds_share_exactly_leave_the_projection_weights_open() {
    let mut random = Random::new(5);
    let (common, a, b) = (random.cloud(60, 2), random.cloud(60, 2), random.cloud(60, 2));
    let found =
        all(&WHOLE, &concatenate![ndarray::Axis(1), common, a], &concatenate![ndarray::Axis(1), common, b]);
    assert!(status(&found, "pwcca").contains("coincide"), "{}", status(&found, "pwcca"));
    assert!(value(&found, "cca_mean") > 0.5);
}

#[test]
fn an_alignment_that_the_clouds_do_not_determine_is_refused() {
    // BᵀA has rank 1 although both clouds fill two dimensions: the second axis may point either way.
    let a = ndarray::array![[1.0, 1.0], [1.0, -1.0], [1.0, 1.0], [1.0, -1.0]];
    let b = ndarray::array![[1.0, 1.0], [1.0, 1.0], [1.0, -1.0], [1.0, -1.0]];
    assert!(status(&whole::<Aligned>("{}", &a, &b), "aligned_cosine").contains("1 of 2 dimensions"));
    // An empty dimension of both leaves nothing open, nor does one of the wider cloud alone.
    let flat = |x: &Array2<f64>| concatenate![ndarray::Axis(1), *x, Array2::zeros((30, 1))];
    let mut random = Random::new(2);
    let (x, y) = (random.cloud(30, 3), random.cloud(30, 3));
    let (plain, padded) = (whole::<Aligned>("{}", &x, &y), whole::<Aligned>("{}", &flat(&x), &flat(&y)));
    assert!((value(&plain, "aligned_cosine") - value(&padded, "aligned_cosine")).abs() < 1e-12);
    let padded = whole::<Aligned>("{}", &x, &flat(&y));
    assert!((value(&plain, "aligned_cosine") - value(&padded, "aligned_cosine")).abs() < 1e-12);
    let narrow =
        whole::<Aligned>("{}", &x, &y.slice_axis(ndarray::Axis(1), ndarray::Slice::from(..2)).to_owned());
    assert!((0.0..1.0).contains(&value(&narrow, "aligned_cosine")));
}

#[test]
fn zero_rows_are_dropped_from_cosines_and_counted() {
    let (mut a, mut b) = (ramp(20, 4), ramp(20, 4).mapv(f64::cos));
    a.row_mut(3).fill(0.0);
    b.row_mut(7).fill(0.0);
    let keep: Vec<usize> = (0..20).filter(|i| ![3, 7].contains(i)).collect();
    let select = |x: &Array2<f64>| x.select(ndarray::Axis(0), &keep);
    let (found, without) = (all(&IN_SHARDS, &a, &b), all(&WHOLE, &select(&a), &select(&b)));
    for id in [
        "neighbours_dropped_rows",
        "row_cosine_dropped_rows",
        "rsa_cos_dropped_rows",
        "rsa_corr_dropped_rows",
        "aligned_cosine_dropped_rows",
    ] {
        assert!((value(&found, id) - 2.0).abs() < 1e-12, "{id}");
        assert!(value(&without, id).abs() < 1e-12, "{id}");
    }
    for id in
        ["mutual_knn_cos_k10", "row_cosine_mean", "rsa_cos_pearson", "rsa_corr_spearman", "aligned_cosine"]
    {
        assert!((value(&found, id) - value(&without, id)).abs() < 1e-9, "{id}");
    }
}

#[test]
fn duplicates_tie_and_the_lower_row_wins_in_both_clouds() {
    // Five places of four equal rows each: every tie is broken alike, so the neighbours agree.
    let place = |d: usize| Array2::from_shape_fn((20, d), |(i, j)| ((i % 5 * 7 + j * 3) as f64).sin() + 0.1);
    let a = place(6);
    let b = product(a.view(), Random::new(4).rotation(6).view());
    let found = whole::<SampleOp<Neighbours>>(r#"{"k": 2}"#, &a, &b);
    assert!((value(&found, "mutual_knn_cos_k2") - 1.0).abs() <= 0.0);
    assert!((value(&found, "neighbours_tied_rows") - 20.0).abs() < 1e-12);
    assert!((value(&found, "second_order_skipped_rows") - 20.0).abs() < 1e-12);
    assert!(status(&found, "second_order_cos_k2").contains("coincides"));
    let ranks = whole::<SampleOp<Rsa>>("{}", &a, &b);
    assert!((value(&ranks, "rsa_euclid_spearman") - 1.0).abs() < 1e-12);
}

#[test]
fn the_same_leading_subspace_overlaps_fully_and_a_tied_one_is_refused() {
    let found = whole::<Cross>(r#"{"k": 2, "variance": 1.0}"#, &ramp(40, 4), &ramp(40, 4));
    assert!((value(&found, "subspace_overlap_k2") - 1.0).abs() < 1e-12);
    assert!((value(&found, "svcca_1.0") - 1.0).abs() < 1e-9);
    let cross = ndarray::array![
        [1.0, 0.0, 0.0],
        [-1.0, 0.0, 0.0],
        [0.0, 1.0, 0.0],
        [0.0, -1.0, 0.0],
        [0.0, 0.0, 0.1]
    ];
    let found = whole::<Cross>(r#"{"k": 1}"#, &cross, &cross);
    assert!(status(&found, "subspace_overlap_k1").contains("equal within 1e-9"));
    let found = whole::<Cross>(r#"{"k": 3}"#, &cross, &cross);
    assert!(status(&found, "subspace_overlap_k3").contains("whatever they are"));
}

#[test]
fn parameters_without_meaning_are_refused() {
    let input = Input { cols: vec![3, 3], rows: 0, seed: 0 };
    for (json, what) in
        [(r#"{"variance": 0.0}"#, "variance"), (r#"{"variance": 1.5}"#, "variance"), (r#"{"k": 0}"#, "k:")]
    {
        let error = open::<Cross>(json, &input).err().unwrap().to_string();
        assert!(error.contains(what), "{error}");
    }
    assert!(
        open::<SampleOp<Neighbours>>(r#"{"k": 0}"#, &input).err().unwrap().to_string().contains("neighbour")
    );
}

#[test]
fn debiased_similarity_of_independent_clouds_is_near_zero_where_the_biased_one_is_not() {
    let mut random = Random::new(11);
    let found = whole::<Cross>("{}", &random.cloud(30, 12), &random.cloud(30, 12));
    assert!(value(&found, "cka_linear") > 0.15);
    assert!(value(&found, "cka_debiased").abs() < 0.15);
}

#[test]
fn without_decompositions_what_is_of_sums_is_the_same_and_the_rest_says_so() {
    let mut random = Random::new(5);
    let (a, b) = (random.cloud(40, 4), random.cloud(40, 4));
    let (all, cheap) = (whole::<Cross>("{}", &a, &b), whole::<Cross>(r#"{"decompositions": false}"#, &a, &b));
    assert_eq!(all.rows.len(), cheap.rows.len());
    let mut kept = 0;
    for row in &cheap.rows {
        match row.value {
            Some(found) => {
                kept += 1;
                assert!((found - all.value(&row.metric).unwrap()).abs() < 1e-15, "{}", row.metric);
            }
            None => assert!(row.status.contains("decompositions"), "{row:?}"),
        }
    }
    assert_eq!(kept, 6);
}
