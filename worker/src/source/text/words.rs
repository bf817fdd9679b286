//! Which word of its text each token belongs to, and what is known of the words.

use crate::dataset::{Frequencies, Word};
use crate::rows::{Column, Scope};
use isoscope_core::facts::ColumnType;
use isoscope_encoders::EncodedText;
use std::collections::BTreeMap;
use std::ops::Range;

/// The words of one text: those of its annotation, else those into which the tokenizer cuts it before anything else.
#[derive(Clone, Copy)]
pub(super) enum Words<'a> {
    /// The tokenizer's.
    Plain(&'a str),
    /// Those of a `conllu` file.
    Annotated(&'a str, &'a [Word]),
}

impl Words<'_> {
    /// Finds the place of each token's word, counted from 1; 0 for tokens of no word.
    pub(super) fn places(self, encoded: &EncodedText) -> Vec<u32> {
        match self {
            Self::Plain(_) => encoded.words.iter().map(|word| word.map_or(0, |word| word + 1)).collect(),
            Self::Annotated(text, words) => {
                let mut last = 0;
                let place = |span: &Range<usize>| {
                    let start = first_letter(text, span)?;
                    // Tokens follow the text, so the search begins where the last one ended.
                    last += words[last..].iter().take_while(|word| word.span.end <= start).count();
                    words.get(last).filter(|word| word.span.start <= start).map(|_| last as u32 + 1)
                };
                encoded.spans.iter().map(place).map(Option::unwrap_or_default).collect()
            }
        }
    }

    /// Tells whether tokens of the word at `place` were cut off the end of the text.
    pub(super) fn is_cut(self, encoded: &EncodedText, place: u32) -> bool {
        let Some(i) = (place as usize).checked_sub(1) else { return false };
        let end = match self {
            Self::Plain(_) => encoded.word_spans.get(i).map(|span| span.end),
            Self::Annotated(_, words) => words.get(i).map(|word| word.span.end),
        };
        end.zip(encoded.cut).is_some_and(|(end, cut)| end > cut)
    }

    /// The word at `place`, as written.
    fn written<'w>(&'w self, encoded: &EncodedText, place: u32) -> Option<&'w str> {
        let i = (place as usize).checked_sub(1)?;
        match self {
            Self::Plain(text) => text.get(encoded.word_spans.get(i)?.clone()).filter(|word| !word.is_empty()),
            Self::Annotated(_, words) => words.get(i).map(|word| word.form.as_str()),
        }
    }
}

/// Byte of the first letter that a token stands for; a tokenizer may count the space before a word to its first token.
fn first_letter(text: &str, span: &Range<usize>) -> Option<usize> {
    let written = text.get(span.clone()).filter(|written| !written.is_empty())?;
    let space = written.len() - written.trim_start().len();
    Some(if space < written.len() { span.start + space } else { span.start })
}

/// Columns of what is known of words, one entry a row.
pub(super) struct WordColumns {
    word: Column,
    head: Option<Column>,
    frequency: Option<Column>,
    fields: Vec<(String, Column)>,
}

impl WordColumns {
    /// Begins columns of no rows: `fields` are the names of what annotated words take along.
    pub(super) fn new(annotated: bool, frequency: bool, fields: &[String]) -> Self {
        let column = |values| Column::new(values, Scope::Word);
        let text = |name: &String| (name.clone(), column(ColumnType::Text));
        Self {
            word: column(ColumnType::Text),
            head: annotated.then(|| column(ColumnType::I64)),
            frequency: frequency.then(|| column(ColumnType::F64)),
            fields: fields.iter().map(text).collect(),
        }
    }

    /// Appends a row of a token of the word at `place`; what is looked up for a word is kept for its further tokens.
    pub(super) fn push(
        &mut self,
        words: Words<'_>,
        encoded: &EncodedText,
        place: u32,
        table: Option<&Frequencies>,
        known: &mut Option<(u32, Option<f64>)>,
    ) {
        let written = words.written(encoded, place);
        self.word.push_text(written);
        if let (Some(column), Some(table)) = (&mut self.frequency, table) {
            let frequency = match *known {
                Some((same, frequency)) if same == place => frequency,
                _ => written.and_then(|word| table.of(word)),
            };
            *known = Some((place, frequency));
            column.push_f64(frequency);
        }
        let annotated = match words {
            Words::Plain(_) => None,
            Words::Annotated(_, all) => (place as usize).checked_sub(1).and_then(|i| all.get(i)),
        };
        if let Some(column) = &mut self.head {
            column.push_i64(annotated.and_then(|word| word.head).map(i64::from));
        }
        for (i, (_, column)) in self.fields.iter_mut().enumerate() {
            column.push_text(annotated.and_then(|word| word.fields.get(i)?.as_deref()));
        }
    }

    /// Adds the columns to the others of the rows.
    pub(super) fn give(self, more: &mut BTreeMap<String, Column>) {
        more.insert("word".to_owned(), self.word);
        more.extend(self.head.map(|column| ("head".to_owned(), column)));
        more.extend(self.frequency.map(|column| ("frequency".to_owned(), column)));
        more.extend(self.fields);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn encoded(spans: &[Range<usize>], cut: Option<usize>) -> EncodedText {
        EncodedText {
            ids: vec![0; spans.len()],
            special: vec![false; spans.len()],
            words: vec![None; spans.len()],
            spans: spans.to_vec(),
            word_spans: Vec::new(),
            cut,
            truncated: 0,
        }
    }

    fn word(form: &str, span: Range<usize>) -> Word {
        Word { span, form: form.to_owned(), head: None, fields: Vec::new() }
    }

    #[test]
    fn tokens_belong_to_the_annotated_word_in_which_they_begin() {
        let text = "I don't go du pont.";
        let words = [
            word("I", 0..1),
            word("do", 2..4),
            word("n't", 4..7),
            word("go", 8..10),
            word("de", 11..13),
            word("le", 13..13),
            word("pont", 14..18),
            word(".", 18..19),
        ];
        // A special token, `don` that reaches into the next word, and ` go` with the space before it.
        let tokens =
            encoded(&[0..0, 0..1, 2..5, 5..6, 6..7, 7..10, 11..13, 14..16, 16..18, 18..19, 0..0], None);
        let places = Words::Annotated(text, &words).places(&tokens);
        assert_eq!(places, [0, 1, 2, 3, 3, 4, 5, 7, 7, 8, 0]);
    }

    #[test]
    fn a_word_that_lost_tokens_is_told_from_one_that_is_whole() {
        let words = [word("red", 0..3), word("herring", 4..11)];
        let annotated = Words::Annotated("red herring", &words);
        let inside = encoded(&[0..3, 4..7], Some(7));
        assert!(
            !annotated.is_cut(&inside, 1) && annotated.is_cut(&inside, 2) && !annotated.is_cut(&inside, 0)
        );
        // The first token that is lost may count the space before it.
        let between = encoded(&[0..0, 0..3], Some(3));
        assert!(!annotated.is_cut(&between, 1));
        assert!(!annotated.is_cut(&encoded(&[0..3, 4..11], None), 2));
    }
}
