//! Datasets written, surveyed and read again.
#![allow(clippy::unwrap_used)]

mod matrices;
mod ranges;
mod refusals;

use super::{DatasetError, Row, read_texts, survey};
use isoscope_core::facts::DatasetFacts;
use isoscope_core::study::DatasetSpec;
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

    /// Surveys what must be refused; returns the message without the folder.
    fn refusal(&self) -> String {
        self.brief(&self.survey().unwrap_err())
    }

    fn brief(&self, error: &DatasetError) -> String {
        error.to_string().replace(&format!("{}/", self.folder.path().display()), "")
    }
}

fn row(index: u64, texts: &[&str], gold: Option<f64>) -> Row {
    Row { index, texts: texts.iter().map(|&text| text.to_owned()).collect(), gold }
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
