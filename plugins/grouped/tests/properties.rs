//! Declared invariances, merging, and degenerate clouds, for every op of the family.
#![allow(clippy::unwrap_used)]

#[path = "../../../tests/golden/properties.rs"]
mod properties;

mod keyed;

use isoscope_grouped::*;
use isoscope_plugin_sdk::prelude::*;
use keyed::{Keyed, measure};
use properties::{Random, assert_same};

fn cloud(seed: u64, n: usize, d: usize) -> Keyed {
    Keyed::regular(Random::new(seed).cloud(n, d), 5)
}

fn keeps<T: Op>(params: &str, seed: u64, keyed: &Keyed) {
    let before = measure::<T>(params, &keyed.whole());
    let mut random = Random::new(!seed);
    for output in T::META.outputs {
        for invariance in output.invariant {
            let changed = if *invariance == Invariance::Permutation {
                // 7 is prime to the numbers of rows below: every row comes once.
                let n = keyed.rows.nrows();
                keyed.reordered(&(0..n).map(|i| (i * 7 + 3) % n).collect::<Vec<_>>())
            } else {
                Keyed { rows: random.change(&keyed.rows, *invariance), ..keyed.clone() }
            };
            let after = measure::<T>(params, &changed.whole());
            assert_same(&before, &after, Some(output.id), &format!("{} under {invariance:?}", output.id));
        }
    }
}

fn merges<T: Op>(params: &str, keyed: &Keyed) {
    let n = keyed.rows.nrows();
    let parts = measure::<T>(params, &keyed.cut(&[n / 4, n / 3, n / 2]));
    assert_same(&measure::<T>(params, &keyed.whole()), &parts, None, T::META.id);
}

fn answers<T: Op>(params: &str, what: &str, keyed: &Keyed) {
    let found = measure::<T>(params, &keyed.whole());
    for output in T::META.outputs {
        let start = output.id.trim_end_matches('*');
        let of_output: Vec<_> = found.rows.iter().filter(|row| row.metric.starts_with(start)).collect();
        assert!(!of_output.is_empty(), "{} on {what}: nothing written", output.id);
        for row in of_output {
            assert!(row.status != "the value is not finite", "{what}: {row:?}");
        }
    }
}

#[test]
fn every_op_keeps_its_values_under_the_declared_changes() {
    proptest::proptest!(proptest::prelude::ProptestConfig::with_cases(12), |(seed: u64, n in 8_usize..13, d in 2_usize..6)| {
        let n = 2 * n - usize::from(n % 7 == 0);
        let keyed = cloud(seed, n, d);
        each_op!(keeps, seed, &keyed);
    });
}

#[test]
fn parts_merge_to_the_whole_for_every_op() {
    proptest::proptest!(proptest::prelude::ProptestConfig::with_cases(12), |(seed: u64, n in 2_usize..40, d in 1_usize..6)| {
        let keyed = cloud(seed, n, d);
        each_op!(merges, &keyed);
    });
}

#[test]
fn degenerate_clouds_give_values_or_reasons_for_every_op() {
    for (what, rows) in [
        ("no rows", Array2::zeros((0, 3))),
        ("one row", Array2::from_elem((1, 3), 0.7)),
        ("two rows", Array2::from_shape_fn((2, 4), |(i, j)| (i * 4 + j) as f64 * 0.37 - 1.0)),
        ("equal rows", Array2::from_shape_fn((17, 3), |(_, j)| 0.1 + j as f64 / 3.0)),
        ("zero rows", Array2::zeros((15, 3))),
        ("one dimension", Array2::from_shape_fn((16, 1), |(i, _)| i as f64 - 2.2)),
        (
            "one varying dimension",
            Array2::from_shape_fn((16, 3), |(i, j)| if j == 1 { i as f64 } else { 0.3 }),
        ),
        ("opposite rows", Array2::from_shape_fn((8, 2), |(i, _)| if i % 2 == 0 { 1.0 } else { -1.0 })),
        ("huge rows", Array2::from_shape_fn((14, 3), |(i, j)| 1e38 * ((i * 3 + j) % 5) as f64)),
        ("tiny rows", Array2::from_shape_fn((14, 3), |(i, j)| 1e-38 * ((i * 3 + j) % 5) as f64)),
    ] {
        let keyed = Keyed::regular(rows, 3);
        each_op!(answers, what, &keyed);
    }
}
