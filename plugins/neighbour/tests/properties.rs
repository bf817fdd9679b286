//! Declared invariances, merging, and degenerate clouds.
#![allow(clippy::unwrap_used)]

#[path = "../../../tests/golden/properties.rs"]
mod properties;

use isoscope_neighbour::Dimension;
use isoscope_plugin_sdk::prelude::*;
use isoscope_plugin_sdk::testing::{Collected, batch_of, run};

metric_properties! {
    dimension: SampleOp<Dimension>,
}

/// Neighbourhoods that small clouds have.
const SMALL: &str = r#"{"k": 5, "lid_k": 8, "k1": 2, "k2": 4, "hubness_k": 3}"#;

fn measure(x: &Array2<f64>) -> Collected {
    run::<SampleOp<Dimension>>(SMALL, &[&[batch_of(x)]]).unwrap().collected
}

#[test]
fn small_neighbourhoods_keep_their_values_under_the_declared_changes() {
    proptest::proptest!(proptest::prelude::ProptestConfig::with_cases(16), |(seed: u64, n in 12_usize..40, d in 1_usize..6)| {
        let mut random = properties::Random::new(seed);
        let x = random.cloud(n, d);
        let before = measure(&x);
        for output in SampleOp::<Dimension>::META.outputs {
            for invariance in output.invariant {
                let after = measure(&random.change(&x, *invariance));
                properties::assert_same(&before, &after, Some(output.id), &format!("{} {invariance:?}", output.id));
            }
        }
    });
}

#[test]
fn small_neighbourhoods_of_a_random_cloud_have_every_value() {
    let found = measure(&properties::Random::new(5).cloud(40, 3));
    assert!(found.rows.iter().all(|row| row.value.is_some()), "{:?}", found.rows);
    assert_eq!(found.rows.len(), 10);
}
