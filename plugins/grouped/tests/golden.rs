//! Every value of the family against an independent implementation, the rows cut into shards between sentences.
#![allow(clippy::unwrap_used)]

#[path = "../../../tests/golden/loader.rs"]
mod loader;

mod keyed;

use isoscope_grouped::*;
use isoscope_plugin_sdk::prelude::*;
use isoscope_plugin_sdk::testing::Collected;
use keyed::{Keyed, measure};

fn tokens() -> Keyed {
    Keyed::new(loader::matrix("tokens"), &loader::integers("tokens_word"), &loader::integers("tokens_sent"))
}

/// Runs every op with the parameters of the golden values: all occurrences of a word, and the parity of the sentence as the
/// attribute.
fn all() -> Collected {
    let shards = tokens().cut(&[300, 410, 900]);
    let found = [
        measure::<SelfSimilarity>("{}", &shards),
        measure::<IntraSentence>("{}", &shards),
        measure::<Mev>(r#"{"occurrences": 1000}"#, &shards),
        measure::<Frequency>("{}", &shards),
        measure::<SampleOp<SameGroupNeighbours>>("{}", &shards),
        measure::<SampleOp<SameGroupNeighbours>>(r#"{"group": "sentence"}"#, &shards),
        measure::<SampleOp<AttributeDistance>>("{}", &shards),
    ];
    Collected { rows: found.into_iter().flat_map(|part| part.rows).collect(), series: Vec::new() }
}

#[test]
fn every_value_agrees_with_the_independent_implementation() {
    let found = all();
    let golden = loader::values("tokens");
    let mut compared = 0;
    for (id, golden) in golden.iter().filter(|(id, _)| id.starts_with("grouped.")) {
        let (rtol, atol) = (golden["rtol"].as_f64().unwrap(), golden["atol"].as_f64().unwrap());
        let agree = |part: &str, wanted: f64| {
            let value = found.part(id, part).unwrap_or(f64::NAN);
            assert!(
                (value - wanted).abs() <= rtol * wanted.abs() + atol,
                "{id} {part}: {value}, golden {wanted}"
            );
        };
        match golden["value"].as_object() {
            Some(parts) => parts.iter().for_each(|(part, value)| agree(part, value.as_f64().unwrap())),
            None => agree("", golden["value"].as_f64().unwrap()),
        }
        compared += 1;
    }
    assert_eq!(compared, 13);
}

#[test]
fn the_counts_say_what_the_values_stand_on() {
    let found = all();
    for (id, value) in [
        ("grouped.self_similarity_groups", 54.0),
        ("grouped.self_similarity_small_groups", 6.0),
        ("grouped.self_similarity_zero_rows", 0.0),
        ("grouped.intra_sentence_sentences", 160.0),
        ("grouped.intra_sentence_undefined", 0.0),
        ("grouped.mev_groups", 54.0),
        ("grouped.mev_small_groups", 6.0),
        ("grouped.mev_constant_groups", 0.0),
        ("grouped.freq_groups", 60.0),
        ("grouped.freq_rows_left_out", 0.0),
        ("grouped.neighbour_rows_left_out", 0.0),
        ("grouped.attr_rows_left_out", 0.0),
    ] {
        assert_eq!(found.value(id), Some(value), "{id}");
    }
    assert_eq!(found.row("grouped.baseline_avg_cosine").unwrap().n, 1340);
}
