//! Which pairs count, and what is answered where no correlation is defined.
#![allow(clippy::unwrap_used, clippy::cast_possible_wrap)] // small ids

use isoscope_plugin_sdk::prelude::*;
use isoscope_plugin_sdk::testing::{OwnedBatch, batch_of, run};
use isoscope_sts::Sts;

/// One row per sentence; sentence s points at the angle `angles[s]`, a missing one has norm 0.
fn batch(angles: &[Option<f64>], first: i64, gold: &[Option<f64>]) -> OwnedBatch {
    let rows = Array2::from_shape_fn((angles.len(), 2), |(i, j)| match angles[i] {
        None => 0.0,
        Some(angle) if j == 0 => angle.cos(),
        Some(angle) => angle.sin(),
    });
    let ids: Vec<_> = (0..angles.len() as i64).map(|i| Some(first + i)).collect();
    let gold: Vec<_> = (0..angles.len()).map(|i| gold[i / 2]).collect();
    batch_of(&rows).i64s("sentence", &ids).f64s("gold", &gold)
}

fn angles(pairs: &[f64]) -> Vec<Option<f64>> {
    pairs.iter().flat_map(|a| [Some(0.3), Some(0.3 + a)]).collect()
}

#[test]
fn a_perfect_order_scores_one_hundred() {
    let gold = [Some(4.0), Some(3.0), Some(2.0), Some(0.5)];
    let found = run::<Sts>("{}", &[&[batch(&angles(&[0.1, 0.2, 0.3, 0.4]), 0, &gold)]]).unwrap().collected;
    assert!((found.value("sts.spearman").unwrap() - 100.0).abs() < 1e-12);
    assert!(found.value("sts.pearson").unwrap() < 100.0);
    assert_eq!(found.row("sts.spearman").unwrap().n, 4);
}

#[test]
fn pairs_that_cannot_be_scored_are_counted() {
    let mut a = angles(&[0.1, 0.2, 0.3, 0.4, 0.5]);
    a[3] = None;
    let gold = [Some(4.0), Some(3.0), Some(2.0), None, Some(0.5)];
    // The last sentence of the last pair has no rows at all.
    let found = run::<Sts>("{}", &[&[batch(&a[..9], 0, &gold)]]).unwrap().collected;
    assert_eq!(found.value("sts.pairs"), Some(2.0));
    assert_eq!(found.value("sts.skipped_pairs"), Some(3.0));
    assert_eq!(found.status("sts.spearman"), Some("fewer than 3 pairs could be scored"));
}

#[test]
fn a_constant_side_gives_a_reason() {
    let same = [Some(1.0); 4];
    let found = run::<Sts>("{}", &[&[batch(&angles(&[0.1, 0.2, 0.3, 0.4]), 0, &same)]]).unwrap().collected;
    assert_eq!(found.status("sts.spearman"), Some("all gold scores are equal"));
    let gold = [Some(4.0), Some(3.0), Some(2.0), Some(0.5)];
    let found = run::<Sts>("{}", &[&[batch(&angles(&[0.0; 4]), 0, &gold)]]).unwrap().collected;
    assert_eq!(found.status("sts.pearson"), Some("all cosines are equal"));
}

#[test]
fn the_order_of_shards_does_not_change_a_bit() {
    let gold = [Some(4.0), Some(1.0), Some(2.0)];
    let (a, b) = (batch(&angles(&[0.1, 0.9, 0.3]), 0, &gold), batch(&angles(&[0.2, 0.8, 0.7]), 6, &gold));
    let one = run::<Sts>("{}", &[std::slice::from_ref(&a), std::slice::from_ref(&b)]).unwrap().collected;
    let other = run::<Sts>("{}", &[std::slice::from_ref(&b), std::slice::from_ref(&a)]).unwrap().collected;
    assert_eq!(one, other);
}

#[test]
fn a_pair_split_over_batches_is_refused() {
    let gold = [Some(4.0), Some(1.0)];
    let a = angles(&[0.1, 0.9]);
    let split = [batch(&a[..3], 0, &gold), batch(&a[3..], 3, &gold)];
    let text = run::<Sts>("{}", &[&split]).unwrap_err().to_string();
    assert!(text.contains("pair 1") && text.contains("more than one batch"), "{text}");
}

#[test]
fn rows_without_a_sentence_are_left_out() {
    let gold = [Some(4.0), Some(3.0), Some(1.0)];
    let whole = run::<Sts>("{}", &[&[batch(&angles(&[0.1, 0.2, 0.3]), 0, &gold)]]).unwrap().collected;
    let mut rows = Array2::zeros((7, 2));
    let mut ids = vec![None];
    for (i, a) in angles(&[0.1, 0.2, 0.3]).into_iter().flatten().enumerate() {
        rows[[i + 1, 0]] = a.cos();
        rows[[i + 1, 1]] = a.sin();
        ids.push(Some(i as i64));
    }
    rows[[0, 0]] = 100.0;
    let gold: Vec<_> = [0, 0, 0, 1, 1, 2, 2].iter().map(|p| gold[*p]).collect();
    let padded = batch_of(&rows).i64s("sentence", &ids).f64s("gold", &gold);
    assert_eq!(run::<Sts>("{}", &[&[padded]]).unwrap().collected, whole);
}
