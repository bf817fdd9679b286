//! What is left out, what is counted, and what is refused.
#![allow(clippy::unwrap_used)]

mod keyed;

use isoscope_grouped::*;
use isoscope_plugin_sdk::prelude::*;
use isoscope_plugin_sdk::testing::{batch_of, open, run, run_with};
use keyed::{Keyed, measure};

/// Rows at these angles on the unit circle; `None` is a row of norm 0.
fn circle(angles: &[Option<f64>]) -> Array2<f64> {
    Array2::from_shape_fn((angles.len(), 2), |(i, j)| match angles[i] {
        None => 0.0,
        Some(angle) if j == 0 => angle.cos(),
        Some(angle) => angle.sin(),
    })
}

fn words(rows: Array2<f64>, word: &[i64]) -> Keyed {
    let sentence: Vec<i64> = (0..rows.nrows() as i64).collect();
    Keyed::new(rows, word, &sentence)
}

fn close(found: Option<f64>, wanted: f64) {
    assert!((found.unwrap() - wanted).abs() < 1e-12, "{found:?}, wanted {wanted}");
}

#[test]
fn zero_rows_and_small_groups_are_left_out_of_self_similarity_and_counted() {
    let rows = circle(&[Some(0.0), Some(0.5), None, Some(2.0), None, None]);
    let found = measure::<SelfSimilarity>(r#"{"min_count": 2}"#, &words(rows, &[1, 1, 1, 2, 2, 3]).whole());
    close(found.value("grouped.self_similarity_mean"), 0.5_f64.cos());
    assert_eq!(found.row("grouped.self_similarity_mean").unwrap().n, 2);
    assert_eq!(found.row("grouped.self_similarity_mean").unwrap().std_err, None);
    close(found.value("grouped.self_similarity_groups"), 1.0);
    close(found.value("grouped.self_similarity_small_groups"), 2.0);
    close(found.value("grouped.self_similarity_zero_rows"), 3.0);
    close(found.value("grouped.baseline_avg_cosine"), (0.5_f64.cos() + 2.0_f64.cos() + 1.5_f64.cos()) / 3.0);
}

#[test]
fn rows_without_a_key_count_in_the_baseline_alone() {
    let mut keyed = words(circle(&[Some(0.0), Some(0.5), Some(2.0)]), &[1, 1, 1]);
    keyed.word[2] = None;
    let found = measure::<SelfSimilarity>(r#"{"min_count": 2}"#, &keyed.whole());
    close(found.value("grouped.self_similarity_mean"), 0.5_f64.cos());
    assert_eq!(found.row("grouped.baseline_avg_cosine").unwrap().n, 3);
}

#[test]
fn a_column_of_whole_numbers_groups_as_well_as_one_of_strings() {
    let rows = circle(&[Some(0.0), Some(0.5), Some(2.0), Some(2.2)]);
    let mut keyed = words(rows, &[1, 1, 2, 2]);
    keyed.sentence = vec![Some(1), Some(1), Some(2), Some(2)];
    let value = |params: &str| {
        measure::<SelfSimilarity>(params, &keyed.whole()).value("grouped.self_similarity_mean")
    };
    let by_word = value(r#"{"min_count": 2}"#);
    close(by_word, f64::midpoint(0.5_f64.cos(), 0.2_f64.cos()));
    assert_eq!(by_word, value(r#"{"min_count": 2, "group": "sentence"}"#));
    let text =
        run::<SelfSimilarity>(r#"{"group": "frequency"}"#, &[&keyed.whole()[0]]).unwrap_err().to_string();
    assert!(text.contains("frequency") && text.contains("floats"), "{text}");
    let text = run::<SelfSimilarity>(r#"{"group": "sense"}"#, &[&keyed.whole()[0]]).unwrap_err().to_string();
    assert!(text.contains("no column \"sense\""), "{text}");
}

#[test]
fn no_group_large_enough_gives_a_reason_that_names_the_column() {
    let found = measure::<SelfSimilarity>("{}", &words(circle(&[Some(0.0), Some(0.5)]), &[1, 1]).whole());
    let reason = "no group of the column \"word\" has 5 rows with a direction";
    assert_eq!(found.status("grouped.self_similarity_mean"), Some(reason));
    assert_eq!(found.status("grouped.self_similarity_adjusted"), Some(reason));
    assert!(found.value("grouped.baseline_avg_cosine").is_some());
}

#[test]
fn a_sentence_of_one_row_counts_with_one_and_one_that_cancels_is_undefined() {
    let half = std::f64::consts::PI;
    let rows = circle(&[Some(0.3), Some(1.0), Some(1.0 + half), None, Some(0.2), Some(0.6)]);
    let keyed = Keyed::new(rows, &[0; 6], &[0, 1, 1, 2, 3, 3]);
    let found = measure::<IntraSentence>("{}", &keyed.whole());
    close(found.value("grouped.intra_sentence_similarity"), f64::midpoint(1.0, 0.2_f64.cos()));
    close(found.value("grouped.intra_sentence_sentences"), 2.0);
    close(found.value("grouped.intra_sentence_undefined"), 2.0);
    close(found.value("grouped.intra_sentence_zero_rows"), 1.0);
}

#[test]
fn a_sentence_split_over_batches_is_refused() {
    let keyed = Keyed::new(circle(&[Some(0.3), Some(1.0), Some(2.0)]), &[0; 3], &[0, 1, 1]);
    let text =
        run::<IntraSentence>("{}", &[&[keyed.batch(0, 2), keyed.batch(2, 3)]]).unwrap_err().to_string();
    assert!(text.contains("sentence 1") && text.contains("more than one batch"), "{text}");
}

#[test]
fn occurrences_that_are_all_equal_have_no_centred_explainable_variance() {
    let angles: Vec<_> = (0..12).map(|i| Some(if i < 6 { 0.4 } else { f64::from(i) })).collect();
    let word: Vec<i64> = (0..12).map(|i| i / 6).collect();
    let found = measure::<Mev>("{}", &words(circle(&angles), &word).whole());
    close(found.value("grouped.mev_groups"), 2.0);
    close(found.value("grouped.mev_constant_groups"), 1.0);
    assert_eq!(found.row("grouped.mev_mean_centered").unwrap().n, 6);
    assert_eq!(found.row("grouped.mev_mean").unwrap().n, 12);
}

#[test]
fn the_rows_and_groups_that_are_drawn_do_not_depend_on_how_they_are_cut() {
    let rows = Array2::from_shape_fn((200, 3), |(i, j)| ((i * 31 + j * 17) % 23) as f64 - 9.3);
    let keyed = Keyed::regular(rows, 7);
    let params = r#"{"occurrences": 6, "groups": 3}"#;
    let whole = measure::<Mev>(params, &keyed.whole());
    assert_eq!(whole.row("grouped.mev_mean").unwrap().n, 18);
    close(whole.value("grouped.mev_groups"), 3.0);
    let parts = measure::<Mev>(params, &keyed.cut(&[20, 60, 150]));
    assert_eq!(parts.value("grouped.mev_mean"), whole.value("grouped.mev_mean"));
    let other = run_with::<Mev>(params, 1, &[&keyed.whole()[0]]).unwrap().collected;
    assert_ne!(other.value("grouped.mev_mean"), whole.value("grouped.mev_mean"));

    let params = r#"{"rows": 40}"#;
    let whole = measure::<Frequency>(params, &keyed.whole());
    assert_eq!(whole.row("grouped.freq_pc_max_abs_spearman").unwrap().n, 40);
    let parts = measure::<Frequency>(params, &keyed.cut(&[20, 60, 150]));
    let id = "grouped.freq_pc_max_abs_spearman";
    close(parts.value(id), whole.value(id).unwrap());
}

#[test]
fn a_frequency_that_is_linear_in_the_rows_is_explained_wholly() {
    let rows = Array2::from_shape_fn((40, 2), |(i, j)| ((i * 13 + j * 7) % 19) as f64);
    let mut keyed = Keyed::regular(rows, 5);
    keyed.frequency = keyed.rows.outer_iter().map(|row| Some(2.0 * row[0] - row[1] + 3.0)).collect();
    keyed.frequency[3] = None;
    keyed.frequency[4] = Some(f64::NAN);
    let found = measure::<Frequency>(r#"{"frequency": "frequency"}"#, &keyed.cut(&[8, 16, 24]));
    close(found.value("grouped.freq_linear_r2"), 1.0);
    close(found.value("grouped.freq_rows_left_out"), 2.0);
    assert_eq!(found.row("grouped.freq_linear_r2").unwrap().n, 38);
}

#[test]
fn frequencies_that_do_not_vary_or_are_always_fitted_give_reasons() {
    let rows = Array2::from_shape_fn((12, 2), |(i, j)| ((i * 13 + j * 7) % 19) as f64);
    let even: Vec<i64> = (0..12).map(|i| i / 4).collect();
    let found = measure::<Frequency>("{}", &words(rows.clone(), &even).whole());
    assert_eq!(found.status("grouped.freq_linear_r2"), Some("all rows have the same frequency"));
    let wide = Array2::from_shape_fn((4, 6), |(i, j)| ((i * 13 + j * 7) % 19) as f64);
    let found = measure::<Frequency>("{}", &words(wide, &[0, 0, 0, 1]).whole());
    assert!(found.status("grouped.freq_linear_r2").unwrap().contains("any frequency is fitted"));
    assert!(found.value("grouped.freq_pc_max_abs_spearman").is_some());
    let equal = Array2::from_elem((6, 2), 0.1);
    let found = measure::<Frequency>("{}", &words(equal, &[0, 0, 0, 0, 1, 1]).whole());
    assert_eq!(found.status("grouped.freq_pc_max_abs_spearman"), Some("all rows are equal"));
}

#[test]
fn neighbours_are_searched_within_the_column_that_is_named() {
    // Two words on a line; the even sentences lie left, the odd ones right.
    let rows = Array2::from_shape_fn((8, 1), |(i, _)| (i % 2 * 100 + i / 2) as f64);
    let keyed = Keyed::new(rows, &[1, 1, 1, 1, 2, 2, 2, 2], &[0, 1, 2, 3, 4, 5, 6, 7]);
    let value = |params: &str, id: &str| {
        measure::<SampleOp<SameGroupNeighbours>>(params, &keyed.whole()).value(id).unwrap()
    };
    let params = r#"{"k": 1, "group": "label", "within": "word"}"#;
    assert!((value(params, "grouped.knn1_same_label") - 1.0).abs() < 1e-12);
    assert!((value(params, "grouped.knn1_same_label_chance") - 1.0 / 3.0).abs() < 1e-12);
    let found = measure::<SampleOp<SameGroupNeighbours>>(r#"{"k": 4, "within": "word"}"#, &keyed.whole());
    let reason = "no row has more than 3 other rows with a key to compare with";
    assert_eq!(found.status("grouped.knn4_same_word"), Some(reason));
    close(found.value("grouped.neighbour_rows_left_out"), 8.0);
}

#[test]
fn equal_rows_are_neighbours_in_the_order_of_the_rows() {
    let keyed = words(Array2::from_elem((6, 2), 0.7), &[1, 1, 2, 2, 3, 3]);
    let found = measure::<SampleOp<SameGroupNeighbours>>(r#"{"k": 1}"#, &keyed.whole());
    // Every row but the first has row 0 as its neighbour, and row 0 has row 1.
    close(found.value("grouped.knn1_same_word"), 2.0 / 6.0);
}

#[test]
fn pairs_are_told_apart_by_word_and_attribute() {
    let rows = Array2::from_shape_fn((4, 1), |(i, _)| [0.0, 1.0, 3.0, 7.0][i]);
    let keyed = Keyed::new(rows, &[1, 1, 1, 2], &[0, 2, 1, 4]);
    let found = measure::<SampleOp<AttributeDistance>>("{}", &keyed.whole());
    close(found.part("grouped.attr_distance", "same_word_same_attr"), 1.0);
    close(found.part("grouped.attr_distance", "same_word_diff_attr"), 2.5);
    close(found.part("grouped.attr_distance", "diff_word_same_attr"), 6.5);
    let found = measure::<SampleOp<AttributeDistance>>(r#"{"min_count": 2}"#, &keyed.whole());
    close(found.value("grouped.attr_rows_left_out"), 1.0);
    let row = |part: &str| found.rows.iter().find(|row| row.part == part).unwrap().clone();
    assert_eq!(row("diff_word_same_attr").status, "no two rows are in this relation");
    assert_eq!(row("same_word_diff_attr").n, 2);
}

#[test]
fn a_dataset_without_the_attribute_gets_a_reason() {
    let keyed = words(circle(&[Some(0.0), Some(0.5)]), &[1, 1]);
    let found = measure::<SampleOp<AttributeDistance>>(r#"{"attribute": "tense"}"#, &keyed.whole());
    assert!(found.rows[..3].iter().all(|row| row.status == "the rows have no column \"tense\""), "{found:?}");
}

#[test]
fn rows_far_from_the_origin_keep_the_digits_of_their_distances() {
    let near = Array2::from_shape_fn((6, 3), |(i, j)| ((i * 5 + j * 3) % 7) as f64);
    let far = &near + 1e7;
    let value = |rows: Array2<f64>| {
        measure::<SampleOp<AttributeDistance>>("{}", &words(rows, &[1; 6]).whole())
            .part("grouped.attr_distance", "same_word_same_attr")
    };
    close(value(far), value(near).unwrap());
}

#[test]
fn parameters_that_make_no_sense_are_refused_with_their_name() {
    let input = Input { cols: vec![3], rows: 10, seed: 0 };
    let refused = |text: Error, name: &str| assert!(text.to_string().contains(name), "{text}");
    refused(open::<SelfSimilarity>(r#"{"min_count": 1}"#, &input).err().unwrap(), "min_count");
    refused(open::<Mev>(r#"{"occurrences": 3}"#, &input).err().unwrap(), "occurrences");
    refused(open::<Frequency>(r#"{"rows": 2}"#, &input).err().unwrap(), "rows");
    refused(open::<Frequency>(r#"{"components": 0}"#, &input).err().unwrap(), "components");
    refused(open::<SampleOp<SameGroupNeighbours>>(r#"{"k": 0}"#, &input).err().unwrap(), "\"k\"");
}

#[test]
fn a_column_of_frequencies_that_is_missing_is_refused() {
    let rows = batch_of(&Array2::zeros((3, 2))).strings("word", &[Some("a"), Some("b"), None]);
    let text = run::<Frequency>(r#"{"frequency": "frequency"}"#, &[&[rows]]).err().unwrap().to_string();
    assert!(text.contains("no column \"frequency\""), "{text}");
}
