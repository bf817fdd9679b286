//! Every value of the family against an independent implementation, the rows cut into shards.
#![allow(clippy::unwrap_used)]

#[path = "../../../tests/golden/loader.rs"]
mod loader;

use isoscope_angular::*;
use isoscope_plugin_sdk::prelude::*;
use isoscope_plugin_sdk::testing::{Collected, run};

/// Runs all ops of the family over one matrix.
fn all(x: &Array2<f64>) -> Collected {
    let shards = loader::shards(x);
    let shards: Vec<_> = shards.iter().map(Vec::as_slice).collect();
    let found = [
        run::<MomentOp<AvgCosine>>("{}", &shards).unwrap().collected,
        run::<MomentOp<AvgCosineN2>>("{}", &shards).unwrap().collected,
        run::<MomentOp<MeanResultantLength>>("{}", &shards).unwrap().collected,
        run::<MomentOp<CosContribution>>("{}", &shards).unwrap().collected,
        run::<MomentOp<CosContributionTop3>>("{}", &shards).unwrap().collected,
        run::<MomentOp<ZeroRows>>("{}", &shards).unwrap().collected,
        run::<MomentOp<Concentricity>>("{}", &shards).unwrap().collected,
        run::<AvgCosineCentered>("{}", &shards).unwrap().collected,
    ];
    let mut all = Collected::default();
    for mut part in found {
        all.rows.append(&mut part.rows);
        all.series.append(&mut part.series);
    }
    all
}

#[test]
fn every_value_agrees_with_the_independent_implementation() {
    let compared = loader::compare_family("angular.", all, &[]);
    assert_eq!(compared, 84);
}
