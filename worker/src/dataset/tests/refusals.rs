//! Every refusal names the file, the line or field, and what to do.

use super::Dataset;
use isoscope_core::study::Format;

fn tsv(data: impl AsRef<[u8]>) -> Dataset {
    Dataset::new("d.tsv", data, &["sentence1"], Some("score"))
}

fn csv(data: impl AsRef<[u8]>) -> Dataset {
    Dataset::new("d.csv", data, &["sentence1"], Some("score"))
}

fn jsonl(data: impl AsRef<[u8]>) -> Dataset {
    Dataset::new("d.jsonl", data, &["sentence1"], Some("score"))
}

#[test]
fn an_empty_dataset_is_refused() {
    assert_eq!(tsv("").refusal(), "d.tsv is empty: it has no row");
    assert_eq!(tsv("sentence1\tscore\n").refusal(), "d.tsv is empty: it has no row");
    assert_eq!(csv("").refusal(), "d.csv is empty: it has no row");
    assert_eq!(csv("sentence1,score\r\n\r\n").refusal(), "d.csv is empty: it has no row");
    assert_eq!(jsonl("\n \n").refusal(), "d.jsonl is empty: it has no row");
    assert_eq!(Dataset::new("d.txt", "\u{feff}", &[], None).refusal(), "d.txt is empty: it has no row");
}

#[test]
fn a_missing_column_is_named_with_the_nearest_and_all_others() {
    let expected =
        "line 1: no column `sentence1` (did you mean `Sentence_1`?); columns here: id, Sentence_1, score";
    assert_eq!(tsv("id\tSentence_1\tscore\n1\tx\t2\n").refusal(), format!("d.tsv, {expected}"));
    assert_eq!(csv("id,Sentence_1,score\n1,x,2\n").refusal(), format!("d.csv, {expected}"));
    assert_eq!(
        jsonl("{\"sentence1\":\"x\",\"score\":1}\n{\"sentence1\":\"y\"}\n").refusal(),
        "d.jsonl, line 2: no column `score`; columns here: sentence1"
    );
    let listed = tsv("1\tx\n").without_header(&["score", "text"]);
    assert_eq!(listed.refusal(), "d.tsv, line 1: no column `sentence1`; columns here: score, text");
}

#[test]
fn a_column_that_occurs_twice_is_refused_when_it_is_needed() {
    let message = "d.csv, line 1: two columns are called `score`; rename one of them";
    assert_eq!(csv("score,sentence1,score\n1,x,2\n").refusal(), message);
    assert_eq!(csv("score,sentence1,id,id\n1,x,2,3\n").all().len(), 1);
}

#[test]
fn a_ragged_row_is_named_by_the_line_in_which_it_begins() {
    assert_eq!(
        tsv("sentence1\tscore\nx\t1\n\ny\n").refusal(),
        "d.tsv, line 4: there are 2 columns, but this row has 1"
    );
    for end in ["\n", "\r\n"] {
        let data = ["sentence1,score", "\"two", "lines\",1", "", "", "\"y", "\",2,3", "z,1"].join(end);
        assert_eq!(
            csv(&data).refusal(),
            "d.csv, line 6: there are 2 columns, but this row has 3",
            "{data:?}"
        );
    }
    let last = "sentence1,score\nx,1\ny";
    assert_eq!(csv(last).refusal(), "d.csv, line 3: there are 2 columns, but this row has 1");
}

#[test]
fn a_quote_that_is_never_closed_is_refused_rather_than_swallowing_the_rest() {
    let message = "d.csv, line 3: a quoted field of the row that begins here is never closed";
    for data in ["sentence1,score\nx,1\n\"y,2\nz,3\n", "sentence1,score\nx,1\n\"y,2\nz,3"] {
        assert_eq!(csv(data).refusal(), message, "{data:?}");
    }
    assert_eq!(csv("score,sentence1\n1,\"closed\n\"").all()[0].texts, ["closed\n"]);
    assert_eq!(csv("score,sentence1\n1,\"closed\n\"\n").all()[0].texts, ["closed\n"]);
}

#[test]
fn bytes_that_are_not_utf_8_are_named_by_their_line() {
    let advice = "not UTF-8; convert the file (iconv -f LATIN1 -t UTF-8, or the encoding it has)";
    assert_eq!(tsv(b"sentence1\tscore\nx\t1\nd\xe9j\xe0\t2\n").refusal(), format!("d.tsv, line 3: {advice}"));
    assert_eq!(
        csv(b"id,sentence1,score\n\"1\n2\",\"a\nb\n\xe9\",2\n").refusal(),
        format!("d.csv, line 5: {advice}")
    );
    assert_eq!(Dataset::new("d.txt", b"\xe9\n", &[], None).refusal(), format!("d.txt, line 1: {advice}"));
}

#[test]
fn a_gold_score_must_be_a_finite_number() {
    for value in ["", "high", "nan", "inf", "1e999", "1,5"] {
        let message = format!(
            "d.tsv, line 3, column `score`: `{value}` is not a finite number; a gold score must be one"
        );
        assert_eq!(tsv(format!("sentence1\tscore\nx\t1\ny\t{value}\n")).refusal(), message);
    }
    for value in ["null", "\"3\"", "true", "[]"] {
        let message = format!(
            "d.jsonl, line 1, column `score`: `{value}` is not a finite number; a gold score must be one"
        );
        assert_eq!(jsonl(format!("{{\"sentence1\":\"x\",\"score\":{value}}}")).refusal(), message);
    }
}

#[test]
fn a_line_of_jsonl_must_be_an_object_with_a_string_for_text() {
    let message = jsonl("{\"sentence1\":\"x\",\"score\":1}\n{\"sentence1\":\n").refusal();
    assert!(message.starts_with("d.jsonl, line 2: not a JSON object: "), "{message}");
    let message = jsonl("[1]\n").refusal();
    assert!(message.starts_with("d.jsonl, line 1: not a JSON object: "), "{message}");
    assert_eq!(
        jsonl("{\"sentence1\":7,\"score\":1}").refusal(),
        "d.jsonl, line 1, column `sentence1`: the text is a number; it must be a string"
    );
}

#[test]
fn a_compressed_file_is_refused_with_what_to_do() {
    let message = |file: &str| format!("{file} is gzip-compressed; decompress it (gunzip --keep ");
    for file in ["d.tsv", "d.tsv.gz"] {
        let mut dataset = Dataset::new(file, b"\x1f\x8b\x08\x00", &["a"], None);
        dataset.spec.format = Some(Format::Tsv);
        assert!(dataset.refusal().starts_with(&message(file)), "{}", dataset.refusal());
    }
}

#[test]
fn a_file_that_is_missing_or_of_unknown_format_is_refused() {
    let mut dataset = Dataset::new("d.parquet", "x", &["a"], None);
    assert!(
        dataset.refusal().starts_with("the format of d.parquet cannot be told from its name; add format = ")
    );
    dataset.spec.source = "e.tsv".to_owned();
    assert!(dataset.refusal().starts_with("cannot open e.tsv: "), "{}", dataset.refusal());
}

#[test]
fn keys_without_a_meaning_for_the_format_are_refused_not_ignored() {
    let text = Dataset::new("d.txt", "x\n", &["a"], None);
    assert_eq!(text.refusal(), "dataset `d`: `text` has no meaning for a txt file; remove it");
    let gold = Dataset::new("d.txt", "x\n", &[], Some("score"));
    assert_eq!(gold.refusal(), "dataset `d`: `gold` has no meaning for a txt file; remove it");
    let columns = jsonl("{}").without_header(&["a"]);
    assert_eq!(columns.refusal(), "dataset `d`: `columns` has no meaning for a jsonl file; remove it");
    let none = Dataset::new("d.tsv", "a\nx\n", &[], None);
    assert_eq!(none.refusal(), "dataset `d`: `text` names 0 columns; name one, or two for sentence pairs");
}
