//! Values that can be computed by hand.

use isoscope_plugin_sdk::prelude::*;
use isoscope_plugin_sdk::testing;
use my_plugin::NearestMean;

fn measured(rows: &[[f64; 1]], gold: &[f64]) -> testing::Finished<my_plugin::Means> {
    let gold: Vec<Option<f64>> = gold.iter().copied().map(Some).collect();
    let batch = testing::batch_of(&Array2::from(rows.to_vec())).f64s("gold", &gold);
    testing::run::<NearestMean>("{}", &[&[batch]]).unwrap()
}

#[test]
fn sides_that_lie_apart_are_told_apart_in_two_passes() {
    let found = measured(&[[0.0], [1.0], [10.0], [11.0]], &[0.0, 1.0, 4.0, 5.0]);
    assert_eq!(found.collected.value("my_plugin"), Some(1.0));
    assert_eq!(found.passes, 2);
}

#[test]
fn a_row_on_the_wrong_side_counts_against_it() {
    let found = measured(
        &[[0.0], [0.0], [10.0], [10.0], [0.0]],
        &[0.0, 0.0, 5.0, 5.0, 5.0],
    );
    assert_eq!(found.collected.value("my_plugin"), Some(0.8));
}

#[test]
fn one_side_alone_is_no_question() {
    let found = measured(&[[0.0], [1.0]], &[0.0, 1.0]);
    assert_eq!(
        found.collected.status("my_plugin"),
        Some("all gold scores lie on one side of the threshold")
    );
}
