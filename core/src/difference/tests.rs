#![allow(clippy::unwrap_used)]

use super::*;
use crate::result::Key;
use approx::assert_abs_diff_eq;

fn row(model: &str, space: &str, metric: &str, value: Result<f64, &str>) -> Measurement {
    let key = Key {
        study: "s".into(),
        model: model.into(),
        dataset: "d".into(),
        layer: 3,
        other: String::new(),
        other_layer: 3,
        by: String::new(),
        group: String::new(),
        space: space.into(),
        metric: metric.into(),
        weights_digest: String::new(),
        model_revision: String::new(),
        dataset_digest: String::new(),
        unit: "token".into(),
        pooling: String::new(),
        token_policy: String::new(),
        chain: "[]".into(),
        definition: 1,
        params: "{}".into(),
        plugin: String::new(),
        plugin_digest: String::new(),
        d: 4,
        seed: 0,
        numerics_class: String::new(),
        plan_digest: String::new(),
    };
    Measurement {
        key,
        part: String::new(),
        value: value.ok(),
        status: value.err().unwrap_or(OK).into(),
        std_err: None,
        std_err_kind: String::new(),
        n: 9,
    }
}

const BLOCKS: [u64; 3] = [2, 2, 2];

fn replicated<'a>(row: &'a Measurement, replicates: &'a [f64]) -> Replicated<'a> {
    Replicated { row, replicates, blocks: &BLOCKS }
}

#[test]
fn what_the_blocks_do_to_both_values_cancels() {
    let (base, tuned) = (row("pre", RAW, "m", Ok(1.0)), row("ft", RAW, "m", Ok(3.0)));
    let found =
        differences(&[replicated(&base, &[0.0, 1.0, 2.0]), replicated(&tuned, &[1.9, 3.0, 4.1])], "pre");
    let [one] = found.as_slice() else { panic!("{found:?}") };
    assert_eq!(
        (one.kind, one.key.model.as_str(), one.baseline.as_str()),
        (DifferenceKind::Model, "ft", "pre")
    );
    assert_eq!((one.difference, one.status.as_str(), one.blocks), (Some(2.0), OK, 3));
    // Paired replicates 1.9, 2.0, 2.1: √(2/3 · 0.02); each side alone would have ten times that.
    assert_abs_diff_eq!(one.std_err.unwrap(), (2.0_f64 / 3.0 * 0.02).sqrt(), epsilon = 1e-12);
    assert_abs_diff_eq!(one.z.unwrap(), 2.0 / one.std_err.unwrap(), epsilon = 1e-12);
}

#[test]
fn p_is_the_two_sided_normal_one() {
    let (base, tuned) = (row("pre", RAW, "m", Ok(0.0)), row("ft", RAW, "m", Ok(1.0)));
    let spread = 1.959_963_984_540_054_f64.recip() * 1.5_f64.sqrt() / 2.0_f64.sqrt();
    let around = [1.0 - spread, 1.0, 1.0 + spread];
    let found = differences(&[replicated(&base, &[0.0; 3]), replicated(&tuned, &around)], "pre");
    assert_abs_diff_eq!(found[0].p.unwrap(), 0.05, epsilon = 1e-12);
}

#[test]
fn an_enhanced_space_is_held_against_raw_for_the_same_encoder() {
    let rows = [
        row("pre", RAW, "m", Ok(1.0)),
        row("pre", "zca", "m", Ok(1.5)),
        row("ft", RAW, "m", Ok(2.0)),
        row("ft", "zca", "m", Ok(2.25)),
    ];
    let replicates = [[0.9, 1.0, 1.1], [1.5, 1.4, 1.6], [2.0, 1.9, 2.1], [2.2, 2.3, 2.25]];
    let values: Vec<_> = rows.iter().zip(&replicates).map(|(row, r)| replicated(row, r)).collect();
    let found: Vec<_> = differences(&values, "pre")
        .into_iter()
        .map(|row| (row.key.model, row.key.space, row.kind, row.baseline, row.difference))
        .collect();
    let expected = [
        ("ft", RAW, DifferenceKind::Model, "pre", 1.0),
        ("ft", "zca", DifferenceKind::Model, "pre", 0.75),
        ("ft", "zca", DifferenceKind::Space, RAW, 0.25),
        ("pre", "zca", DifferenceKind::Space, RAW, 0.5),
    ];
    let expected =
        expected.map(|(m, s, kind, base, by)| (m.to_owned(), s.to_owned(), kind, base.to_owned(), Some(by)));
    assert_eq!(found, expected);
}

#[test]
fn the_order_of_the_values_does_not_matter() {
    let rows = [row("b", RAW, "m", Ok(1.0)), row("a", RAW, "m", Ok(2.0)), row("c", RAW, "m", Ok(4.0))];
    let replicates = [[0.9, 1.0, 1.1], [2.0, 1.9, 2.1], [4.5, 4.0, 3.5]];
    let mut values: Vec<_> = rows.iter().zip(&replicates).map(|(row, r)| replicated(row, r)).collect();
    let found = differences(&values, "b");
    values.reverse();
    assert_eq!(differences(&values, "b"), found);
    assert_eq!(found.len(), 2);
}

#[test]
fn a_family_is_one_metric_of_one_kind() {
    let rows = [
        row("pre", RAW, "m", Ok(0.0)),
        row("a", RAW, "m", Ok(0.2)),
        row("b", RAW, "m", Ok(0.3)),
        row("pre", RAW, "n", Ok(0.0)),
        row("a", RAW, "n", Ok(0.2)),
    ];
    let (flat, wide) = ([0.0; 3], [0.1, 0.2, 0.3]);
    let replicates = [flat, wide, wide, flat, wide];
    let values: Vec<_> = rows.iter().zip(&replicates).map(|(row, r)| replicated(row, r)).collect();
    let found = differences(&values, "pre");
    let of = |model: &str, metric: &str| {
        found.iter().find(|row| row.key.model == model && row.key.metric == metric).unwrap()
    };
    assert_abs_diff_eq!(of("b", "m").p_holm.unwrap(), 2.0 * of("b", "m").p.unwrap(), epsilon = 1e-15);
    assert_abs_diff_eq!(of("a", "n").p_holm.unwrap(), of("a", "n").p.unwrap(), epsilon = 1e-15);
}

#[test]
fn what_cannot_be_tested_says_why() {
    let (base, tuned) = (row("pre", RAW, "m", Ok(1.0)), row("ft", RAW, "m", Ok(3.0)));
    let only = |found: Vec<Difference>| {
        let [one] = found.try_into().unwrap();
        assert_eq!((one.z, one.p, one.p_holm), (None, None, None));
        (one.difference, one.status)
    };
    let other_cut = Replicated { row: &tuned, replicates: &[1.0, 2.0], blocks: &[3, 3] };
    let (by, why) = only(differences(&[replicated(&base, &[1.0; 3]), other_cut], "pre"));
    assert_eq!(by, Some(2.0));
    assert_eq!(why, "`ft` and `pre` are cut into different blocks; set plan.shard_rows to cut them alike");
    let missing = row("ft", RAW, "m", Err("all eigenvalues are zero"));
    let values = [replicated(&base, &[1.0; 3]), replicated(&missing, &[])];
    assert_eq!(
        only(differences(&values, "pre")),
        (None, "`ft` has no value: all eigenvalues are zero".into())
    );
    let values = [replicated(&base, &[1.0; 3]), replicated(&tuned, &[])];
    assert_eq!(only(differences(&values, "pre")).1, "the error of `ft` could not be estimated");
    let values = [replicated(&base, &[1.0; 3]), replicated(&tuned, &[3.0; 3])];
    let why = only(differences(&values, "pre")).1;
    assert_eq!(why, "the blocks do not differ, so there is no error to test with");
}

#[test]
fn values_without_errors_or_without_a_counterpart_have_no_row() {
    let rows = [row("pre", RAW, "m", Ok(1.0)), row("ft", RAW, "m", Ok(3.0)), row("ft", RAW, "n", Ok(3.0))];
    let values =
        [replicated(&rows[0], &[]), replicated(&rows[1], &[]), replicated(&rows[2], &[1.0, 2.0, 3.0])];
    assert!(differences(&values, "pre").is_empty());
    let matrix = row("", RAW, "m", Ok(1.0));
    assert!(differences(&[replicated(&matrix, &[1.0, 2.0, 3.0])], "").is_empty());
}
