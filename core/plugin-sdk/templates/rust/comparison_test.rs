//! Values that can be computed by hand.

use isoscope_plugin_sdk::prelude::*;
use isoscope_plugin_sdk::testing;
use my_plugin::NormCorrelation;

fn measured(one: &[[f64; 1]], two: &[[f64; 2]]) -> testing::Collected {
    let (one, two) = (Array2::from(one.to_vec()), Array2::from(two.to_vec()));
    testing::run::<NormCorrelation>("{}", &[&[testing::batch_of_views(&[&one, &two])]])
        .unwrap()
        .collected
}

#[test]
fn norms_that_grow_together_correlate() {
    let value = measured(
        &[[1.0], [2.0], [-3.0]],
        &[[3.0, 4.0], [6.0, 8.0], [9.0, 12.0]],
    )
    .value("my_plugin")
    .unwrap();
    assert!((value - 1.0).abs() < 1e-12, "{value}");
}

#[test]
fn equal_norms_correlate_with_nothing() {
    let found = measured(&[[1.0], [-1.0]], &[[3.0, 4.0], [6.0, 8.0]]);
    assert_eq!(
        found.status("my_plugin"),
        Some("the norms of a view do not vary")
    );
}
