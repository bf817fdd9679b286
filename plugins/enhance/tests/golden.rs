//! The enhanced matrices against an independent implementation, through `apply` and through the affine form.
#![allow(clippy::unwrap_used)]

#[path = "../../../tests/golden/loader.rs"]
mod loader;

mod described;

use described::{compare, log_i_pm};
use isoscope_enhance::*;
use isoscope_plugin_sdk::prelude::*;
use isoscope_plugin_sdk::testing::{apply, batch_of, measure, moments_of, open, product};

/// Inputs that the golden values enhance.
const ENHANCED: [&str; 3] = ["clustered", "rogue", "bertlike"];

/// Fits on a matrix and maps it, and checks that the affine form maps it to the same.
fn enhance<T: Op>(params: &str, x: &Array2<f64>) -> Array2<f64> {
    let op: T = open(params, &Input { cols: vec![x.ncols()], rows: x.nrows() as u64, seed: 0 }).unwrap();
    let model = if T::HAS_MEASURE {
        let (_, Next::Done(model)) = measure::<T>(params, &moments_of(x)).unwrap() else {
            panic!("no model")
        };
        model
    } else {
        T::Model::default()
    };
    let y = apply(&op, &model, &batch_of(x).view()).unwrap();
    let affine = op.affine(&model).unwrap();
    assert_eq!(affine.is_some(), T::META.affine);
    if let Some(Affine { a, c }) = affine {
        let closed = product(x.view(), a.t()) + &c;
        let scale = y.iter().fold(1.0_f64, |m, v| m.max(v.abs()));
        assert!(
            y.iter().zip(&closed).all(|(a, b)| (a - b).abs() <= 1e-11 * scale),
            "{}: affine form",
            T::META.id
        );
    }
    y
}

fn run(id: &str, x: &Array2<f64>) -> Option<Array2<f64>> {
    Some(match id {
        "enhance.zero_mean" => enhance::<EnhanceOp<ZeroMean>>("{}", x),
        "enhance.standardize" => enhance::<EnhanceOp<Standardize>>("{}", x),
        "enhance.abtt_D1" => enhance::<EnhanceOp<Abtt>>(r#"{"components": 1}"#, x),
        "enhance.abtt_D3" => enhance::<EnhanceOp<Abtt>>("{}", x),
        "enhance.abtt_literal_D1" => enhance::<EnhanceOp<AbttLiteral>>(r#"{"D": 1}"#, x),
        "enhance.abtt_literal_D3" => enhance::<EnhanceOp<AbttLiteral>>(r#"{"k": 3}"#, x),
        "enhance.whitening" => enhance::<EnhanceOp<Whitening>>("{}", x),
        "enhance.whitening_k8" => enhance::<EnhanceOp<Whitening>>(r#"{"components": 8}"#, x),
        "enhance.zca" => enhance::<EnhanceOp<Zca>>("{}", x),
        "enhance.drop_top2_dims" => enhance::<EnhanceOp<DropDims>>(r#"{"dims": 2}"#, x),
        "enhance.rank_transform" => enhance::<EnhanceOp<RankTransform>>("{}", x),
        _ => return None,
    })
}

#[test]
fn enhanced_matrices_agree_with_the_independent_implementation() {
    let mut compared = 0;
    for input in ENHANCED {
        let x = loader::matrix(input);
        for (id, golden) in loader::values(input).iter().filter(|(id, _)| id.starts_with("enhance.")) {
            if let Some(y) = run(id, &x) {
                compare(&format!("{input} {id}"), golden, &y);
                compared += 1;
            }
        }
    }
    assert_eq!(compared, 33);
}

#[test]
fn the_frobenius_norm_after_removal_agrees_with_a_singular_value_decomposition() {
    for input in ENHANCED {
        let (x, golden) = (loader::matrix(input), loader::values(input));
        for d in ["D1", "D3"] {
            let y = run(&format!("enhance.abtt_{d}"), &x).unwrap();
            let fro = y.iter().map(|v| v * v).sum::<f64>().sqrt();
            let value = golden[&format!("enhance.abtt_{d}_fro_check")]["value"].as_f64().unwrap();
            assert!((fro - value).abs() <= 1e-9 * value, "{input} {d}: {fro}, golden {value}");
        }
    }
}

#[test]
fn the_covariance_after_whitening_is_the_identity() {
    for input in ENHANCED {
        let y = run("enhance.whitening", &loader::matrix(input)).unwrap();
        let moments = moments_of(&y);
        let covariance = &moments.view().scatter() / (y.nrows() as f64 - 1.0);
        let worst = (covariance - Array2::<f64>::eye(y.ncols())).iter().fold(0.0_f64, |m, v| m.max(v.abs()));
        assert!(worst < 1e-8, "{input}: {worst}");
    }
}

#[test]
fn the_token_space_is_as_isotropic_as_the_independent_implementation_says() {
    let (x, golden) = (loader::matrix("tokens"), loader::values("tokens"));
    for (id, y) in [
        ("baseline", x.clone()),
        ("zero_mean", enhance::<EnhanceOp<ZeroMean>>("{}", &x)),
        ("standardize", enhance::<EnhanceOp<Standardize>>("{}", &x)),
        ("global_abtt_D1", enhance::<EnhanceOp<Abtt>>(r#"{"D": 1}"#, &x)),
        ("global_abtt_D3", enhance::<EnhanceOp<Abtt>>("{}", &x)),
    ] {
        let golden = &golden[&format!("task.log_I_pm_{id}")];
        let (value, rtol) = (golden["value"].as_f64().unwrap(), golden["rtol"].as_f64().unwrap());
        let found = log_i_pm(&y);
        assert!((found - value).abs() <= rtol * value.abs() + 1e-8, "{id}: {found}, golden {value}");
    }
}
