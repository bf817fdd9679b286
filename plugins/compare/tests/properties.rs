//! Declared invariances, symmetry, ideal values and merging, for every op of the family.
#![allow(clippy::unwrap_used)]

#[path = "../../../tests/golden/properties.rs"]
mod properties;
mod two_views;

use isoscope_plugin_sdk::prelude::*;
use isoscope_plugin_sdk::testing::{Collected, product};
use properties::{Random, assert_same};
use proptest::prelude::*;
use two_views::{IN_SHARDS, WHOLE, all, outputs};

/// Two clouds of equal width that have something in common.
fn related(random: &mut Random, n: usize, d: usize) -> (Array2<f64>, Array2<f64>) {
    let a = random.cloud(n, d);
    let mut b = product(a.view(), random.rotation(d).view());
    b.iter_mut().for_each(|v| *v += random.next());
    (a, b)
}

/// Makes the same change to both clouds.
fn change_both(
    random: &mut Random,
    (a, b): (&Array2<f64>, &Array2<f64>),
    invariance: Invariance,
) -> (Array2<f64>, Array2<f64>) {
    let seed = 1 + (random.next().abs() * 1e6) as u64;
    (Random::new(seed).change(a, invariance), Random::new(seed).change(b, invariance))
}

/// Compares values at a tolerance that leaves room for whitening, whose error grows with the condition of
/// small clouds.
fn assert_close(a: &Collected, b: &Collected, ids: (&str, &str), what: &str) {
    let covers =
        |id: &str, metric: &str| id.strip_suffix('*').map_or(metric == id, |start| metric.starts_with(start));
    let row =
        |from: &Collected, id: &str| from.rows.iter().find(|row| covers(id, &row.metric)).unwrap().clone();
    let (x, y) = (row(a, ids.0), row(b, ids.1));
    assert_eq!((x.value.is_some(), x.n), (y.value.is_some(), y.n), "{what}: {x:?} against {y:?}");
    let (x, y) = (x.value.unwrap_or(0.0), y.value.unwrap_or(0.0));
    assert!((x - y).abs() <= 1e-7 * (1.0 + x.abs()), "{what}: {} {x} against {} {y}", ids.0, ids.1);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(12))]

    #[test]
    fn the_declared_changes_of_both_clouds_keep_the_value(seed: u64, n in 3_usize..40, d in 2_usize..7) {
        let mut random = Random::new(seed);
        let (a, b) = related(&mut random, n, d);
        let before = all(&WHOLE, &a, &b);
        for invariance in
            [Invariance::Rotation, Invariance::Translation, Invariance::Scale, Invariance::Permutation]
        {
            let (a, b) = change_both(&mut random, (&a, &b), invariance);
            let after = all(&WHOLE, &a, &b);
            for output in outputs().iter().filter(|output| output.invariant.contains(&invariance)) {
                assert_close(&before, &after, (output.id, output.id), &format!("{invariance:?}"));
            }
        }
    }

    #[test]
    fn a_change_of_one_cloud_keeps_what_compares_shapes(seed: u64, n in 30_usize..50, d in 2_usize..6) {
        let mut random = Random::new(seed);
        let (a, b) = related(&mut random, n, d);
        let before = all(&WHOLE, &a, &b);
        let shapes = [
            "compare.cka_linear", "compare.cka_debiased", "compare.cca_mean", "compare.cca_mean_sq", "compare.svcca_*",
            "compare.procrustes_normalized", "compare.angular_shape", "compare.linear_regression_r2",
            "compare.rsa_euclid_spearman", "compare.cka_rbf_median", "compare.distance_correlation",
        ];
        let directions = [
            "compare.aligned_cosine", "compare.mutual_knn_cos_k*", "compare.jaccard_knn_cos_k*",
            "compare.second_order_cos_k*", "compare.rsa_cos_pearson",
        ];
        for invariance in [Invariance::Rotation, Invariance::Translation, Invariance::Scale] {
            let moved = random.change(&b, invariance);
            let after = all(&WHOLE, &a, &moved);
            let of_directions = directions.iter().filter(|_| invariance != Invariance::Translation);
            for id in shapes.iter().chain(of_directions) {
                assert_close(&before, &after, (id, id), &format!("{invariance:?} of B"));
            }
        }
    }

    #[test]
    fn swapping_the_clouds_swaps_the_two_that_have_a_side_and_keeps_the_rest(seed: u64, n in 3_usize..40, d in 1_usize..7) {
        let mut random = Random::new(seed);
        let (a, b) = related(&mut random, n, d);
        let (forth, back) = (all(&WHOLE, &a, &b), all(&WHOLE, &b, &a));
        for output in outputs() {
            let swapped = match output.id {
                "compare.pwcca" => "compare.pwcca_swapped",
                "compare.pwcca_swapped" => "compare.pwcca",
                "compare.rank_a" => "compare.rank_b",
                "compare.rank_b" => "compare.rank_a",
                "compare.linear_regression_r2" => continue,
                id => id,
            };
            assert_close(&forth, &back, (output.id, swapped), "swapped");
        }
    }

    #[test]
    fn a_cloud_compared_with_itself_has_the_ideal_values(seed: u64, n in 20_usize..40, d in 2_usize..8) {
        let a = Random::new(seed).cloud(n, d);
        let found = all(&WHOLE, &a, &a);
        let exact = [("compare.procrustes_size_shape", 0.0), ("compare.procrustes_normalized", 0.0),
            ("compare.angular_shape", 0.0), ("compare.frechet_sq", 0.0), ("compare.mean_shift", 0.0),
            ("compare.rsm_norm_diff", 0.0), ("compare.mutual_knn_cos_k10", 1.0),
            ("compare.mutual_knn_ip_normalized_k10", 1.0), ("compare.jaccard_knn_cos_k10", 1.0)];
        for (id, ideal) in exact {
            prop_assert!((found.value(id).unwrap() - ideal).abs() <= 0.0, "{} {:?}", id, found.value(id));
        }
        for id in ["cka_linear", "cka_debiased", "cka_debiased_single_pass", "cca_mean", "cca_mean_sq", "svcca_0.99",
            "pwcca", "pwcca_swapped", "linear_regression_r2", "row_cosine_mean", "aligned_cosine", "rsa_corr_spearman",
            "rsa_cos_pearson", "rsa_euclid_spearman", "cka_rbf_median", "distance_correlation", "second_order_cos_k10"] {
            let row = found.row(&format!("compare.{id}")).unwrap();
            // Rows of two dimensions correlate by 1 or -1.
            if d == 2 && id == "rsa_corr_spearman" { continue }
            prop_assert!(row.value.is_some_and(|v| (v - 1.0).abs() < 1e-11), "{:?}", row);
        }
    }

    #[test]
    fn shards_batches_and_empty_pieces_give_what_the_whole_gives(seed: u64, n in 1_usize..40, d in 1_usize..6) {
        let mut random = Random::new(seed);
        let (a, b) = (random.cloud(n, d), random.cloud(n, d + (seed % 2) as usize));
        assert_same(&all(&WHOLE, &a, &b), &all(&IN_SHARDS, &a, &b), None, "shards");
    }
}

#[test]
fn sums_of_clouds_far_from_the_origin_keep_their_digits() {
    let mut random = Random::new(7);
    let (a, b) = related(&mut random, 60, 4);
    let (far_a, far_b) = (&a + 1e6, &b - 3e6);
    let (near, far) = (all(&IN_SHARDS, &a, &b), all(&IN_SHARDS, &far_a, &far_b));
    for id in [
        "cka_linear",
        "cka_debiased",
        "cca_mean",
        "procrustes_normalized",
        "rsa_euclid_spearman",
        "cka_rbf_median",
    ] {
        let id = format!("compare.{id}");
        assert_close(&near, &far, (&id, &id), "far from the origin");
    }
}
