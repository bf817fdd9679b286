//! Small samples, equal rows, known shapes, and parameters that make no sense.
#![allow(clippy::unwrap_used)]

#[path = "../../../tests/golden/properties.rs"]
mod properties;

use isoscope_plugin_sdk::prelude::*;
use isoscope_plugin_sdk::testing::{Collected, batch_of, run};
use isoscope_topology::*;

fn measure<T: Op>(params: &str, x: &Array2<f64>) -> Collected {
    run::<T>(params, &[&[batch_of(x)]]).unwrap().collected
}

fn close(a: Option<f64>, b: f64) -> bool {
    a.is_some_and(|a| (a - b).abs() < 1e-12)
}

/// Rows at equal angles on a circle of radius 1.
fn circle(n: usize) -> Array2<f64> {
    Array2::from_shape_fn((n, 2), |(i, j)| {
        let angle = std::f64::consts::TAU * i as f64 / n as f64;
        if j == 0 { angle.cos() } else { angle.sin() }
    })
}

#[test]
fn equal_bars_have_the_greatest_entropy() {
    let line = Array2::from_shape_fn((9, 1), |(i, _)| 2.0 * i as f64);
    let found = measure::<SampleOp<Components>>("{}", &line);
    assert!(close(found.value("topo.h0_persistent_entropy"), 8.0_f64.ln()));
    assert!(close(found.value("topo.h0_persistent_entropy_norm"), 1.0));
    assert!(close(found.value("topo.h0_total_persistence"), 16.0));
    assert_eq!(found.value("topo.h0_zero_bars"), Some(0.0));
}

#[test]
fn bars_of_equal_rows_add_nothing_and_are_counted() {
    let x = Array2::from_shape_fn((6, 1), |(i, _)| [0.0, 0.0, 0.0, 1.0, 1.0, 4.0][i]);
    let found = measure::<SampleOp<Components>>("{}", &x);
    let expected = -(0.25 * 0.25_f64.ln() + 0.75 * 0.75_f64.ln());
    assert!(close(found.value("topo.h0_persistent_entropy"), expected));
    assert!(close(found.value("topo.h0_total_persistence"), 4.0));
    assert_eq!(found.value("topo.h0_zero_bars"), Some(3.0));
}

#[test]
fn equal_rows_have_no_entropy_and_no_loops() {
    let x = Array2::from_elem((7, 3), 0.1);
    let found = measure::<SampleOp<Components>>("{}", &x);
    assert_eq!(found.status("topo.h0_persistent_entropy"), Some("all rows are equal"));
    assert_eq!(found.status("topo.h0_persistent_entropy_norm"), Some("all rows are equal"));
    assert_eq!(found.value("topo.h0_total_persistence"), Some(0.0));
    assert_eq!(found.value("topo.h0_zero_bars"), Some(6.0));
    let found = measure::<SampleOp<Loops>>("{}", &x);
    assert_eq!(found.value("topo.h1_count"), Some(0.0));
    assert_eq!(found.value("topo.h1_max_persistence"), Some(0.0));
    assert_eq!(found.series_part("topo.h1_intervals", "birth"), Some([].as_slice()));
}

#[test]
fn the_first_rows_are_those_of_the_least_ids() {
    let x = properties::Random::new(4).cloud(30, 3);
    let few =
        measure::<SampleOp<Components>>("{}", &x.slice_axis(ndarray::Axis(0), (..12).into()).to_owned());
    let ids: Vec<_> = (0..30).rev().map(Some).collect();
    let reversed = x.select(ndarray::Axis(0), &(0..30).rev().collect::<Vec<_>>());
    let batch = batch_of(&reversed).i64s("row", &ids);
    let found = run::<SampleOp<Components>>(r#"{"first": 12}"#, &[&[batch]]).unwrap().collected;
    assert_eq!(found.value("topo.h0_total_persistence_first12"), few.value("topo.h0_total_persistence"));
    assert_eq!(found.row("topo.h0_zero_bars_first12").unwrap().n, 12);
    let found = measure::<SampleOp<Components>>(r#"{"first": 50}"#, &x);
    assert_eq!(found.status("topo.h0_persistent_entropy_first50"), Some("30 rows, fewer than 50"));
}

#[test]
fn a_circle_has_one_loop_from_its_side_to_its_widest_triangle() {
    let found = measure::<SampleOp<Loops>>("{}", &circle(12));
    let side = 2.0 * (std::f64::consts::PI / 12.0).sin();
    assert!(close(Some(found.series_part("topo.h1_intervals", "birth").unwrap()[0]), side));
    assert!(close(Some(found.series_part("topo.h1_intervals", "death").unwrap()[0]), 3.0_f64.sqrt()));
    assert_eq!(found.value("topo.h1_count"), Some(1.0));
    assert!(close(found.value("topo.h1_max_persistence"), 3.0_f64.sqrt() - side));
}

#[test]
fn no_more_loops_are_listed_than_asked_for() {
    let far = |x: Array2<f64>, by: f64| x.mapv(|x| x + by);
    let two = ndarray::concatenate(ndarray::Axis(0), &[circle(9).view(), far(2.0 * circle(9), 40.0).view()])
        .unwrap();
    let births = |params: &str| {
        measure::<SampleOp<Loops>>(params, &two)
            .series_part("topo.h1_intervals", "birth")
            .map(<[f64]>::to_vec)
            .unwrap()
    };
    assert_eq!(births("{}").len(), 2);
    assert_eq!(births(r#"{"intervals": 1}"#), births("{}")[..1]);
    let side = 2.0 * (std::f64::consts::PI / 9.0).sin();
    assert!(close(Some(births("{}")[0]), 2.0 * side), "the greater circle comes first");
}

#[test]
fn parameters_that_make_no_sense_are_refused() {
    let x = circle(5);
    let error = run::<SampleOp<Loops>>(r#"{"rows": 501}"#, &[&[batch_of(&x)]]).unwrap_err().to_string();
    assert!(error.contains("at most 500, got 501"), "{error}");
    let error = run::<SampleOp<Components>>(r#"{"rows": 4, "first": 3}"#, &[&[batch_of(&x)]])
        .unwrap_err()
        .to_string();
    assert!(error.contains("\"rows\" must be at least 5, got 4"), "{error}");
}

#[test]
fn a_sample_beyond_the_limit_has_no_loops() {
    let found = measure::<SampleOp<Loops>>("{}", &Array2::zeros((501, 1)));
    assert_eq!(found.status("topo.h1_count"), Some("more than 500 rows"));
}
