//! Declared invariances, merging, and degenerate clouds, for every op of the family.
#![allow(clippy::unwrap_used, clippy::cast_possible_wrap)] // small ids

#[path = "../../../tests/golden/properties.rs"]
mod properties;

use isoscope_pairs::*;
use isoscope_plugin_sdk::prelude::*;
use isoscope_plugin_sdk::testing::{Collected, batch_of, run};

metric_properties! {
    sampled_cosine: SampleOp<SampledCosine>,
    contributing_dims: SampleOp<ContributingDims>,
    informativity: SampleOp<Informativity>,
    informativity_l2: SampleOp<InformativityL2>,
    uniformity: SampleOp<Uniformity>,
}

fn alignment(x: &Array2<f64>, gold: &[f64]) -> Collected {
    let ids: Vec<_> = (0..x.nrows() as i64).map(|row| Some(row / 2)).collect();
    let gold: Vec<_> = (0..x.nrows()).map(|row| Some(gold[row / 4])).collect();
    run::<Alignment>("{}", &[&[batch_of(x).i64s("sentence", &ids).f64s("gold", &gold)]]).unwrap().collected
}

#[test]
fn alignment_keeps_its_value_under_the_declared_changes() {
    proptest::proptest!(proptest::prelude::ProptestConfig::with_cases(16), |(seed: u64, pairs in 3_usize..9, d in 2_usize..6)| {
        let mut random = properties::Random::new(seed);
        let x = random.cloud(4 * pairs, d);
        let gold: Vec<f64> = (0..pairs).map(|_| 4.0 + random.next()).collect();
        let before = alignment(&x, &gold);
        for output in Alignment::META.outputs {
            for invariance in output.invariant {
                let after = alignment(&random.change(&x, *invariance), &gold);
                properties::assert_same(&before, &after, Some(output.id), &format!("{} {invariance:?}", output.id));
            }
        }
    });
}

#[test]
fn drawn_pairs_estimate_the_exact_mean_cosine_within_the_standard_error() {
    let x = properties::Random::new(17).cloud(400, 8);
    let unit = |i: usize| {
        let row = x.row(i).to_owned();
        let norm = row.iter().map(|x| x * x).sum::<f64>().sqrt();
        row / norm
    };
    let units: Vec<_> = (0..400).map(unit).collect();
    let mut exact = 0.0;
    for i in 0..400 {
        for j in 0..i {
            exact += units[i].iter().zip(&units[j]).map(|(a, b)| a * b).sum::<f64>() / (400.0 * 399.0 / 2.0);
        }
    }
    let found = run::<SampleOp<SampledCosine>>("{}", &[&[batch_of(&x)]]).unwrap().collected;
    let row = found.row("pairs.sampled_avg_cosine").unwrap();
    let (value, error) = (row.value.unwrap(), row.std_err.unwrap());
    assert!((value - exact).abs() < 4.0 * error && error < 0.02, "{value} ± {error}, exact {exact}");
    assert_eq!(row.n, 10_000);
}

#[test]
fn another_seed_draws_other_pairs() {
    let x = properties::Random::new(2).cloud(50, 3);
    let draw = |seed: u64| {
        let batch = batch_of(&x);
        isoscope_plugin_sdk::testing::run_with::<SampleOp<SampledCosine>>("{}", seed, &[&[batch]])
            .unwrap()
            .collected
            .value("pairs.sampled_avg_cosine")
    };
    assert_eq!(draw(1), draw(1));
    assert_ne!(draw(1), draw(2));
}
