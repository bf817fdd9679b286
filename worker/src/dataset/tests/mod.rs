//! Datasets written, surveyed and read again.
#![allow(clippy::unwrap_used)]

mod attached;
mod columns;
mod conllu;
mod matrices;
mod parts;
mod ranges;
mod refusals;

use super::{DatasetError, Row, read_columns, read_texts, survey};
use crate::rows::Column;
use isoscope_core::facts::DatasetFacts;
use isoscope_core::study::DatasetSpec;
use std::borrow::Cow;
use std::collections::BTreeMap;
use std::fs;
use tempfile::TempDir;

/// A folder with one dataset in it.
struct Dataset {
    folder: TempDir,
    spec: DatasetSpec,
}

impl Dataset {
    fn new(file: &str, bytes: impl AsRef<[u8]>, text: &[&str], gold: Option<&str>) -> Self {
        let folder = tempfile::tempdir().unwrap();
        fs::write(folder.path().join(file), bytes).unwrap();
        let spec = DatasetSpec {
            name: "d".to_owned(),
            source: file.to_owned(),
            format: None,
            text: text.iter().map(|&name| name.to_owned()).collect(),
            gold: gold.map(str::to_owned),
            columns: None,
            label: None,
            carry: Vec::new(),
            attach: BTreeMap::new(),
            frequency: None,
            train: None,
            split: None,
        };
        Self { folder, spec }
    }

    fn without_header(mut self, columns: &[&str]) -> Self {
        self.spec.columns = Some(columns.iter().map(|&name| name.to_owned()).collect());
        self
    }

    fn overwrite(&self, bytes: impl AsRef<[u8]>) {
        fs::write(self.folder.path().join(&self.spec.source), bytes).unwrap();
    }

    /// Writes a file beside the dataset.
    fn beside(&self, file: &str, bytes: impl AsRef<[u8]>) {
        fs::write(self.folder.path().join(file), bytes).unwrap();
    }

    /// Attaches a file as a column.
    fn attach(mut self, name: &str, file: &str, bytes: impl AsRef<[u8]>) -> Self {
        self.beside(file, bytes);
        self.spec.attach.insert(name.to_owned(), file.to_owned());
        self
    }

    fn survey(&self) -> Result<DatasetFacts, DatasetError> {
        survey(&self.spec, self.folder.path())
    }

    fn texts(&self, facts: &DatasetFacts, rows: std::ops::Range<u64>) -> Result<Vec<Row>, DatasetError> {
        read_texts(&self.spec, facts, self.folder.path(), rows)
    }

    fn all(&self) -> Vec<Row> {
        let facts = self.survey().unwrap();
        self.texts(&facts, 0..facts.rows).unwrap()
    }

    /// The columns of all rows, and those of any range, which must be slices of them.
    fn columns(&self) -> BTreeMap<String, Column> {
        let facts = self.survey().unwrap();
        let is_text = facts.width.is_none();
        let read = |rows: std::ops::Range<u64>| {
            let texts = if is_text { self.texts(&facts, rows.clone()).unwrap() } else { Vec::new() };
            read_columns(&self.spec, &facts, self.folder.path(), rows, &texts).unwrap()
        };
        let all = read(0..facts.rows);
        for from in 0..=facts.rows {
            for to in from..=facts.rows {
                for (name, column) in read(from..to) {
                    let keys = (0..column.len()).map(|i| column.key(i).map(Cow::into_owned));
                    let slice = keys_of(&all[&name], from as usize..to as usize);
                    assert_eq!(keys.collect::<Vec<_>>(), slice, "{name} of {from} to {to}");
                }
            }
        }
        all
    }

    /// Surveys what must be refused; returns the message without the folder.
    fn refusal(&self) -> String {
        self.brief(&self.survey().unwrap_err())
    }

    fn brief(&self, error: &DatasetError) -> String {
        error.to_string().replace(&format!("{}/", self.folder.path().display()), "")
    }
}

/// Values of some rows of a column as text.
fn keys_of(column: &Column, rows: std::ops::Range<usize>) -> Vec<Option<String>> {
    rows.map(|i| column.key(i).map(Cow::into_owned)).collect()
}

/// Values of a column as text; `-` is a missing one.
fn written(column: &Column) -> String {
    let values =
        keys_of(column, 0..column.len()).into_iter().map(|key| key.unwrap_or_else(|| "-".to_owned()));
    values.collect::<Vec<_>>().join(" ")
}

fn row(index: u64, texts: &[&str], gold: Option<f64>) -> Row {
    let texts = texts.iter().map(|&text| text.to_owned()).collect();
    Row { index, texts, gold, fields: Vec::new(), words: Vec::new() }
}

#[test]
fn a_tsv_file_is_split_on_tabs_and_quotes_mean_nothing() {
    let data = "score\ta\tb\n4.5\t\"He said\tno, \"\"\n 0 \ttwo\t\n1e0\tx\ry\tz";
    let dataset = Dataset::new("d.tsv", data, &["a", "b"], Some("score"));
    let expected = [
        row(0, &["\"He said", "no, \"\""], Some(4.5)),
        row(1, &["two", ""], Some(0.0)),
        row(2, &["x\ry", "z"], Some(1.0)),
    ];
    assert_eq!(dataset.all(), expected);
    let facts = dataset.survey().unwrap();
    assert_eq!((facts.sides, facts.gold, facts.width), (2, true, None));
}

#[test]
fn a_csv_file_is_read_by_rfc_4180() {
    let data =
        "a,score\r\n\"one, \"\"two\"\"\r\nthree\",1\r\nplain \"quote\",-2.5\r\n\"\",3\r\n\r\nlast,\"4\"";
    let dataset = Dataset::new("d.csv", data, &["a"], Some("score"));
    let expected = [
        row(0, &["one, \"two\"\r\nthree"], Some(1.0)),
        row(1, &["plain \"quote\""], Some(-2.5)),
        row(2, &[""], Some(3.0)),
        row(3, &["last"], Some(4.0)),
    ];
    assert_eq!(dataset.all(), expected);
}

#[test]
fn a_jsonl_file_is_read_by_field() {
    let data =
        "{\"s\": \"tab\\tand \\u00e9\", \"gold\": 3}\r\n\n{\"gold\": 0.5, \"s\": \"\", \"extra\": [1]}\n";
    let dataset = Dataset::new("d.jsonl", data, &["s"], Some("gold"));
    assert_eq!(dataset.all(), [row(0, &["tab\tand é"], Some(3.0)), row(1, &[""], Some(0.5))]);
}

#[test]
fn every_line_of_a_txt_file_is_a_row_and_the_last_line_feed_begins_none() {
    for (data, expected) in [
        ("a\nb\n", vec!["a", "b"]),
        ("a\nb", vec!["a", "b"]),
        ("a\r\n\r\nb\r\n", vec!["a", "", "b"]),
        ("\n", vec![""]),
        ("a\n\n", vec!["a", ""]),
    ] {
        let dataset = Dataset::new("d.txt", data, &[], None);
        let texts: Vec<String> = dataset.all().into_iter().map(|mut row| row.texts.remove(0)).collect();
        assert_eq!(texts, expected, "{data:?}");
    }
}

#[test]
fn a_byte_order_mark_is_skipped_in_every_format() {
    for (file, data, text) in [
        ("d.tsv", "\u{feff}a\tb\nx\ty\n", Some("a")),
        ("d.csv", "\u{feff}a,b\nx,y\n", Some("a")),
        ("d.csv", "\u{feff}\"a\",b\nx,y\n", Some("a")),
        ("d.jsonl", "\u{feff}{\"a\": \"x\"}\n", Some("a")),
        ("d.txt", "\u{feff}x\n", None),
    ] {
        let dataset = Dataset::new(file, data, text.as_slice(), None);
        assert_eq!(dataset.all(), [row(0, &["x"], None)], "{data:?}");
    }
}

#[test]
fn columns_in_the_study_mean_that_there_is_no_header_line() {
    for (file, data) in [("d.tsv", "1\tx\n2\ty\n"), ("d.csv", "1,x\n2,y\n")] {
        let dataset = Dataset::new(file, data, &["text"], Some("gold")).without_header(&["gold", "text"]);
        assert_eq!(dataset.all(), [row(0, &["x"], Some(1.0)), row(1, &["y"], Some(2.0))]);
    }
}

#[test]
fn blank_lines_hold_no_row_but_in_a_file_of_one_column_they_are_empty_texts() {
    let several = Dataset::new("d.tsv", "a\tb\n\nx\ty\n\n", &["a"], None);
    assert_eq!(several.all(), [row(0, &["x"], None)]);
    let one = Dataset::new("d.tsv", "a\n\nx\n", &["a"], None);
    assert_eq!(one.all(), [row(0, &[""], None), row(1, &["x"], None)]);
}

#[test]
fn the_digest_is_that_of_the_bytes_and_the_format_given_goes_before_the_extension() {
    let mut dataset = Dataset::new("d.dat", "\u{feff}abc\n", &[], None);
    dataset.spec.format = Some(isoscope_core::study::Format::Txt);
    assert_eq!(dataset.survey().unwrap().digest, isoscope_core::digest::sha256("\u{feff}abc\n".as_bytes()));
}
