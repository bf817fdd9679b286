//! What is answered where there is nothing to train on, to judge by, or to tell apart.
#![allow(clippy::unwrap_used)]

mod labelled;
#[path = "../../../tests/golden/properties.rs"]
mod properties;

use isoscope_plugin_sdk::prelude::*;
use isoscope_plugin_sdk::testing::{Collected, open, run};
use isoscope_probe::*;
use labelled::Labelled;

fn found<T: Op>(params: &str, rows: &Labelled) -> Collected {
    run::<T>(params, &[&[rows.whole()]]).unwrap().collected
}

/// Asserts that an op writes every output, each a finite value or a null with a reason that a person wrote.
fn complete<T: Op>(what: &str, rows: &Labelled) {
    let found = found::<T>("{}", rows);
    for output in T::META.outputs {
        let written = found.rows.iter().any(|row| row.metric == output.id)
            || found.series.iter().any(|series| series.metric == output.id);
        assert!(written, "{} on {what}: nothing for {}", T::META.id, output.id);
    }
    for row in &found.rows {
        assert!(row.status != "the value is not finite", "{} on {what}: {row:?}", T::META.id);
    }
    assert!(found.series.iter().all(|series| !series.status.contains("not finite")), "{what}");
}

#[test]
fn every_op_answers_on_every_degenerate_set() {
    let ordinary = || Labelled::draw(1, 24, 3, 3);
    let with = |change: fn(&mut Labelled)| {
        let mut rows = ordinary();
        change(&mut rows);
        rows
    };
    let sets = [
        ("no rows", Labelled::draw(1, 0, 3, 3)),
        ("one row", Labelled::draw(1, 1, 3, 3)),
        ("two rows", Labelled::draw(1, 2, 3, 2)),
        ("fewer rows than classes", Labelled::draw(1, 5, 3, 9)),
        ("fewer rows than dimensions", Labelled::draw(1, 9, 20, 3)),
        ("no training rows", with(|r| r.test.fill(true))),
        ("no test rows", with(|r| r.test.fill(false))),
        ("one class", with(|r| r.label.fill(Some("only".into())))),
        ("no labels", with(|r| r.label.fill(None))),
        ("no words", with(|r| r.word.fill(None))),
        ("no targets", with(|r| r.gold.fill(None))),
        ("equal targets", with(|r| r.gold.fill(Some(0.1)))),
        ("zero rows", with(|r| r.x.fill(0.0))),
        ("constant rows", with(|r| r.x.fill(0.7))),
        ("a constant dimension", with(|r| r.x.column_mut(1).fill(0.3))),
        ("huge rows", with(|r| r.x *= 1e38)),
        ("tiny rows", with(|r| r.x *= 1e-38)),
        ("a far mean", with(|r| r.x += 1e6)),
    ];
    for (what, rows) in &sets {
        complete::<Linear>(what, rows);
        complete::<Control>(what, rows);
        complete::<SampleOp<Mdl<TaskCode>>>(what, rows);
        complete::<SampleOp<Mdl<ControlCode>>>(what, rows);
        complete::<NearestCentroid>(what, rows);
        complete::<Fisher>(what, rows);
        complete::<Ridge>(what, rows);
    }
}

#[test]
fn one_class_leaves_nothing_to_predict() {
    let mut rows = Labelled::draw(1, 24, 3, 3);
    rows.label.fill(Some("noun".into()));
    let reason = Some("all training rows have the label \"noun\"");
    assert_eq!(found::<Linear>("{}", &rows).status("probe.logreg_task_test_accuracy"), reason);
    assert_eq!(found::<Fisher>("{}", &rows).status("probe.fisher_trace"), reason);
    assert_eq!(found::<NearestCentroid>("{}", &rows).status("probe.nearest_centroid_accuracy"), reason);
}

#[test]
fn test_rows_of_a_class_without_training_rows_are_wrong_and_counted() {
    let mut rows = Labelled::draw(2, 40, 3, 2);
    let before = found::<Linear>("{}", &rows);
    let added = [3, 7, 11];
    let right = before.value("probe.logreg_task_test_accuracy").unwrap() * 10.0;
    for i in added {
        rows.label[i] = Some("new".into());
    }
    let after = found::<Linear>("{}", &rows);
    assert_eq!(after.value("probe.logreg_task_unseen_test_rows"), Some(3.0));
    assert_eq!(after.value("probe.logreg_task_test_rows"), Some(10.0));
    let now = after.value("probe.logreg_task_test_accuracy").unwrap() * 10.0;
    assert!(now <= right + 1e-9 && now >= right - 3.0 - 1e-9 && now <= 7.0 + 1e-9, "{now} {right}");
    // Cross-entropies are over the seven whose label is known.
    assert_eq!(after.row("probe.logreg_task_test_ce_bits").unwrap().n, 7);
    assert!(after.value("probe.v_information_bits").is_some());
    assert_eq!(
        found::<NearestCentroid>("{}", &rows).value("probe.nearest_centroid_unseen_test_rows"),
        Some(3.0)
    );
    for i in (3..40).step_by(4) {
        rows.label[i] = Some("new".into());
    }
    let after = found::<Linear>("{}", &rows);
    assert_eq!(after.value("probe.logreg_task_test_accuracy"), Some(0.0));
    let reason = Some("no test row has a label that a training row has");
    assert_eq!(after.status("probe.logreg_task_test_ce_bits"), reason);
}

#[test]
fn separable_classes_are_told_apart_at_a_finite_price() {
    let mut rows = Labelled::draw(3, 60, 3, 3);
    let class: Vec<f64> = rows.label.iter().flatten().map(|l| f64::from(l.as_bytes()[5] - b'0')).collect();
    for (i, k) in class.iter().enumerate() {
        rows.x[[i, 0]] += 1e3 * (k - 1.0);
        rows.x[[i, 1]] += 1e3 * (k - 1.0).abs();
    }
    for l2 in ["1e-6", "1", "1e6"] {
        let found = found::<Linear>(&format!(r#"{{"l2": {l2}}}"#), &rows);
        assert_eq!(found.value("probe.logreg_task_test_accuracy"), Some(1.0), "{l2}");
        let bits = found.value("probe.logreg_task_test_ce_bits").unwrap();
        assert!(bits > 0.0 && bits < 1.0, "{l2}: {bits}");
    }
}

#[test]
fn rows_that_tell_nothing_are_worth_no_information() {
    let mut rows = Labelled::draw(4, 40, 3, 2);
    rows.x.fill(0.25);
    let found = found::<Linear>("{}", &rows);
    assert!(found.value("probe.v_information_bits").unwrap().abs() < 1e-9);
}

#[test]
fn training_that_needs_more_passes_gives_no_score() {
    let rows = Labelled::draw(6, 60, 3, 3);
    let found = found::<Linear>(r#"{"iterations": 2}"#, &rows);
    let status = found.status("probe.logreg_task_test_accuracy").unwrap();
    assert!(status.starts_with("training did not converge in 2 passes"), "{status}");
    assert_eq!(found.value("probe.logreg_task_test_ce_bits"), None);
    assert!(found.value("probe.label_ce_bits").is_some());
}

#[test]
fn labels_may_be_whole_numbers_and_lie_in_another_column() {
    let rows = Labelled::draw(7, 40, 3, 3);
    let whole: Vec<_> = rows.label.iter().flatten().map(|l| Some(i64::from(l.as_bytes()[5]))).collect();
    let batch = rows.whole().i64s("sense", &whole);
    let named = run::<Linear>(r#"{"label": "sense"}"#, &[&[batch]]).unwrap().collected;
    assert_eq!(named, found::<Linear>("{}", &rows));
}

#[test]
fn rows_of_no_part_or_without_a_label_are_left_out() {
    let rows = Labelled::draw(8, 40, 3, 3);
    let mut fewer = rows.clone();
    fewer.label[4] = None;
    let found = found::<Linear>("{}", &fewer);
    assert_eq!(found.value("probe.logreg_task_train_rows"), Some(29.0));
    // The second half belongs to a part that is neither trained on nor judged.
    let halves = run::<Linear>("{}", &[&[rows.batch(0, 20), rows.of_part("dev").batch(20, 40)]]).unwrap();
    let alone = run::<Linear>("{}", &[&[rows.batch(0, 20)]]).unwrap();
    assert_eq!(halves.collected, alone.collected);
}

#[test]
fn control_labels_depend_on_seed_and_type_alone() {
    let rows = Labelled::draw(9, 120, 3, 3);
    let params = "{}";
    let first = found::<Control>(params, &rows);
    let mut random = properties::Random::new(1);
    properties::assert_same(&first, &found::<Control>(params, &rows.permuted(&mut random)), None, "order");
    let seeds: Vec<_> = (0..6)
        .map(|seed| {
            let found = isoscope_plugin_sdk::testing::run_with::<Control>(params, seed, &[&[rows.whole()]]);
            found.unwrap().collected.value("probe.selectivity")
        })
        .collect();
    assert!(seeds.windows(2).any(|pair| pair[0] != pair[1]), "{seeds:?}");
}

#[test]
fn several_draws_of_control_labels_give_their_mean_and_deviation() {
    let rows = Labelled::draw(9, 120, 3, 3);
    let of = |params: &str, seed| {
        isoscope_plugin_sdk::testing::run_with::<Control>(params, seed, &[&[rows.whole()]]).unwrap().collected
    };
    let several = of(r#"{"draws": 3}"#, 4);
    for (id, part) in
        [("probe.selectivity", "selectivity"), ("probe.logreg_control_test_ce_bits", "test_ce_bits")]
    {
        let single: Vec<f64> = (4..7).map(|seed| of("{}", seed).value(id).unwrap()).collect();
        let mean = single.iter().sum::<f64>() / 3.0;
        let deviation = (single.iter().map(|x| (x - mean).powi(2)).sum::<f64>() / 2.0).sqrt();
        assert!((several.value(id).unwrap() - mean).abs() < 1e-6, "{id}");
        assert!((several.part("probe.control_sd", part).unwrap() - deviation).abs() < 1e-6, "{id}");
    }
    let one = of("{}", 4);
    assert_eq!(one.status("probe.control_sd"), Some("a single draw of control labels has no deviation"));
    assert!(one.row("probe.logreg_control_test_accuracy").unwrap().std_err.is_some());
    let input = Input { cols: vec![3], rows: 0, seed: 0 };
    for params in [r#"{"draws": 0}"#, r#"{"draws": 2, "draw": false}"#] {
        assert!(open::<Control>(params, &input).err().unwrap().to_string().contains("draws"));
    }
}

#[test]
fn selectivity_says_which_task_has_no_accuracy() {
    let mut rows = Labelled::draw(9, 40, 3, 3);
    rows.word.fill(Some("the".into()));
    let found = found::<Control>("{}", &rows);
    let status = found.status("probe.selectivity").unwrap();
    assert!(status.starts_with("the control task has no accuracy: all training rows"), "{status}");
}

#[test]
fn class_means_that_differ_where_no_row_varies_have_no_finite_trace() {
    let mut rows = Labelled::draw(10, 40, 4, 2);
    let class: Vec<f64> = rows.label.iter().flatten().map(|l| f64::from(l.as_bytes()[5])).collect();
    class.iter().enumerate().for_each(|(i, k)| rows.x[[i, 2]] = *k);
    let result = found::<Fisher>("{}", &rows);
    let status = result.status("probe.fisher_trace").unwrap();
    assert!(status.starts_with("infinite") && status.ends_with("rank 3 of 4"), "{status}");
    // Where means do not differ either, the dimension tells nothing and is left out.
    rows.x.column_mut(2).fill(5.0);
    let result = found::<Fisher>("{}", &rows);
    assert_eq!(result.value("probe.fisher_within_rank"), Some(3.0));
    assert!(result.value("probe.fisher_trace").unwrap() > 0.0);
}

#[test]
fn parameters_that_make_no_sense_are_refused() {
    let input = Input { cols: vec![3], rows: 9, seed: 0 };
    assert!(open::<Linear>(r#"{"l2": 0}"#, &input).is_err());
    assert!(open::<Linear>(r#"{"iterations": 0}"#, &input).is_err());
    assert!(open::<Ridge>(r#"{"lambda": -1}"#, &input).is_err());
    for params in [
        r#"{"fractions": []}"#,
        r#"{"fractions": [0.5, 0.25, 1]}"#,
        r#"{"fractions": [0.5]}"#,
        r#"{"fractions": [0, 1]}"#,
        r#"{"order": "random"}"#,
        r#"{"l2": -1}"#,
    ] {
        assert!(open::<SampleOp<Mdl<TaskCode>>>(params, &input).is_err(), "{params}");
    }
    for params in [r#"{"matrix": [1, 2]}"#, r#"{"rank": 0}"#, r#"{"learning_rate": 0}"#] {
        assert!(open::<SampleOp<Structural>>(params, &input).is_err(), "{params}");
    }
}
