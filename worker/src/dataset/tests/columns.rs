//! Columns that rows take along from their own file.

use super::{Dataset, written};
use isoscope_core::study::Unit;

fn labelled(file: &str, data: &str) -> Dataset {
    let mut dataset = Dataset::new(file, data, &["text"], None);
    dataset.spec.label = Some("class".to_owned());
    dataset.spec.carry = vec!["year".to_owned(), "source".to_owned()];
    dataset
}

#[test]
fn labels_and_carried_fields_are_strings_and_an_empty_one_is_missing() {
    for (file, data) in [
        ("d.tsv", "text\tclass\tsource\tyear\nx\tgood\tweb\t2001\ny\t\tpaper, web\t\n"),
        ("d.csv", "year,text,class,source\r\n2001,x,good,web\r\n,y,,\"paper, web\"\r\n"),
        (
            "d.jsonl",
            "{\"text\":\"x\",\"class\":\"good\",\"year\":2001,\"source\":\"web\"}\n\
             {\"text\":\"y\",\"class\":null,\"year\":\"\",\"source\":\"paper, web\"}\n",
        ),
    ] {
        let dataset = labelled(file, data);
        let columns = dataset.columns();
        assert_eq!(written(&columns["label"]), "good -", "{file}");
        assert_eq!(written(&columns["year"]), "2001 -", "{file}");
        assert_eq!(written(&columns["source"]), "web paper, web", "{file}");
        let facts = dataset.survey().unwrap();
        assert_eq!(facts.columns, ["label", "source", "word", "year"]);
        assert_eq!(facts.word_columns, ["word"]);
    }
}

#[test]
fn what_rows_have_depends_on_what_a_row_is() {
    let facts = labelled("d.tsv", "text\tclass\tsource\tyear\nx\tgood\tweb\t2001\n").survey().unwrap();
    let has = |unit| ["row", "sentence", "label", "position", "token_id", "word"].map(|c| facts.has(c, unit));
    assert_eq!(has(Unit::Token), [true; 6]);
    assert_eq!(has(Unit::Word), [true, true, true, true, false, true]);
    assert_eq!(has(Unit::Sentence), [true, true, true, false, false, false]);
    assert!(!facts.has("gold", Unit::Token));
}

#[test]
fn a_label_column_that_is_missing_is_named_with_the_nearest() {
    let message = labelled("d.tsv", "text\tClass\tsource\tyear\nx\tgood\tweb\t2001\n").refusal();
    assert_eq!(
        message,
        "d.tsv, line 1: no column `class` (did you mean `Class`?); columns here: text, Class, source, year"
    );
}

#[test]
fn a_field_of_jsonl_that_is_no_scalar_is_refused() {
    let message =
        labelled("d.jsonl", "{\"text\":\"x\",\"class\":[1],\"year\":1,\"source\":\"w\"}\n").refusal();
    assert_eq!(
        message,
        "d.jsonl, line 1, column `class`: the value is an array; it must be a string, a number or a boolean"
    );
}

#[test]
fn numbers_and_truth_values_of_jsonl_are_labels_as_written() {
    let data = "{\"text\":\"x\",\"class\":3,\"year\":1.5,\"source\":\"w\"}\n\
                {\"text\":\"x\",\"class\":true,\"year\":2,\"source\":\"w\"}\n";
    let columns = labelled("d.jsonl", data).columns();
    assert_eq!((written(&columns["label"]), written(&columns["year"])), ("3 true".into(), "1.5 2".into()));
}

#[test]
fn a_table_of_frequencies_knows_words_as_written_before_words_in_lower_case() {
    let mut dataset = Dataset::new("d.txt", "x\n", &[], None);
    dataset.beside("f.tsv", "the\t7.7\nThe\t6.9\npolish\t4.1\n");
    dataset.spec.frequency = Some("f.tsv".to_owned());
    let facts = dataset.survey().unwrap();
    assert_eq!(
        (facts.columns.join(" "), facts.word_columns.join(" ")),
        ("frequency word".into(), "frequency word".into())
    );
    let table = crate::dataset::frequencies(&dataset.spec, &facts, dataset.folder.path()).unwrap().unwrap();
    assert_eq!([table.of("the"), table.of("The"), table.of("THE")], [Some(7.7), Some(6.9), Some(7.7)]);
    assert_eq!([table.of("Polish"), table.of("unknown")], [Some(4.1), None]);
}

#[test]
fn a_table_of_frequencies_must_hold_a_word_and_a_number_a_line_and_no_word_twice() {
    let refused = |table: &str| {
        let mut dataset = Dataset::new("d.txt", "x\n", &[], None);
        dataset.beside("f.tsv", table);
        dataset.spec.frequency = Some("f.tsv".to_owned());
        dataset.refusal()
    };
    let advice = "a line holds a word, a tab, and its frequency on the Zipf scale";
    assert_eq!(refused("a\t1\nb\n"), format!("f.tsv, line 2: there is no word and tab; {advice}"));
    assert_eq!(refused("word\tzipf\n"), format!("f.tsv, line 1: `zipf` is not a finite number; {advice}"));
    assert_eq!(
        refused("a\t1\na\t2\n"),
        format!("f.tsv, line 2: the word `a` stands in the table already; {advice}")
    );
    assert_eq!(refused(""), "f.tsv is empty: it has no row");
}

#[test]
fn a_table_of_frequencies_that_changed_after_the_survey_is_refused() {
    let mut dataset = Dataset::new("d.txt", "x\n", &[], None);
    dataset.beside("f.tsv", "a\t1\n");
    dataset.spec.frequency = Some("f.tsv".to_owned());
    let facts = dataset.survey().unwrap();
    dataset.beside("f.tsv", "a\t2\n");
    let error = crate::dataset::frequencies(&dataset.spec, &facts, dataset.folder.path()).unwrap_err();
    assert_eq!(
        dataset.brief(&error),
        "f.tsv has changed since it was surveyed (other bytes than then); submit the study again"
    );
    assert_ne!(dataset.survey().unwrap().digest, facts.digest, "the digest covers the table");
}
