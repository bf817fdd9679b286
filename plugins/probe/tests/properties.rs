//! Declared invariances, and parts that merge to the whole, for every op on labelled rows.
#![allow(clippy::unwrap_used)]

mod labelled;
#[path = "../../../tests/golden/properties.rs"]
mod properties;

use isoscope_plugin_sdk::prelude::*;
use isoscope_plugin_sdk::testing::{Collected, run};
use isoscope_probe::*;
use labelled::Labelled;
use properties::Random;
use proptest::prelude::{ProptestConfig, proptest};

fn whole<T: Op>(rows: &Labelled) -> Collected {
    run::<T>("{}", &[&[rows.whole()]]).unwrap().collected
}

fn keeps_its_value_under_the_declared_changes<T: Op>(seed: u64, n: usize, d: usize) {
    let rows = Labelled::draw(seed, n, d, 3);
    let before = whole::<T>(&rows);
    let mut random = Random::new(!seed);
    for output in T::META.outputs {
        for invariance in output.invariant {
            let after = whole::<T>(&rows.change(&mut random, *invariance));
            let what = format!("{} under {invariance:?}", output.id);
            properties::assert_same(&before, &after, Some(output.id), &what);
        }
    }
}

fn parts_merge_to_the_whole<T: Op>(seed: u64, n: usize, d: usize) {
    let rows = Labelled::draw(seed, n, d, 3);
    let (a, b) = (n / 3, n / 2);
    let parts = [
        &[rows.batch(0, a), rows.batch(a, b)][..],
        &[],
        &[rows.batch(b, b), rows.batch(b, n - 1)],
        &[rows.batch(n - 1, n)],
    ];
    let parts = run::<T>("{}", &parts).unwrap().collected;
    let whole = whole::<T>(&rows);
    properties::assert_same(&whole, &parts, None, T::META.id);
    for (a, b) in whole.rows.iter().zip(&parts.rows) {
        let (a_value, b_value) = (a.value.unwrap_or(0.0), b.value.unwrap_or(0.0));
        assert!((a_value - b_value).abs() <= 1e-10 * a_value.abs().max(1.0), "{a:?} {b:?}");
    }
}

macro_rules! probe_properties {
    ($($name:ident: $op:ty),+ $(,)?) => {$(
        mod $name {
            use super::*;

            #[test]
            fn keeps_its_value_under_the_declared_changes() {
                proptest!(ProptestConfig::with_cases(10), |(seed: u64, n in 8_usize..60, d in 1_usize..6)| {
                    super::keeps_its_value_under_the_declared_changes::<$op>(seed, n, d);
                });
            }

            #[test]
            fn parts_merge_to_the_whole() {
                proptest!(ProptestConfig::with_cases(10), |(seed: u64, n in 8_usize..60, d in 1_usize..6)| {
                    super::parts_merge_to_the_whole::<$op>(seed, n, d);
                });
            }
        }
    )+};
}

probe_properties! {
    linear: Linear,
    control: Control,
    mdl: SampleOp<Mdl<TaskCode>>,
    mdl_control: SampleOp<Mdl<ControlCode>>,
    nearest_centroid: NearestCentroid,
    fisher: Fisher,
    ridge: Ridge,
}

#[test]
fn wide_problems_reach_the_same_minimum_from_any_cut_and_rotation() {
    // (40 + 1) · 9 weights are beyond Newton's method; the penalties make classes overlap, or leave them separable.
    let rows = Labelled::draw(11, 400, 40, 9);
    for l2 in [1.0, 3000.0] {
        let params = format!(r#"{{"l2": {l2}}}"#);
        let one = run::<Linear>(&params, &[&[rows.whole()]]).unwrap();
        let many: Vec<_> = (0..8).map(|i| vec![rows.batch(50 * i, 50 * (i + 1))]).collect();
        let many: Vec<_> = many.iter().map(Vec::as_slice).collect();
        let many = run::<Linear>(&params, &many).unwrap();
        assert!(many.passes < 250, "{}", many.passes);
        assert!(one.collected.value("probe.logreg_task_test_accuracy").is_some(), "{:?}", one.collected);
        let turned = rows.change(&mut Random::new(3), Invariance::Rotation);
        let turned = run::<Linear>(&params, &[&[turned.whole()]]).unwrap();
        for (what, other) in [("shards", &many), ("rotation", &turned)] {
            properties::assert_same(&one.collected, &other.collected, None, what);
        }
    }
}

#[test]
fn standardized_rows_do_not_feel_the_scale_of_a_dimension() {
    let rows = Labelled::draw(5, 80, 4, 3);
    let mut stretched = rows.clone();
    stretched.x.column_mut(2).mapv_inplace(|x| 1000.0 * x + 3.0);
    let run = |rows: &Labelled| run::<Linear>(r#"{"standardize": true}"#, &[&[rows.whole()]]).unwrap();
    properties::assert_same(&run(&rows).collected, &run(&stretched).collected, None, "stretched");
}
