//! Tokenizers of every kind against the Python package: ids, words and bytes of difficult texts.
#![allow(missing_docs, clippy::unwrap_used, clippy::expect_used)]

mod support;

use std::collections::BTreeMap;
use std::fs;
use std::ops::Range;

use isoscope_encoders::{Checkpoint, EncodedText, TextTokenizer};
use serde::Deserialize;

use support::damage::copy;
use support::fixture;

const KINDS: [&str; 4] = ["wordpiece", "bpe", "bpe-prefix-space", "unigram"];
/// More than any text has.
const ALL: usize = 1 << 20;

/// What `make_tokenizers.py` wrote.
#[derive(Deserialize)]
struct Expected {
    text: String,
    ids: Vec<u32>,
    special: Vec<bool>,
    words: Vec<Option<u32>>,
    spans: Vec<(usize, usize)>,
}

fn expected() -> BTreeMap<String, Vec<Expected>> {
    serde_json::from_slice(&fs::read(fixture("tokenizers/encodings.json")).unwrap()).unwrap()
}

fn tokenizer(kind: &str) -> TextTokenizer {
    let dir = copy("bert");
    if kind != "wordpiece" {
        let file = format!("tokenizers/{kind}.json");
        fs::write(dir.path().join("tokenizer.json"), fs::read(fixture(&file)).unwrap()).unwrap();
    }
    Checkpoint::open(dir.path()).unwrap().tokenizer().unwrap()
}

/// The bytes of each word as written, from the tokens of the Python package.
fn written_words(expected: &Expected) -> Vec<String> {
    let mut words: BTreeMap<u32, Range<usize>> = BTreeMap::new();
    for (word, &(start, end)) in expected.words.iter().zip(&expected.spans) {
        if let Some(word) = word {
            let span = words.entry(*word).or_insert(start..end);
            *span = span.start.min(start)..span.end.max(end);
        }
    }
    let last = words.keys().last().map_or(0, |last| last + 1);
    let written = |word| words.get(&word).map_or("", |span| expected.text[span.clone()].trim());
    (0..last).map(|word| written(word).to_owned()).collect()
}

fn check(encoded: &EncodedText, expected: &Expected, kind: &str) {
    let text = &expected.text;
    assert_eq!(encoded.ids, expected.ids, "{kind}: ids of {text:?}");
    assert_eq!(encoded.special, expected.special, "{kind}: special tokens of {text:?}");
    assert_eq!(encoded.words, expected.words, "{kind}: words of {text:?}");
    let spans: Vec<(usize, usize)> = encoded.spans.iter().map(|span| (span.start, span.end)).collect();
    assert_eq!(spans, expected.spans, "{kind}: bytes of {text:?}");
    let words: Vec<&str> = encoded.word_spans.iter().map(|span| &text[span.clone()]).collect();
    assert_eq!(words, written_words(expected), "{kind}: words of {text:?} as written");
}

#[test]
fn every_kind_of_tokenizer_gives_what_the_python_package_gives() {
    let expected = expected();
    assert_eq!(expected.len(), KINDS.len());
    for kind in KINDS {
        let tokenizer = tokenizer(kind);
        assert!(expected[kind].len() >= 15);
        for expected in &expected[kind] {
            check(&tokenizer.encode(&expected.text, ALL).unwrap(), expected, kind);
        }
    }
}

#[test]
fn a_text_that_is_cut_keeps_what_its_first_tokens_stand_for() {
    for (kind, texts) in expected() {
        let tokenizer = tokenizer(&kind);
        for expected in texts.iter().filter(|expected| expected.ids.len() > 6) {
            let (whole, cut) = (tokenizer.encode(&expected.text, ALL), tokenizer.encode(&expected.text, 6));
            let (whole, cut) = (whole.unwrap(), cut.unwrap());
            assert_eq!(
                (cut.ids.len(), cut.truncated),
                (6, whole.ids.len() - 6),
                "{kind}: {:?}",
                expected.text
            );
            assert_eq!(cut.ids[..5], whole.ids[..5]);
            assert_eq!(cut.spans[..5], whole.spans[..5]);
            assert_eq!(cut.words[..5], whole.words[..5]);
            assert_eq!(cut.word_spans, whole.word_spans);
            assert_eq!(cut.cut, Some(whole.spans[5].start), "{kind}: {:?}", expected.text);
            assert_eq!(
                (cut.special[5], cut.spans[5].clone(), cut.ids[5]),
                (true, 0..0, whole.ids[whole.ids.len() - 1])
            );
        }
    }
}

#[test]
fn words_of_a_sentencepiece_model_are_what_stands_between_spaces() {
    let tokenizer = tokenizer("unigram");
    let text = "The old  bridges, עולם \u{1f355}!";
    let encoded = tokenizer.encode(text, ALL).unwrap();
    let words: Vec<&str> = encoded.word_spans.iter().map(|span| &text[span.clone()]).collect();
    assert_eq!(words, ["The", "old", "bridges,", "עולם", "\u{1f355}!"]);
}

#[test]
fn lines_of_a_hundred_thousand_characters_are_tokenised_whole() {
    let words = "the king reads \u{1f355} ".repeat(6250);
    let letters = "thekingreads".repeat(8334);
    for kind in KINDS {
        let tokenizer = tokenizer(kind);
        for text in [&words, &letters] {
            assert!(text.chars().count() >= 100_000);
            let encoded = tokenizer.encode(text, ALL).unwrap();
            let last = encoded.spans.len() - 2;
            assert!(encoded.spans[last].end >= text.trim_end().len(), "{kind}");
            // The bytes of one character may be tokens apart; each of them stands for the whole character.
            let mut pairs = encoded.spans[1..=last].windows(2);
            assert!(pairs.all(|pair| pair[0].start <= pair[1].start && pair[0].end <= pair[1].end), "{kind}");
            let cut = tokenizer.encode(text, 128).unwrap();
            assert_eq!(cut.truncated, encoded.ids.len().saturating_sub(128), "{kind}");
        }
        let (encoded, count) = (tokenizer.encode(&words, ALL).unwrap(), 4 * 6250);
        assert_eq!(encoded.word_spans.iter().filter(|span| !span.is_empty()).count(), count, "{kind}");
    }
}
