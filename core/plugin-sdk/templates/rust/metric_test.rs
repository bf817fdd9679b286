//! Values that can be computed by hand.

use isoscope_plugin_sdk::prelude::*;
use isoscope_plugin_sdk::testing;
use my_plugin::MeanCosine;

fn measured(rows: &[[f64; 2]]) -> testing::Collected {
    let rows = Array2::from(rows.to_vec());
    testing::run::<MeanCosine>("{}", &[&[testing::batch_of(&rows)]])
        .unwrap()
        .collected
}

#[test]
fn rows_of_one_direction_have_cosine_one() {
    let value = measured(&[[1.0, 2.0], [2.0, 4.0], [0.5, 1.0]])
        .value("my_plugin")
        .unwrap();
    assert!((value - 1.0).abs() < 1e-12, "{value}");
}

#[test]
fn opposite_rows_have_cosine_minus_one_and_zero_rows_do_not_count() {
    let value = measured(&[[1.0, 0.0], [-3.0, 0.0], [0.0, 0.0]])
        .value("my_plugin")
        .unwrap();
    assert!((value + 1.0).abs() < 1e-12, "{value}");
}

#[test]
fn one_row_has_no_pair() {
    let found = measured(&[[1.0, 0.0]]);
    assert_eq!(
        found.status("my_plugin"),
        Some("fewer than 2 rows have a direction")
    );
}
