//! Runs of ops over two row-aligned clouds, whole and cut into shards.
#![allow(dead_code, clippy::unwrap_used, clippy::missing_panics_doc)]

use isoscope_compare::*;
use isoscope_plugin_sdk::prelude::*;
use isoscope_plugin_sdk::testing::{Collected, OwnedBatch, batch_of_views, run};
use ndarray::{Axis, Slice};

/// Cuts rows out of both clouds.
pub(crate) fn cut(a: &Array2<f64>, b: &Array2<f64>, from: usize, to: usize) -> OwnedBatch {
    let part = |x: &Array2<f64>| x.slice_axis(Axis(0), Slice::from(from..to)).to_owned();
    batch_of_views(&[&part(a), &part(b)]).first_row(from as u64)
}

/// Runs one op over one batch.
pub(crate) fn whole<T: Op>(params: &str, a: &Array2<f64>, b: &Array2<f64>) -> Collected {
    run::<T>(params, &[&[batch_of_views(&[a, b])]]).unwrap().collected
}

/// Runs one op over shards of uneven batches, some of them empty, the last shard before the middle one.
pub(crate) fn in_shards<T: Op>(params: &str, a: &Array2<f64>, b: &Array2<f64>) -> Collected {
    let n = a.nrows();
    let (p, q, r) = (n / 5, n / 3, 2 * n / 3);
    let shards: [&[OwnedBatch]; 4] =
        [&[cut(a, b, 0, p), cut(a, b, p, q)], &[], &[cut(a, b, r, n)], &[cut(a, b, q, q), cut(a, b, q, r)]];
    run::<T>(params, &shards).unwrap().collected
}

/// Runs one op of the family; the op is chosen by its id, so that tests can loop over all of them.
pub(crate) type Runner = fn(&str, &Array2<f64>, &Array2<f64>) -> Collected;

/// All ops of the family, over one batch.
pub(crate) const WHOLE: [(&str, Runner); 5] = [
    (<Cross as Op>::META.id, whole::<Cross>),
    (<Aligned as Op>::META.id, whole::<Aligned>),
    (<Neighbours as SampleMetric>::META.id, whole::<SampleOp<Neighbours>>),
    (<Rsa as SampleMetric>::META.id, whole::<SampleOp<Rsa>>),
    (<Kernels as SampleMetric>::META.id, whole::<SampleOp<Kernels>>),
];

/// All ops of the family, over shards.
pub(crate) const IN_SHARDS: [(&str, Runner); 5] = [
    (<Cross as Op>::META.id, in_shards::<Cross>),
    (<Aligned as Op>::META.id, in_shards::<Aligned>),
    (<Neighbours as SampleMetric>::META.id, in_shards::<SampleOp<Neighbours>>),
    (<Rsa as SampleMetric>::META.id, in_shards::<SampleOp<Rsa>>),
    (<Kernels as SampleMetric>::META.id, in_shards::<SampleOp<Kernels>>),
];

/// Everything that some runs wrote, with default parameters.
pub(crate) fn all(ops: &[(&str, Runner)], a: &Array2<f64>, b: &Array2<f64>) -> Collected {
    let mut all = Collected::default();
    for (_, run) in ops {
        all.rows.extend(run("{}", a, b).rows);
    }
    all
}

/// Describes all outputs of the family.
pub(crate) fn outputs() -> Vec<Output> {
    [
        <Cross as Op>::META.outputs,
        <Aligned as Op>::META.outputs,
        <Neighbours as SampleMetric>::META.outputs,
        <Rsa as SampleMetric>::META.outputs,
        <Kernels as SampleMetric>::META.outputs,
    ]
    .concat()
}
