//! The structural probe on made sentences: trained, skipped, degenerate.
#![allow(clippy::unwrap_used)]

#[path = "../../../tests/golden/properties.rs"]
mod properties;

use isoscope_plugin_sdk::prelude::*;
use isoscope_plugin_sdk::testing::{Collected, OwnedBatch, batch_of, run};
use isoscope_probe::Structural;
use properties::Random;

/// Sentences of six words whose rows hold the path to the root, one dimension an edge, and noise beside it.
fn sentences(count: usize, noise: f64) -> OwnedBatch {
    let mut random = Random::new(4);
    let (words, d) = (6, 12);
    let mut x = Array2::zeros((count * words, d));
    let (mut split, mut sentence, mut head) = (vec![], vec![], vec![]);
    for s in 0..count {
        for word in 0..words {
            let row = s * words + word;
            // The head lies before the word, and the first word is the root.
            let own = (random.next().abs() * word as f64) as usize;
            if word > 0 {
                let above = x.row(s * words + own).to_owned();
                x.row_mut(row).assign(&above);
                x[[row, word]] = 1.0;
            }
            split.push(Some(if s % 4 == 3 { "test" } else { "train" }));
            sentence.push(Some(s as i64));
            head.push(Some(if word == 0 { 0 } else { own as i64 + 1 }));
        }
    }
    for mut row in x.rows_mut() {
        (words..d).for_each(|j| row[j] = noise * random.next());
    }
    batch_of(&x).strings("split", &split).i64s("sentence", &sentence).i64s("head", &head)
}

fn found(params: &str, batch: OwnedBatch) -> Collected {
    run::<SampleOp<Structural>>(params, &[&[batch]]).unwrap().collected
}

#[test]
fn a_tree_that_lies_in_a_subspace_is_found() {
    let found = found(r#"{"rank": 8, "learning_rate": 0.02, "epochs": 60, "batch": 5}"#, sentences(80, 2.0));
    assert_eq!(found.value("probe.structural_sentences"), Some(20.0));
    assert_eq!(found.value("probe.structural_train_sentences"), Some(60.0));
    assert!(found.value("probe.structural_uuas").unwrap() > 0.9, "{found:?}");
    assert!(found.value("probe.structural_dspr_mean").unwrap() > 0.9);
    assert!(found.value("probe.structural_l1_loss").unwrap() < 0.3);
}

#[test]
fn training_is_the_same_again_and_another_under_another_seed() {
    let run = |seed: u64| {
        let params = r#"{"rank": 3, "epochs": 3}"#;
        let found = isoscope_plugin_sdk::testing::run_with::<SampleOp<Structural>>(
            params,
            seed,
            &[&[sentences(20, 1.0)]],
        );
        found.unwrap().collected
    };
    assert_eq!(run(1), run(1));
    assert_ne!(run(1).value("probe.structural_l1_loss"), run(2).value("probe.structural_l1_loss"));
}

/// Five words in a chain and further sentences, all for testing.
fn given(x: &Array2<f64>, sentence: &[i64], head: &[Option<i64>]) -> Collected {
    let n = x.nrows();
    let sentence: Vec<_> = sentence.iter().copied().map(Some).collect();
    let batch =
        batch_of(x).strings("split", &vec![Some("test"); n]).i64s("sentence", &sentence).i64s("head", head);
    found(r#"{"matrix": [1, 0, 0, 1]}"#, batch)
}

#[test]
fn a_perfect_probe_has_no_loss_and_all_edges() {
    // Squared distances along the diagonal of a staircase of two steps are those of a chain of three.
    let x = ndarray::array![[0.0, 0.0], [1.0, 0.0], [1.0, 1.0]];
    let found = given(&x, &[0, 0, 0], &[Some(2), Some(0), Some(2)]);
    assert!(found.value("probe.structural_l1_loss").unwrap() < 1e-15);
    assert_eq!(found.value("probe.structural_uuas"), Some(1.0));
    assert_eq!(found.series("probe.structural_dspr_per_sentence"), Some(&[1.0][..]));
    let reason = Some("no test sentence of 5 to 50 words has a rank correlation");
    assert_eq!(found.status("probe.structural_dspr_mean"), reason);
}

#[test]
fn sentences_without_a_tree_are_skipped_and_counted() {
    let x = Array2::from_shape_fn((8, 2), |(i, j)| (i * 3 + j) as f64);
    // One word; a cycle; a word without a head; and one sentence that is sound.
    let heads = [Some(0), Some(2), Some(1), Some(0), None, Some(0), Some(1), Some(2)];
    let found = given(&x, &[0, 1, 1, 2, 2, 3, 3, 3], &heads);
    assert_eq!(found.value("probe.structural_skipped_sentences"), Some(3.0));
    assert_eq!(found.value("probe.structural_sentences"), Some(1.0));
}

#[test]
fn words_that_coincide_show_no_tree() {
    let found = given(&Array2::zeros((2, 2)), &[0, 0], &[Some(0), Some(1)]);
    let reason = Some("all words of every test sentence coincide under the probe");
    assert_eq!(found.status("probe.structural_uuas"), reason);
    assert_eq!(found.value("probe.structural_dspr_undefined_words"), Some(2.0));
    assert_eq!(found.value("probe.structural_l1_loss"), Some(0.5));
}

#[test]
fn nothing_to_train_on_or_to_judge_by_is_said() {
    let only = |part: &'static str| {
        let x = Array2::from_shape_fn((4, 2), |(i, j)| (i + j) as f64);
        batch_of(&x)
            .strings("split", &[Some(part); 4])
            .i64s("sentence", &[Some(0), Some(0), Some(1), Some(1)])
            .i64s("head", &[Some(0), Some(1), Some(0), Some(1)])
    };
    let status = |part| found("{}", only(part)).status("probe.structural_uuas").unwrap().to_owned();
    assert_eq!(status("train"), "no test sentence has a tree over at least two words");
    assert_eq!(status("test"), "no training sentence has a tree over at least two words");
    let empty = batch_of(&Array2::zeros((0, 2)));
    assert_eq!(found("{}", empty).value("probe.structural_sentences"), Some(0.0));
}
