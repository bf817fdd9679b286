//! Rows without direction, pairs that cannot be looked up, and similarities that do not vary.
#![allow(clippy::unwrap_used)]

#[path = "../../../tests/golden/properties.rs"]
mod properties;

use isoscope_pairs::*;
use isoscope_plugin_sdk::prelude::*;
use isoscope_plugin_sdk::testing::{Collected, OwnedBatch, batch_of, run};

fn measure<T: Op>(params: &str, x: &Array2<f64>) -> Collected {
    run::<T>(params, &[&[batch_of(x)]]).unwrap().collected
}

fn with_zero_row() -> Array2<f64> {
    Array2::from_shape_fn((4, 2), |(i, j)| [[1.0, 0.0], [0.0, 2.0], [0.0, 0.0], [3.0, 0.0]][i][j])
}

#[test]
fn pairs_with_a_zero_row_are_skipped_and_counted() {
    let found = measure::<SampleOp<SampledCosine>>(r#"{"pairs": [0, 1, 0, 3, 2, 1]}"#, &with_zero_row());
    assert_eq!(found.value("pairs.sampled_avg_cosine"), Some(0.5));
    assert_eq!(found.value("pairs.sampled_skipped_pairs"), Some(1.0));
    assert_eq!(found.row("pairs.sampled_avg_cosine").unwrap().n, 2);
}

#[test]
fn zero_rows_leave_the_uniformity_of_the_others() {
    let found = measure::<SampleOp<Uniformity>>("{}", &with_zero_row());
    let expected = ((1.0 + 2.0 * (-4.0_f64).exp()) / 3.0).ln();
    assert!((found.value("pairs.uniformity_t2").unwrap() - expected).abs() < 1e-15);
    assert_eq!(found.value("pairs.uniformity_zero_rows"), Some(1.0));
    assert_eq!(found.row("pairs.uniformity_t2").unwrap().n, 3);
}

#[test]
fn uniformity_keeps_its_digits_when_all_directions_nearly_agree() {
    // Angles of 1e-9: squared distances of 1e-18 are far below the roundoff of the cosines.
    let x = Array2::from_shape_fn((3, 2), |(i, j)| if j == 0 { 1.0 } else { 1e-9 * i as f64 });
    let found = measure::<SampleOp<Uniformity>>("{}", &x).value("pairs.uniformity_t2").unwrap();
    let expected = -2.0 * (1.0 + 1.0 + 4.0) * 1e-18 / 3.0;
    assert!((found / expected - 1.0).abs() < 1e-6, "{found} against {expected}");
}

#[test]
fn a_given_row_that_is_not_in_the_sample_leaves_no_value() {
    let reason = "row 9 of the given pairs is not in the sample of 4 rows";
    let params = r#"{"pairs": [0, 1, 9, 3]}"#;
    let x = with_zero_row();
    let found = measure::<SampleOp<SampledCosine>>(params, &x);
    assert_eq!(found.status("pairs.sampled_avg_cosine"), Some(reason));
    assert_eq!(measure::<SampleOp<ContributingDims>>(params, &x).series[0].status, reason);
    assert!(measure::<SampleOp<InformativityL2>>(params, &x).rows.iter().all(|row| row.status == reason));
}

#[test]
fn given_pairs_are_looked_up_by_global_row() {
    let batch = batch_of(&with_zero_row()).i64s("row", &[Some(70), Some(10), Some(30), Some(50)]);
    let found = run::<SampleOp<SampledCosine>>(r#"{"pairs": [70, 50]}"#, &[&[batch]]).unwrap().collected;
    assert_eq!(found.value("pairs.sampled_avg_cosine"), Some(1.0));
}

#[test]
fn deletions_that_leave_no_dimension_and_constant_similarities_have_reasons() {
    let x = properties::Random::new(6).cloud(20, 3);
    let found = measure::<SampleOp<Informativity>>("{}", &x);
    let status = |found: &Collected, part: &str| {
        found.rows.iter().find(|row| row.part == part).map(|row| row.status.clone()).unwrap()
    };
    assert!(found.part("pairs.informativity_r2", "1").is_some());
    assert_eq!(status(&found, "3"), "of 3 dimensions none would remain");
    // All rows on one ray: all cosines are 1.
    let ray = Array2::from_shape_fn((9, 7), |(i, j)| (1.0 + i as f64) * (0.3 + j as f64));
    assert_eq!(status(&measure::<SampleOp<Informativity>>("{}", &ray), "1"), "all cosines are equal");
    // Only dimension 2 varies.
    let line = Array2::from_shape_fn((9, 7), |(i, j)| if j == 2 { i as f64 } else { 0.5 });
    let found = measure::<SampleOp<InformativityL2>>("{}", &line);
    assert_eq!(status(&found, "1"), "all distances without the top dimensions are equal");
    let found = measure::<SampleOp<InformativityL2>>(r#"{"pairs": [0, 1, 1, 2]}"#, &line);
    assert_eq!(status(&found, "3"), "fewer than 3 pairs have distances");
}

/// Pairs of sentences on the plane at the given angles.
fn sentences(angles: &[Option<f64>], gold: &[Option<f64>], first: i64) -> OwnedBatch {
    let rows = Array2::from_shape_fn((angles.len(), 2), |(i, j)| match angles[i] {
        None => 0.0,
        Some(angle) if j == 0 => angle.cos(),
        Some(angle) => angle.sin(),
    });
    let ids: Vec<_> = (first..).take(angles.len()).map(Some).collect();
    let gold: Vec<_> = (0..angles.len()).map(|i| gold[i / 2]).collect();
    batch_of(&rows).i64s("sentence", &ids).f64s("gold", &gold)
}

#[test]
fn alignment_takes_positive_pairs_and_counts_those_that_cannot_be_scored() {
    let angles = [
        Some(0.0),
        Some(std::f64::consts::FRAC_PI_2),
        Some(0.2),
        Some(0.9),
        Some(0.4),
        None,
        Some(1.0),
        Some(1.0),
    ];
    let gold = [Some(4.5), Some(4.0), Some(5.0), None];
    let found = run::<Alignment>("{}", &[&[sentences(&angles, &gold, 0)]]).unwrap().collected;
    assert!((found.value("pairs.alignment_gold_gt4").unwrap() - 2.0).abs() < 1e-15);
    assert_eq!(found.value("pairs.alignment_pairs"), Some(1.0));
    assert_eq!(found.value("pairs.alignment_skipped_pairs"), Some(2.0));
    assert_eq!(found.row("pairs.alignment_gold_gt4").unwrap().std_err, None);
}

#[test]
fn another_threshold_names_its_output() {
    let batch = sentences(&[Some(0.0), Some(0.0), Some(0.0), Some(1.0)], &[Some(4.5), Some(3.9)], 0);
    let found = run::<Alignment>(r#"{"threshold": 3.5}"#, &[&[batch]]).unwrap().collected;
    assert!(found.value("pairs.alignment_gold_gt3.5").is_some());
    let batch = sentences(&[Some(0.0), Some(0.0)], &[Some(4.0)], 0);
    let found = run::<Alignment>("{}", &[&[batch]]).unwrap().collected;
    assert_eq!(found.status("pairs.alignment_gold_gt4"), Some("no pair has a gold similarity above 4"));
}

#[test]
fn a_sentence_pair_in_two_batches_is_refused() {
    let (a, b) = (sentences(&[Some(0.0)], &[Some(1.0)], 0), sentences(&[Some(1.0)], &[Some(1.0)], 1));
    let text = run::<Alignment>("{}", &[&[a], &[b]]).unwrap_err().to_string();
    assert!(text.contains("sentence pair 0") && text.contains("more than one batch"), "{text}");
}
