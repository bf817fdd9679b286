//! Every value of the family against an independent implementation, the rows cut into shards.
#![allow(clippy::unwrap_used)]

#[path = "../../../tests/golden/loader.rs"]
mod loader;

use isoscope_moments::*;
use isoscope_plugin_sdk::prelude::*;
use isoscope_plugin_sdk::testing::{Collected, run};

/// Runs all ops of the family over one matrix.
fn all(x: &Array2<f64>) -> Collected {
    let shards = loader::shards(x);
    let shards: Vec<_> = shards.iter().map(Vec::as_slice).collect();
    let found = [
        run::<MomentOp<Mean>>("{}", &shards).unwrap().collected,
        run::<MomentOp<MeanVectorNorm>>("{}", &shards).unwrap().collected,
        run::<MomentOp<MeanToRms>>("{}", &shards).unwrap().collected,
        run::<MomentOp<Norm>>("{}", &shards).unwrap().collected,
        run::<MomentOp<DimStd>>("{}", &shards).unwrap().collected,
        run::<MomentOp<ConstDims>>("{}", &shards).unwrap().collected,
        run::<MomentOp<MeanAbsCorrelation>>("{}", &shards).unwrap().collected,
        run::<MomentOp<OutlierDims3Sigma>>("{}", &shards).unwrap().collected,
        run::<MomentOp<OutlierDimsVar5x>>("{}", &shards).unwrap().collected,
        run::<MomentOp<MeanExcessKurtosis>>("{}", &shards).unwrap().collected,
        run::<MomentOp<ScatterFro>>("{}", &shards).unwrap().collected,
        run::<MomentOp<ScatterTrace>>("{}", &shards).unwrap().collected,
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
    let compared = loader::compare_family("moments.", all, &[]);
    assert_eq!(compared, 144);
}
