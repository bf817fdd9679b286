//! Duplicates, small samples, equal distances, and parameters that make no sense.
#![allow(clippy::unwrap_used)]

#[path = "../../../tests/golden/properties.rs"]
mod properties;

use isoscope_neighbour::Dimension;
use isoscope_plugin_sdk::prelude::*;
use isoscope_plugin_sdk::testing::{Collected, batch_of, run};
use ndarray::{Axis, concatenate};

const SMALL: &str = r#"{"k": 5, "lid_k": 8, "k1": 2, "k2": 4, "hubness_k": 3}"#;

fn measure(params: &str, x: &Array2<f64>) -> Collected {
    run::<SampleOp<Dimension>>(params, &[&[batch_of(x)]]).unwrap().collected
}

#[test]
fn rows_with_a_duplicate_are_counted_and_leave_the_ratios() {
    let x = properties::Random::new(3).cloud(60, 4);
    // Three copies of row 0 and one of row 7: six rows have a duplicate.
    let copies = x.select(Axis(0), &[0, 0, 0, 7]);
    let found = measure(SMALL, &concatenate(Axis(0), &[x.view(), copies.view()]).unwrap());
    assert_eq!(found.value("neigh.duplicate_rows"), Some(6.0));
    assert_eq!(found.row("neigh.twonn").unwrap().n, 58);
    assert_eq!(found.row("neigh.hubness_skew_k3").unwrap().n, 64);
    assert!(found.rows.iter().all(|row| row.value.is_some()), "{:?}", found.rows);
}

#[test]
fn equal_rows_have_no_dimension() {
    let found = measure(SMALL, &Array2::from_elem((30, 3), 0.1));
    assert_eq!(found.value("neigh.duplicate_rows"), Some(30.0));
    for id in ["neigh.mle_k5_harmonic", "neigh.mle_k5_mean", "neigh.lid_k8_mean", "neigh.mom_k5"] {
        assert_eq!(
            found.status(id),
            Some("every row has a duplicate, so no ratio of distances is defined"),
            "{id}"
        );
    }
    assert!(found.status("neigh.corrint_k2_4").unwrap().contains("the radius is 0"));
}

#[test]
fn a_neighbourhood_that_is_too_large_for_the_sample_leaves_the_others() {
    let found = measure("{}", &properties::Random::new(9).cloud(60, 4));
    assert!(found.value("neigh.mle_k20_harmonic").is_some());
    assert!(found.value("neigh.corrint_k10_20").is_some());
    let reason = "60 rows, and 100 neighbours need at least 102";
    assert_eq!(found.status("neigh.lid_k100_mean"), Some(reason));
    assert_eq!(found.status("neigh.lid_k100_mean_faiss_compat"), Some(reason));
}

#[test]
fn the_corners_of_a_simplex_have_an_infinite_dimension_and_so_no_value() {
    let found = measure(SMALL, &Array2::from_shape_fn((12, 12), |(i, j)| if i == j { 1.0 } else { 0.0 }));
    let reason = "12 of 12 rows have equally far neighbours: an infinite local dimension";
    assert_eq!(found.status("neigh.mle_k5_mean"), Some(reason));
    assert_eq!(found.status("neigh.mom_k5"), Some(reason));
    assert_eq!(found.status("neigh.mle_k5_harmonic"), Some("all neighbours of all rows are equally far"));
    assert_eq!(found.status("neigh.twonn"), Some("the first two neighbours of all rows are equally far"));
    assert_eq!(found.status("neigh.corrint_k2_4"), Some("both radii are the same"));
    assert_eq!(found.value("neigh.duplicate_rows"), Some(0.0));
}

#[test]
fn rows_on_a_line_have_dimension_one() {
    let mut random = properties::Random::new(21);
    let x = Array2::from_shape_fn((1500, 1), |_| 10.0 * random.next());
    let line = Array2::from_shape_fn((1500, 5), |(i, j)| x[[i, 0]] * [1.0, -2.0, 0.5, 3.0, 0.1][j] + 7.0);
    let found = measure("{}", &line);
    for id in ["neigh.twonn", "neigh.twonn_mle", "neigh.mle_k20_harmonic", "neigh.corrint_k10_20"] {
        let value = found.value(id).unwrap();
        assert!((value - 1.0).abs() < 0.1, "{id}: {value}");
    }
    assert!((found.value("neigh.lid_k100_mean").unwrap() - 1.0).abs() < 0.15);
}

#[test]
fn half_of_the_local_dimension_is_the_value_of_squared_distances() {
    let found = measure(SMALL, &properties::Random::new(4).cloud(30, 3));
    let whole = found.value("neigh.lid_k8_mean").unwrap();
    assert_eq!(found.value("neigh.lid_k8_mean_faiss_compat"), Some(whole / 2.0));
}

#[test]
fn the_bits_do_not_depend_on_how_the_rows_are_cut() {
    let x = properties::Random::new(8).cloud(50, 3);
    let piece = |from: usize, to: usize| {
        batch_of(&x.slice_axis(Axis(0), (from..to).into()).to_owned()).first_row(from as u64)
    };
    let parts =
        run::<SampleOp<Dimension>>(SMALL, &[&[piece(20, 50)], &[piece(0, 11), piece(11, 20)]]).unwrap();
    assert_eq!(parts.collected, measure(SMALL, &x));
}

#[test]
fn parameters_that_make_no_sense_are_refused() {
    let x = properties::Random::new(1).cloud(5, 2);
    for (params, reason) in [
        (r#"{"k": 1}"#, "\"k\" must be from 2 to 1000, got 1"),
        (r#"{"lid_k": 1001}"#, "\"lid_k\" must be from 2 to 1000, got 1001"),
        (r#"{"k1": 20}"#, "\"k1\" must be less than \"k2\""),
        (r#"{"hubness_k": 0}"#, "\"hubness_k\" must be from 1 to 1000"),
    ] {
        let error = run::<SampleOp<Dimension>>(params, &[&[batch_of(&x)]]).unwrap_err().to_string();
        assert!(error.contains(reason), "{error}");
    }
}
