//! Rows that can be mapped by hand.

use isoscope_plugin_sdk::prelude::*;
use isoscope_plugin_sdk::testing::{apply, batch_of, measure, moments_of, open};
use my_plugin::Shift;

fn mapped(params: &str, rows: &Array2<f64>) -> Vec<f64> {
    let (Next::Done(model) | Next::Again(model)) =
        measure::<EnhanceOp<Shift>>(params, &moments_of(rows))
            .unwrap()
            .1;
    let op: EnhanceOp<Shift> = open(
        params,
        &Input {
            cols: vec![rows.ncols()],
            rows: 0,
            seed: 0,
        },
    )
    .unwrap();
    apply(&op, &model, &batch_of(rows).view())
        .unwrap()
        .into_iter()
        .collect()
}

#[test]
fn the_mean_is_subtracted() {
    let rows = Array2::from(vec![[1.0, 2.0], [3.0, 6.0]]);
    assert_eq!(mapped("{}", &rows), [-1.0, -2.0, 1.0, 2.0]);
}

#[test]
fn half_of_the_mean_is_subtracted_when_asked() {
    let rows = Array2::from(vec![[1.0, 2.0], [3.0, 6.0]]);
    assert_eq!(mapped(r#"{"share": 0.5}"#, &rows), [0.0, 0.0, 2.0, 4.0]);
}
