//! Values that can be computed by hand.

use isoscope_plugin_sdk::prelude::*;
use isoscope_plugin_sdk::testing;
use my_plugin::NearestMean;

/// Runs the op over training rows, then test rows, each with its gold score.
fn measured(train: &[(f64, f64)], test: &[(f64, f64)]) -> testing::Finished<my_plugin::Means> {
    let rows: Vec<[f64; 1]> = train.iter().chain(test).map(|(x, _)| [*x]).collect();
    let gold: Vec<Option<f64>> = train.iter().chain(test).map(|(_, gold)| Some(*gold)).collect();
    let split: Vec<Option<&str>> = [vec![Some("train"); train.len()], vec![Some("test"); test.len()]].concat();
    let batch = testing::batch_of(&Array2::from(rows)).strings("split", &split).f64s("gold", &gold);
    testing::run::<NearestMean>("{}", &[&[batch]]).unwrap()
}

const TRAIN: [(f64, f64); 4] = [(0.0, 0.0), (1.0, 1.0), (10.0, 4.0), (11.0, 5.0)];

#[test]
fn sides_that_lie_apart_are_told_apart_in_two_passes() {
    let found = measured(&TRAIN, &[(2.0, 0.0), (9.0, 5.0)]);
    assert_eq!(found.collected.value("my_plugin"), Some(1.0));
    assert_eq!(found.passes, 2);
}

#[test]
fn a_test_row_on_the_wrong_side_counts_against_it_and_moves_no_mean() {
    let found = measured(&TRAIN, &[(0.0, 0.0), (2.0, 0.0), (9.0, 5.0), (1.0, 5.0)]);
    assert_eq!(found.collected.value("my_plugin"), Some(0.75));
}

#[test]
fn training_rows_of_one_side_alone_are_no_question() {
    let found = measured(&[(0.0, 0.0), (1.0, 1.0)], &[(0.0, 0.0), (9.0, 5.0)]);
    assert_eq!(
        found.collected.status("my_plugin"),
        Some("all training rows lie on one side of the threshold")
    );
}

#[test]
fn without_test_rows_there_is_no_value() {
    let found = measured(&TRAIN, &[]);
    assert_eq!(
        found.collected.status("my_plugin"),
        Some("there are no test rows with a gold score")
    );
}
