//! The score keeps its value when the space is turned or scaled.
#![allow(clippy::unwrap_used, clippy::cast_possible_wrap)] // small ids

#[path = "../../../tests/golden/properties.rs"]
mod properties;

use isoscope_plugin_sdk::prelude::*;
use isoscope_plugin_sdk::testing::{Collected, batch_of, run};
use isoscope_sts::Sts;

fn score(x: &Array2<f64>, gold: &[f64]) -> Collected {
    let ids: Vec<_> = (0..x.nrows() as i64).map(|row| Some(row / 2)).collect();
    let gold: Vec<_> = (0..x.nrows()).map(|row| Some(gold[row / 4])).collect();
    run::<Sts>("{}", &[&[batch_of(x).i64s("sentence", &ids).f64s("gold", &gold)]]).unwrap().collected
}

#[test]
fn keeps_its_value_under_the_declared_changes() {
    proptest::proptest!(proptest::prelude::ProptestConfig::with_cases(16), |(seed: u64, pairs in 3_usize..9, d in 2_usize..6)| {
        let mut random = properties::Random::new(seed);
        let x = random.cloud(4 * pairs, d);
        let gold: Vec<f64> = (0..pairs).map(|_| random.next()).collect();
        let before = score(&x, &gold);
        for output in Sts::META.outputs {
            for invariance in output.invariant {
                let after = score(&random.change(&x, *invariance), &gold);
                properties::assert_same(&before, &after, Some(output.id), &format!("{} {invariance:?}", output.id));
            }
        }
    });
}
