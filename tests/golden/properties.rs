//! Properties that hold for every metric: declared invariances, parts that merge to the whole, and degenerate clouds
//! that give values or reasons.
//!
//! Plugin crates include this file in their tests by path.
#![allow(dead_code, clippy::unwrap_used, clippy::expect_used, clippy::missing_panics_doc)]

use isoscope_plugin_sdk::prelude::*;
use isoscope_plugin_sdk::testing::{Collected, OwnedBatch, batch_of, product, run};
use ndarray::{Array, Axis, Slice};

/// A small generator of numbers (xorshift64*); the same seed gives the same cloud.
pub(crate) struct Random(u64);

impl Random {
    pub(crate) fn new(seed: u64) -> Self {
        Self(seed.wrapping_mul(0x9E37_79B9_7F4A_7C15) | 1)
    }

    /// Draws a number in (-1, 1), nearly uniform.
    pub(crate) fn next(&mut self) -> f64 {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        (self.0.wrapping_mul(0x2545_F491_4F6C_DD1D) >> 11) as f64 / (1_u64 << 52) as f64 - 1.0
    }

    /// Draws an anisotropic cloud with a mean.
    pub(crate) fn cloud(&mut self, n: usize, d: usize) -> Array2<f64> {
        let mean: Vec<f64> = (0..d).map(|_| self.next()).collect();
        let spread: Vec<f64> = (0..d).map(|j| 0.5 + 1.5 * j as f64 + self.next().abs()).collect();
        Array2::from_shape_fn((n, d), |(_, j)| mean[j] + spread[j] * (self.next() + self.next()))
    }

    /// Draws an orthogonal matrix: a product of reflections.
    pub(crate) fn rotation(&mut self, d: usize) -> Array2<f64> {
        let mut q = Array2::eye(d);
        for _ in 0..d {
            let v: Array1<f64> = (0..d).map(|_| self.next()).collect();
            let reflection = Array2::eye(d)
                - Array::from_shape_fn((d, d), |(i, j)| {
                    2.0 * v[i] * v[j] / v.iter().map(|x| x * x).sum::<f64>()
                });
            q = product(q.view(), reflection.view());
        }
        q
    }

    /// Changes a cloud in a way that the invariance names.
    pub(crate) fn change(&mut self, x: &Array2<f64>, invariance: Invariance) -> Array2<f64> {
        match invariance {
            Invariance::Rotation => product(x.view(), self.rotation(x.ncols()).view()),
            Invariance::Translation => {
                x + &(0..x.ncols()).map(|_| 3.0 * self.next()).collect::<Array1<f64>>()
            }
            Invariance::Scale => x * (0.2 + 3.0 * self.next().abs()),
            Invariance::Permutation => {
                let mut order: Vec<usize> = (0..x.nrows()).collect();
                for i in (1..order.len()).rev() {
                    let draw = self.next().abs() * (i + 1) as f64;
                    order.swap(i, (0..i).take_while(|j| (j + 1) as f64 <= draw).count());
                }
                x.select(Axis(0), &order)
            }
        }
    }
}

/// Asserts that two runs wrote the same, up to rounding; `id` restricts the comparison to one output.
pub(crate) fn assert_same(a: &Collected, b: &Collected, id: Option<&str>, what: &str) {
    let wanted = |metric: &str| {
        id.is_none_or(|id| id.strip_suffix('*').map_or(metric == id, |s| metric.starts_with(s)))
    };
    let close = |a: f64, b: f64| (a - b).abs() <= 1e-9 + 1e-8 * a.abs().max(b.abs());
    let (x, y): (Vec<_>, Vec<_>) = (
        a.rows.iter().filter(|r| wanted(&r.metric)).collect(),
        b.rows.iter().filter(|r| wanted(&r.metric)).collect(),
    );
    assert_eq!(x.len(), y.len(), "{what}: other rows");
    for (x, y) in x.iter().zip(&y) {
        assert_eq!((&x.metric, &x.part, &x.status, x.n), (&y.metric, &y.part, &y.status, y.n), "{what}");
        assert!(
            close(x.value.unwrap_or(0.0), y.value.unwrap_or(0.0)),
            "{what}: {} {}: {:?} against {:?}",
            x.metric,
            x.part,
            x.value,
            y.value
        );
    }
    let (x, y): (Vec<_>, Vec<_>) = (
        a.series.iter().filter(|s| wanted(&s.metric)).collect(),
        b.series.iter().filter(|s| wanted(&s.metric)).collect(),
    );
    assert_eq!(x.len(), y.len(), "{what}: other series");
    for (x, y) in x.iter().zip(&y) {
        assert_eq!(
            (&x.metric, &x.part, &x.status, x.values.len()),
            (&y.metric, &y.part, &y.status, y.values.len())
        );
        assert!(
            x.values.iter().zip(&y.values).all(|(a, b)| close(*a, *b)),
            "{what}: {}: {:?} against {:?}",
            x.metric,
            x.values,
            y.values
        );
    }
}

fn whole<T: Op>(x: &Array2<f64>) -> Collected {
    run::<T>("{}", &[&[batch_of(x)]]).unwrap().collected
}

/// Asserts that every output keeps its value under the changes that it declares itself invariant to.
pub(crate) fn assert_invariant<T: Op>(seed: u64, n: usize, d: usize) {
    let mut random = Random::new(seed);
    let x = random.cloud(n, d);
    let before = whole::<T>(&x);
    for output in T::META.outputs {
        for invariance in output.invariant {
            let after = whole::<T>(&random.change(&x, *invariance));
            assert_same(&before, &after, Some(output.id), &format!("{} under {invariance:?}", output.id));
        }
    }
}

/// Asserts that shards, batches and empty pieces give what the whole gives.
pub(crate) fn assert_merges<T: Op>(seed: u64, n: usize, d: usize) {
    let x = Random::new(seed).cloud(n, d);
    let piece = |from: usize, to: usize| -> OwnedBatch {
        batch_of(&x.slice_axis(Axis(0), Slice::from(from..to)).to_owned()).first_row(from as u64)
    };
    let (a, b) = (n / 3, n / 2);
    let parts =
        run::<T>("{}", &[&[piece(0, a), piece(a, b)], &[], &[piece(b, b), piece(b, n)]]).unwrap().collected;
    assert_same(&whole::<T>(&x), &parts, None, T::META.id);
}

/// Asserts that degenerate clouds give values or nulls with a reason for every output, and no error.
pub(crate) fn assert_degenerate_clouds_are_data<T: Op>() {
    let clouds = [
        ("no rows", Array2::zeros((0, 3))),
        ("one row", Array2::from_elem((1, 3), 0.7)),
        ("equal rows", Array2::from_shape_fn((7, 3), |(_, j)| 0.1 + j as f64 / 3.0)),
        ("zero rows", Array2::zeros((5, 3))),
        ("one dimension", Array2::from_shape_fn((6, 1), |(i, _)| i as f64 - 2.2)),
        ("one dimension, equal rows", Array2::from_elem((6, 1), 0.1)),
        (
            "one varying dimension",
            Array2::from_shape_fn((6, 3), |(i, j)| if j == 1 { i as f64 } else { 0.3 }),
        ),
        ("two rows", Array2::from_shape_fn((2, 4), |(i, j)| (i * 4 + j) as f64 * 0.37 - 1.0)),
        ("opposite rows", Array2::from_shape_fn((2, 2), |(i, _)| if i == 0 { 1.0 } else { -1.0 })),
        ("huge rows", Array2::from_shape_fn((4, 3), |(i, j)| 1e38 * ((i * 3 + j) % 5) as f64)),
        ("tiny rows", Array2::from_shape_fn((4, 3), |(i, j)| 1e-38 * ((i * 3 + j) % 5) as f64)),
    ];
    for (what, x) in &clouds {
        let found = match run::<T>("{}", &[&[batch_of(x)]]) {
            Ok(finished) => finished.collected,
            Err(e) => panic!("{} on {what}: {e}", T::META.id),
        };
        for output in T::META.outputs {
            let start = output.id.trim_end_matches('*');
            assert!(
                found.rows.iter().any(|r| r.metric.starts_with(start))
                    || found.series.iter().any(|s| s.metric.starts_with(start)),
                "{} on {what}: nothing written for {}",
                T::META.id,
                output.id
            );
        }
        for row in &found.rows {
            assert!(row.status != "the value is not finite", "{} on {what}: {row:?}", T::META.id);
        }
        for series in &found.series {
            assert!(
                !series.status.contains("not finite") || series.status.contains("1e12"),
                "{what}: {series:?}"
            );
        }
    }
}

/// Runs the three properties over some random clouds and the degenerate ones.
#[macro_export]
macro_rules! metric_properties {
    ($($name:ident: $op:ty),+ $(,)?) => {$(
        mod $name {
            use super::*;

            #[test]
            fn keeps_its_value_under_the_declared_changes() {
                proptest::proptest!(proptest::prelude::ProptestConfig::with_cases(12), |(seed: u64, n in 2_usize..24, d in 1_usize..6)| {
                    properties::assert_invariant::<$op>(seed, n, d);
                });
            }

            #[test]
            fn parts_merge_to_the_whole() {
                proptest::proptest!(proptest::prelude::ProptestConfig::with_cases(12), |(seed: u64, n in 2_usize..24, d in 1_usize..6)| {
                    properties::assert_merges::<$op>(seed, n, d);
                });
            }

            #[test]
            fn degenerate_clouds_give_values_or_reasons() {
                properties::assert_degenerate_clouds_are_data::<$op>();
            }
        }
    )+};
}
