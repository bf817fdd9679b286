//! Sentences of a `conllu` file: the CoNLL-U format of Universal Dependencies
//! (<https://universaldependencies.org/format.html>), read strictly.
//!
//! The text of a sentence is put together from its words: a space between two of them unless the first says
//! `SpaceAfter=No`. A multiword token gives the surface of its words; empty nodes give none. Where a comment says the text,
//! the spaces are those of the comment, and its letters must be those of the words.

use super::DatasetError;
use super::fields::{Field, fields};
use super::lines::Lines;
use isoscope_core::facts::Place;
use isoscope_core::study::{DatasetSpec, Format};
use std::io::Read;
use std::ops::{Range, RangeInclusive};
use std::path::Path;

/// Fields of a line.
const FIELDS: usize = 10;
/// Names of the fields that rows can take along, at their places; of the others the reader has use itself.
const NAMES: [&str; FIELDS] = ["", "form", "lemma", "upos", "xpos", "", "", "deprel", "", ""];

/// Beginning of the comment that says the text.
const TEXT: &str = "# text = ";

/// A sentence.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Sentence {
    /// Its text.
    pub(super) text: String,
    /// Its words; word `i` has the id `i + 1`.
    pub(super) words: Vec<Word>,
}

/// A word of a sentence.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Word {
    /// Bytes of the text that it stands for. Empty when it shares its surface with an earlier word.
    pub span: Range<usize>,
    /// Its form as the file writes it.
    pub form: String,
    /// Id of its head: the place of that word in the sentence, counted from 1, or 0 for the root. `None` when the file does
    /// not say it.
    pub head: Option<u32>,
    /// The fields that rows take along: the label, if the study names one, then those that are carried.
    pub fields: Vec<Option<String>>,
}

/// Reads a sentence and the place where it begins; `None` at the end of the file.
pub(super) fn next_sentence<R: Read>(
    lines: &mut Lines<R>,
    spec: &DatasetSpec,
    path: &Path,
) -> Result<Option<(Place, Sentence)>, DatasetError> {
    let taken = places(&fields(spec, Format::Conllu));
    let mut builder = Builder::default();
    let mut start: Option<Place> = None;
    let mut said: Option<(u64, String)> = None;
    let mut heads: Vec<(u64, u32)> = Vec::new();
    while let Some((place, line)) = lines.next_line(path)? {
        let failed = |message| DatasetError::Conllu { path: path.to_path_buf(), line: place.line, message };
        if line.is_empty() {
            if start.is_none() {
                continue;
            }
            break;
        }
        start.get_or_insert(place);
        if line.starts_with('#') {
            if !builder.begun {
                if let Some(text) = line.strip_prefix(TEXT) {
                    said = Some((place.line, text.trim().to_owned()));
                }
                continue;
            }
            return Err(failed(
                "a comment inside a sentence; comments stand before its first word".to_owned(),
            ));
        }
        if let Some(head) = builder.line(line, &taken).map_err(failed)? {
            heads.push((place.line, head));
        }
    }
    let Some(start) = start else { return Ok(None) };
    let failed = |line, message| DatasetError::Conllu { path: path.to_path_buf(), line, message };
    let mut sentence = builder.finish().map_err(|message| failed(start.line, message))?;
    let words = sentence.words.len();
    if let Some((line, head)) = heads.into_iter().find(|(_, head)| *head as usize > words) {
        return Err(failed(line, format!("the head {head} is no word: the sentence has {words}")));
    }
    if let Some((line, text)) = said
        && !sentence.respace(&text)
    {
        let message = format!("the words are not those of the text; they make up `{}`", sentence.text);
        return Err(failed(line, message));
    }
    Ok(Some((start, sentence)))
}

impl Sentence {
    /// Takes the spaces of another writing of the same text; false when it has other letters.
    fn respace(&mut self, text: &str) -> bool {
        if self.text == text {
            return true;
        }
        let letters = |text: &str| -> Vec<(usize, char)> {
            text.char_indices().filter(|(_, letter)| !letter.is_whitespace()).collect()
        };
        let (old, new) = (letters(&self.text), letters(text));
        if !old.iter().map(|(_, letter)| letter).eq(new.iter().map(|(_, letter)| letter)) {
            return false;
        }
        // Bytes of the new text at which the letter of an old one begins, and at which the letter before it ends.
        let nth = |byte: usize| old.partition_point(|(at, _)| *at < byte);
        let begin = |byte: usize| new.get(nth(byte)).map_or(text.len(), |(at, _)| *at);
        let end = |byte: usize| {
            let last = nth(byte).checked_sub(1).and_then(|i| new.get(i));
            last.map_or(0, |(at, letter)| at + letter.len_utf8())
        };
        for word in &mut self.words {
            let end = end(word.span.end);
            word.span = if word.span.is_empty() { end..end } else { begin(word.span.start)..end };
        }
        text.clone_into(&mut self.text);
        true
    }
}

/// Places in a line of the fields that rows take along.
fn places(fields: &[Field<'_>]) -> Vec<usize> {
    fields.iter().filter_map(|field| NAMES.iter().position(|name| *name == field.column)).collect()
}

/// A sentence being put together.
#[derive(Default)]
struct Builder {
    sentence: Sentence,
    begun: bool,
    /// Whether the next surface begins behind a space.
    space: bool,
    multiword: Option<Multiword>,
}

/// A multiword token of which not all words have been read.
struct Multiword {
    last: u32,
    first_word: usize,
    span: Range<usize>,
}

/// What the first field of a line says.
enum Id {
    Word(u32),
    Multiword(RangeInclusive<u32>),
    Empty(u32),
}

impl Builder {
    /// Takes a line that is no comment; returns the head of the word.
    fn line(&mut self, line: &str, taken: &[usize]) -> Result<Option<u32>, String> {
        let fields: Vec<&str> = line.split('\t').collect();
        let fields: &[&str; FIELDS] = fields
            .as_slice()
            .try_into()
            .map_err(|_| format!("{} fields; a word has {FIELDS}, separated by tabs", fields.len()))?;
        if let Some(i) = fields.iter().position(|field| field.is_empty()) {
            return Err(format!("field {} is empty; write `_` for what is not known", i + 1));
        }
        self.begun = true;
        let next = self.sentence.words.len() as u32 + 1;
        match id(fields[0])? {
            Id::Word(id) if id == next => self.word(id, fields, taken),
            Id::Word(id) => Err(format!("the id is {id}, but the next word is {next}")),
            Id::Multiword(range) => self.begin_multiword(range, next, fields).map(|()| None),
            Id::Empty(behind) if behind + 1 == next => Ok(None),
            Id::Empty(_) => {
                Err(format!("the empty node {} does not stand behind word {}", fields[0], next - 1))
            }
        }
    }

    fn begin_multiword(
        &mut self,
        range: RangeInclusive<u32>,
        next: u32,
        fields: &[&str; FIELDS],
    ) -> Result<(), String> {
        if self.multiword.is_some() || *range.start() != next || range.end() <= range.start() {
            return Err(format!("the multiword token {} does not begin at word {next}", fields[0]));
        }
        let span = self.surface(fields);
        let first_word = self.sentence.words.len();
        self.multiword = Some(Multiword { last: *range.end(), first_word, span });
        Ok(())
    }

    fn word(&mut self, id: u32, fields: &[&str; FIELDS], taken: &[usize]) -> Result<Option<u32>, String> {
        let head = match fields[6] {
            "_" => None,
            written => {
                let head =
                    written.parse::<u32>().map_err(|_| format!("the head `{written}` is no number"))?;
                if head == id {
                    return Err(format!("word {id} is its own head"));
                }
                Some(head)
            }
        };
        let span = if self.multiword.is_some() { 0..0 } else { self.surface(fields) };
        // An underscore means that there is no value, but for the word `_` itself.
        let literal = fields[1] == "_";
        let value = |&i: &usize| (fields[i] != "_" || (literal && i <= 2)).then(|| fields[i].to_owned());
        let taken = taken.iter().map(value).collect();
        self.sentence.words.push(Word { span, form: fields[1].to_owned(), head, fields: taken });
        if self.multiword.as_ref().is_some_and(|multiword| multiword.last == id)
            && let Some(multiword) = self.multiword.take()
        {
            self.share(&multiword);
        }
        Ok(head)
    }

    /// Appends the form of a line to the text; returns its bytes.
    fn surface(&mut self, fields: &[&str; FIELDS]) -> Range<usize> {
        let text = &mut self.sentence.text;
        if self.space && !text.is_empty() {
            text.push(' ');
        }
        let start = text.len();
        text.push_str(fields[1]);
        self.space = !fields[9].split('|').any(|entry| entry == "SpaceAfter=No");
        start..text.len()
    }

    /// Shares the surface of a multiword token out to its words: to each its own letters when their forms make up the
    /// surface, else all of it to the first.
    fn share(&mut self, multiword: &Multiword) {
        let surface = self.sentence.text[multiword.span.clone()].to_owned();
        let words = &mut self.sentence.words[multiword.first_word..];
        let whole: String = words.iter().map(|word| word.form.as_str()).collect();
        let spelt = whole.len() == surface.len() && whole.to_lowercase() == surface.to_lowercase();
        let mut at = multiword.span.start;
        for (i, word) in words.iter_mut().enumerate() {
            let len = match (spelt, i) {
                (true, _) => word.form.len(),
                (false, 0) => surface.len(),
                (false, _) => 0,
            };
            word.span = at..at + len;
            at += len;
        }
    }

    fn finish(self) -> Result<Sentence, String> {
        if let Some(multiword) = self.multiword {
            return Err(format!("the multiword token that ends at word {} is not complete", multiword.last));
        }
        if self.sentence.words.is_empty() {
            return Err("the sentence that begins here has no word".to_owned());
        }
        Ok(self.sentence)
    }
}

fn id(written: &str) -> Result<Id, String> {
    let number = |text: &str| text.parse::<u32>().ok();
    let id = if let Some((first, last)) = written.split_once('-') {
        number(first).zip(number(last)).map(|(first, last)| Id::Multiword(first..=last))
    } else if let Some((behind, nth)) = written.split_once('.') {
        number(behind).zip(number(nth)).map(|(behind, _)| Id::Empty(behind))
    } else {
        number(written).map(Id::Word)
    };
    id.ok_or_else(|| format!("`{written}` is no id of a word"))
}
