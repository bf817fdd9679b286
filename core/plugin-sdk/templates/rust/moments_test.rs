//! Values that can be computed by hand.

use isoscope_plugin_sdk::prelude::*;
use isoscope_plugin_sdk::testing::{Collected, measure, moments_of};
use my_plugin::MeanEnergy;

fn measured(rows: &[[f64; 2]]) -> Collected {
    measure::<MomentOp<MeanEnergy>>("{}", &moments_of(&Array2::from(rows.to_vec())))
        .unwrap()
        .0
}

#[test]
fn equal_rows_are_all_mean() {
    assert_eq!(
        measured(&[[1.0, 2.0], [1.0, 2.0]]).value("my_plugin"),
        Some(1.0)
    );
}

#[test]
fn a_centred_cloud_has_none_in_the_mean() {
    assert_eq!(
        measured(&[[1.0, 2.0], [-1.0, -2.0]]).value("my_plugin"),
        Some(0.0)
    );
}

#[test]
fn zero_rows_have_no_energy() {
    assert_eq!(
        measured(&[[0.0, 0.0]]).status("my_plugin"),
        Some("every row is zero")
    );
}
