//! Clouds and parameters at the edge of what can be fitted.
#![allow(clippy::unwrap_used)]

use isoscope_enhance::*;
use isoscope_plugin_sdk::prelude::*;
use isoscope_plugin_sdk::testing::{apply, batch_of, measure, moments_of, open, product};
use ndarray::array;

fn fit<T: Op>(params: &str, x: &Array2<f64>) -> Result<T::Model> {
    match measure::<T>(params, &moments_of(x))?.1 {
        Next::Done(model) | Next::Again(model) => Ok(model),
    }
}

fn enhance<T: Op>(params: &str, fitted: &Array2<f64>, x: &Array2<f64>) -> Result<Array2<f64>> {
    let op: T = open(params, &Input { cols: vec![x.ncols()], rows: 0, seed: 0 })?;
    apply(&op, &fit::<T>(params, fitted)?, &batch_of(x).view())
}

fn per_row<T: Op>(x: &Array2<f64>) -> Array2<f64> {
    let op: T = open("{}", &Input { cols: vec![x.ncols()], rows: 0, seed: 0 }).unwrap();
    apply(&op, &T::Model::default(), &batch_of(x).view()).unwrap()
}

fn message<T>(result: Result<T>) -> String {
    match result {
        Ok(_) => panic!("accepted"),
        Err(e) => e.to_string(),
    }
}

/// Ten rows in four dimensions that span two of them.
fn flat() -> Array2<f64> {
    Array2::from_shape_fn((10, 4), |(i, j)| {
        let (a, b) = ((i as f64 * 1.3).sin(), (i as f64 * 0.7).cos());
        [a, b, a + b, a - b][j]
    })
}

#[test]
fn constant_dimensions_are_divided_by_one() {
    let x = array![[0.1, 1.0], [0.1, 2.0], [0.1, 6.0]];
    let y = enhance::<EnhanceOp<Standardize>>("{}", &x, &x).unwrap();
    assert!(y.column(0).iter().all(|v| v.abs() < 1e-15));
    assert!((y.column(1).iter().map(|v| v * v).sum::<f64>() - 3.0).abs() < 1e-12);
}

#[test]
fn whitening_keeps_no_more_directions_than_the_rank() {
    let y = enhance::<EnhanceOp<Whitening>>(r#"{"components": 4}"#, &flat(), &flat()).unwrap();
    assert_eq!(y.dim(), (10, 2));
    let z = enhance::<EnhanceOp<Zca>>("{}", &flat(), &flat()).unwrap();
    assert_eq!(z.dim(), (10, 4));
    assert!(z.iter().all(|v| v.is_finite() && v.abs() < 10.0));
}

#[test]
fn removing_as_many_directions_as_the_rank_leaves_nothing_and_says_so() {
    assert!(enhance::<EnhanceOp<Abtt>>(r#"{"components": 1}"#, &flat(), &flat()).is_ok());
    for components in [2, 3, 4, 9] {
        let params = format!(r#"{{"components": {components}}}"#);
        for text in [
            message(fit::<EnhanceOp<Abtt>>(&params, &flat())),
            message(fit::<EnhanceOp<AbttLiteral>>(&params, &flat())),
        ] {
            let said = text.contains(&format!("removing {components} directions"))
                && text.contains("2 of 4 dimensions");
            assert!(said, "{text}");
        }
    }
}

#[test]
fn dropping_every_dimension_is_refused() {
    assert!(message(fit::<EnhanceOp<DropDims>>(r#"{"dims": 4}"#, &flat())).contains("4 of 4"));
    assert!(
        message(open::<EnhanceOp<Whitening>>(
            r#"{"components": 0}"#,
            &Input { cols: vec![4], rows: 0, seed: 0 }
        ))
        .contains("at least one")
    );
}

#[test]
fn clouds_that_cannot_be_fitted_say_why() {
    let equal = Array2::from_elem((5, 3), 0.1);
    assert!(message(fit::<EnhanceOp<Whitening>>("{}", &equal)).contains("every row is equal"));
    assert!(message(fit::<EnhanceOp<Zca>>("{}", &Array2::zeros((1, 3)))).contains("too few"));
    assert!(message(fit::<EnhanceOp<ZeroMean>>("{}", &Array2::zeros((0, 3)))).contains("too few"));
    assert!(enhance::<EnhanceOp<Standardize>>("{}", &equal, &equal).unwrap().iter().all(|v| v.abs() < 1e-15));
}

#[test]
fn rows_of_another_width_are_refused() {
    let text = message(enhance::<EnhanceOp<ZeroMean>>("{}", &flat(), &Array2::zeros((2, 3))));
    assert!(text.contains("3 dimensions") && text.contains("fitted on 4"), "{text}");
}

#[test]
fn zero_rows_stay_zero_and_others_get_unit_length() {
    let y = per_row::<EnhanceOp<L2Normalize>>(&array![[0.0, 0.0], [3.0, -4.0]]);
    assert_eq!(y.row(0).to_vec(), vec![0.0, 0.0]);
    assert!((y[[1, 0]] - 0.6).abs() < 1e-15 && (y[[1, 1]] + 0.8).abs() < 1e-15);
}

#[test]
fn equal_components_share_their_rank() {
    let y = per_row::<EnhanceOp<RankTransform>>(&array![[5.0, -0.0, 0.0, 7.0], [1.0, 1.0, 1.0, 1.0]]);
    assert_eq!(y.row(0).to_vec(), vec![0.5, -1.0, -1.0, 1.5]);
    assert_eq!(y.row(1).to_vec(), vec![0.0; 4]);
}

#[test]
fn keeping_and_removing_the_same_directions_add_up_to_the_centred_rows() {
    let x = Array2::from_shape_fn((30, 4), |(i, j)| ((i * (j + 2)) as f64).sin() * (4 - j) as f64 + j as f64);
    let centred = enhance::<EnhanceOp<ZeroMean>>("{}", &x, &x).unwrap();
    for d in 1..4 {
        let params = format!(r#"{{"components": {d}}}"#);
        let kept = enhance::<EnhanceOp<KeepTop>>(&params, &x, &x).unwrap();
        let removed = enhance::<EnhanceOp<Abtt>>(&params, &x, &x).unwrap();
        assert!((&kept + &removed - &centred).iter().all(|v| v.abs() < 1e-12));
        let op: EnhanceOp<KeepTop> = open(&params, &Input { cols: vec![4], rows: 0, seed: 0 }).unwrap();
        let map = op.affine(&fit::<EnhanceOp<KeepTop>>(&params, &x).unwrap()).unwrap().unwrap();
        let closed = product(x.view(), map.a.t()) + &map.c;
        assert!((closed - kept).iter().all(|v| v.abs() < 1e-12));
    }
}

#[test]
fn no_more_directions_are_kept_than_the_rows_have() {
    let all = enhance::<EnhanceOp<KeepTop>>(r#"{"D": 50}"#, &flat(), &flat()).unwrap();
    let centred = enhance::<EnhanceOp<ZeroMean>>("{}", &flat(), &flat()).unwrap();
    assert!((all - centred).iter().all(|v| v.abs() < 1e-12));
    let equal = Array2::from_elem((5, 3), 0.1);
    assert!(message(fit::<EnhanceOp<KeepTop>>("{}", &equal)).contains("every row is equal"));
    let input = Input { cols: vec![4], rows: 0, seed: 0 };
    assert!(message(open::<EnhanceOp<KeepTop>>(r#"{"k": 0}"#, &input)).contains("at least one"));
}

#[test]
fn the_dimension_that_makes_rows_alike_is_dropped_not_that_of_the_largest_mean() {
    // Dimension 1 has the largest mean, from one long row; dimension 0 is what all rows share.
    let x = array![[1.0, 0.1, 0.0], [1.0, -0.1, 0.0], [1.0, 0.0, 0.1], [0.0, 90.0, 0.0]];
    let by_mean = enhance::<EnhanceOp<DropDims>>(r#"{"dims": 1}"#, &x, &x).unwrap();
    let by_cosine = enhance::<EnhanceOp<DropCosineDims>>(r#"{"dims": 1}"#, &x, &x).unwrap();
    assert!(by_mean.column(1).iter().all(|v| v.abs() <= 0.0) && by_mean[[0, 0]] > 0.5);
    assert!(by_cosine.column(0).iter().all(|v| v.abs() <= 0.0) && by_cosine[[3, 1]] > 89.0);
    let zeros = Array2::zeros((3, 4));
    assert!(message(fit::<EnhanceOp<DropCosineDims>>("{}", &zeros)).contains("no cosine"));
}

#[test]
fn a_batch_cut_in_two_maps_to_the_same_rows() {
    proptest::proptest!(proptest::prelude::ProptestConfig::with_cases(16), |(cut in 1_usize..9, scale in 0.1_f64..10.0)| {
        let x = flat() * scale + 0.3;
        let whole = enhance::<EnhanceOp<Zca>>("{}", &x, &x).unwrap();
        let (top, bottom) = x.view().split_at(ndarray::Axis(0), cut);
        for (part, rows) in [(top, 0..cut), (bottom, cut..10)] {
            let y = enhance::<EnhanceOp<Zca>>("{}", &x, &part.to_owned()).unwrap();
            for (i, row) in rows.enumerate() {
                proptest::prop_assert!(y.row(i).iter().zip(whole.row(row)).all(|(a, b)| (a - b).abs() < 1e-12));
            }
        }
    });
}
