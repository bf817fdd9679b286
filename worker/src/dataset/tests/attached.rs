//! Columns from files of their own.

use super::matrices::{bytes32, dict, file};
use super::{Dataset, written};
use isoscope_core::facts::ColumnType;
use isoscope_core::study::Unit;
use ndarray::Array2;
use std::fmt::Write as _;

fn text(rows: usize) -> Dataset {
    Dataset::new("d.txt", "x\n".repeat(rows), &[], None)
}

fn matrix(rows: usize) -> Dataset {
    let x = Array2::from_shape_fn((rows, 2), |(i, j)| (i + j) as f64);
    let bytes = file(1, &dict("'<f4'", "False", &format!("({rows}, 2)")), &bytes32(&x));
    Dataset::new("x.npy", bytes, &[], None)
}

fn vector(descr: &str, values: &[&[u8]]) -> Vec<u8> {
    file(1, &dict(&format!("'{descr}'"), "False", &format!("({},)", values.len())), &values.concat())
}

#[test]
fn lines_are_strings_and_vectors_are_numbers() {
    let floats =
        vector("<f8", &[&1.75_f64.to_le_bytes(), &f64::NAN.to_le_bytes(), &(-2.0_f64).to_le_bytes()]);
    let dataset = text(3)
        .attach("topic", "t.txt", "art\r\n\r\nwar\r\n")
        .attach("cluster", "c.npy", vector("<i8", &[&7_i64.to_le_bytes(), &[0; 8], &(-1_i64).to_le_bytes()]))
        .attach("length", "l.npy", floats);
    let columns = dataset.columns();
    assert_eq!(written(&columns["topic"]), "art - war");
    assert_eq!(written(&columns["cluster"]), "7 0 -1");
    assert_eq!((columns["length"].f64(0), columns["length"].f64(1)), (Some(1.75), None));
    let facts = dataset.survey().unwrap();
    let types: Vec<ColumnType> = facts.attached.iter().map(|known| known.values).collect();
    assert_eq!(types, [ColumnType::I64, ColumnType::F64, ColumnType::Text]);
    assert_eq!(facts.columns, ["cluster", "length", "topic", "word"]);
}

#[test]
fn every_width_of_number_is_read() {
    for (descr, one) in [
        ("|b1", &[1_u8][..]),
        ("|u1", &[1]),
        ("|i1", &[1]),
        ("<u2", &[1, 0]),
        ("<i2", &[1, 0]),
        ("<u4", &[1, 0, 0, 0]),
        ("<i4", &[1, 0, 0, 0]),
        ("<u8", &[1, 0, 0, 0, 0, 0, 0, 0]),
        ("<i8", &[1, 0, 0, 0, 0, 0, 0, 0]),
        ("<f4", &1_f32.to_le_bytes()),
        ("<f8", &1_f64.to_le_bytes()),
    ] {
        let dataset = text(2).attach("label", "l.npy", vector(descr, &[one, one]));
        assert_eq!(written(&dataset.columns()["label"]), "1 1", "{descr}");
    }
    let negative = text(1).attach("c", "c.npy", vector("<i4", &[&(-5_i32).to_le_bytes()]));
    assert_eq!(written(&negative.columns()["c"]), "-5");
}

#[test]
fn columns_of_a_matrix_hold_what_their_names_mean_for_text() {
    let floats = |values: &[f32]| {
        let bytes: Vec<[u8; 4]> = values.iter().map(|value| value.to_le_bytes()).collect();
        vector("<f4", &bytes.iter().map(<[u8; 4]>::as_slice).collect::<Vec<_>>())
    };
    let dataset = matrix(3)
        .attach("label", "label.npy", floats(&[3.0, f32::NAN, 12.0]))
        .attach("word", "word.txt", "the\ncat\n\n")
        .attach("sentence", "sentence.txt", "0\n0\n1\n")
        .attach("position", "position.npy", floats(&[1.0, 2.0, 0.0]))
        .attach("head", "head.txt", "2\n0\n\n")
        .attach("gold", "gold.txt", "0.5\n1e1\n-2\n")
        .attach("split", "split.txt", "tr\nte\nother\n");
    let columns = dataset.columns();
    assert_eq!(written(&columns["label"]), "3 - 12");
    assert_eq!(written(&columns["word"]), "the cat -");
    assert_eq!(written(&columns["split"]), "train test -");
    assert_eq!((columns["head"].i64(0), columns["head"].i64(2)), (Some(2), None));
    assert_eq!((columns["sentence"].i64(2), columns["position"].i64(0)), (Some(1), Some(1)));
    assert_eq!((columns["gold"].f64(0), columns["gold"].f64(1)), (Some(0.5), Some(10.0)));
    let facts = dataset.survey().unwrap();
    assert!(facts.gold && facts.has("sentence", Unit::Sentence) && !facts.has("token_id", Unit::Token));
    assert_eq!(facts.columns, ["gold", "head", "label", "position", "sentence", "split", "word"]);
}

#[test]
fn a_gold_score_may_be_attached_to_text() {
    let dataset = text(2).attach("gold", "g.txt", "1\n2.5\n");
    let gold: Vec<_> = dataset.all().iter().map(|row| row.gold).collect();
    assert_eq!(gold, [Some(1.0), Some(2.5)]);
    assert!(dataset.survey().unwrap().gold && !dataset.columns().contains_key("gold"));
}

#[test]
fn any_range_of_a_long_file_is_read_by_its_index() {
    let mut lines = String::new();
    (0..3000).for_each(|i| writeln!(lines, "v{i}").unwrap());
    let dataset = text(3000).attach("v", "v.txt", lines);
    let facts = dataset.survey().unwrap();
    assert!(facts.attached[0].index.places.len() <= 512);
    for from in [0, 1, 511, 1499, 2998] {
        let read =
            crate::dataset::read_columns(&dataset.spec, &facts, dataset.folder.path(), from..from + 2, &[])
                .unwrap();
        assert_eq!(written(&read["v"]), format!("v{from} v{}", from + 1));
    }
}

#[test]
fn a_file_of_more_or_fewer_values_than_rows_is_refused() {
    let expected = |file, n| format!("{file} has {n} values for the column `c`, but the dataset has 3 rows");
    assert_eq!(text(3).attach("c", "c.txt", "a\nb\n").refusal(), expected("c.txt", 2));
    assert_eq!(text(3).attach("c", "c.txt", "a\nb\nc\nd\n").refusal(), expected("c.txt", 4));
    assert_eq!(matrix(3).attach("c", "c.npy", vector("|u1", &[&[1]])).refusal(), expected("c.npy", 1));
}

#[test]
fn a_value_that_the_column_cannot_hold_is_named_by_its_place() {
    let refused = |name: &str, file: &str, bytes: &[u8]| matrix(2).attach(name, file, bytes).refusal();
    assert_eq!(
        refused("sentence", "s.txt", b"0\none\n"),
        "s.txt, line 2: `one` is not a whole number, which the column `sentence` holds"
    );
    assert_eq!(
        refused("gold", "g.txt", b"\n1\n"),
        "g.txt, line 1: `` is not a finite number, which the column `gold` holds"
    );
    let halves = vector("<f4", &[&1_f32.to_le_bytes(), &0.5_f32.to_le_bytes()]);
    assert_eq!(
        refused("label", "l.npy", &halves),
        "l.npy, entry 1: `0.5` is not a whole number or text, which the column `label` holds"
    );
    let endless = vector("<f4", &[&f32::INFINITY.to_le_bytes(), &[0; 4]]);
    assert_eq!(
        refused("c", "c.npy", &endless),
        "c.npy, entry 0: `inf` is not a finite number, which the column `c` holds"
    );
}

#[test]
fn what_is_no_vector_of_numbers_is_refused_with_what_to_do() {
    let strings = file(1, &dict("'<U1'", "False", "(2,)"), &[0; 8]);
    assert_eq!(
        matrix(2).attach("c", "c.npy", strings).refusal(),
        "c.npy: dtype '<U1' is not supported; save whole numbers or floats, or write a text file with one value a line"
    );
    let wide = file(1, &dict("'|u1'", "False", "(2, 2)"), &[0; 4]);
    assert_eq!(
        matrix(2).attach("c", "c.npy", wide).refusal(),
        "c.npy: shape (2, 2) is not that of a vector: there must be one value a row"
    );
    let short = file(1, &dict("'<i4'", "False", "(2,)"), &[0; 7]);
    assert!(
        matrix(2)
            .attach("c", "c.npy", short)
            .refusal()
            .contains("7 bytes of data where the header promises 8")
    );
}

#[test]
fn an_attached_file_that_has_shrunk_is_refused() {
    for (file, before, after) in [
        ("c.txt", b"a\nb\n".to_vec(), b"a\n".to_vec()),
        ("c.npy", vector("|u1", &[&[1], &[2]]), vector("|u1", &[&[1]])),
    ] {
        let dataset = matrix(2).attach("c", file, before);
        let facts = dataset.survey().unwrap();
        dataset.beside(file, after);
        let read = crate::dataset::read_columns(&dataset.spec, &facts, dataset.folder.path(), 1..2, &[]);
        assert_eq!(
            dataset.brief(&read.unwrap_err()),
            format!("{file} has changed since it was surveyed (row 1 is gone); submit the study again")
        );
    }
}
