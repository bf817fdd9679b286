//! Training and test parts: in two files, or in one column.

use super::matrices::{bytes32, dict, file};
use super::{Dataset, written};
use crate::dataset::read_matrix;
use ndarray::{Array2, Axis, Slice};

fn two_files() -> Dataset {
    let mut dataset = Dataset::new("te.tsv", "text\tclass\nd\tq\ne\tp\n", &["text"], None);
    dataset.beside("tr.tsv", "class\ttext\np\ta\nq\tb\np\tc\n");
    dataset.spec.label = Some("class".to_owned());
    dataset.spec.train = Some("tr.tsv".to_owned());
    dataset
}

#[test]
fn rows_of_the_training_file_come_first_and_a_range_may_span_both() {
    let dataset = two_files();
    let facts = dataset.survey().unwrap();
    assert_eq!((facts.rows, facts.train_rows), (5, 3));
    assert_eq!(facts.columns, ["label", "split", "word"]);
    let all = dataset.all();
    let texts: Vec<&str> = all.iter().map(|row| row.texts[0].as_str()).collect();
    assert_eq!(texts, ["a", "b", "c", "d", "e"]);
    assert!(all.iter().enumerate().all(|(i, row)| row.index == i as u64));
    for from in 0..=5 {
        for to in from..=5 {
            assert_eq!(dataset.texts(&facts, from..to).unwrap(), all[from as usize..to as usize]);
        }
    }
    let columns = dataset.columns();
    assert_eq!(written(&columns["split"]), "train train train test test");
    assert_eq!(written(&columns["label"]), "p q p q p", "each file has its own order of columns");
}

#[test]
fn the_digest_covers_both_files() {
    let dataset = two_files();
    let before = dataset.survey().unwrap().digest;
    dataset.beside("tr.tsv", "class\ttext\np\ta\nq\tb\np\tz\n");
    assert_ne!(dataset.survey().unwrap().digest, before);
}

#[test]
fn attached_values_cover_the_rows_of_both_files() {
    let dataset = two_files().attach("group", "g.txt", "1\n2\n3\n4\n5\n");
    assert_eq!(written(&dataset.columns()["group"]), "1 2 3 4 5");
    dataset.beside("g.txt", "1\n2\n");
    assert_eq!(
        dataset.refusal(),
        "g.txt has 2 values for the column `group`, but the dataset has 5 rows, the 3 of the training file first"
    );
}

#[test]
fn a_column_can_say_the_part_and_rows_of_any_other_are_left_out() {
    let data = "text\tpart\na\ttrain\nb\tte\nc\tdev\nd\t\ne\ttr\nf\ttest\n";
    let mut dataset = Dataset::new("d.tsv", data, &["text"], None);
    dataset.spec.split = Some("part".to_owned());
    assert_eq!(written(&dataset.columns()["split"]), "train test - - train test");
    let facts = dataset.survey().unwrap();
    assert_eq!((facts.rows, facts.train_rows), (6, 0));
    assert_eq!(facts.columns, ["split", "word"]);
}

#[test]
fn a_part_without_rows_is_refused() {
    let refused = |data: &str| {
        let mut dataset = Dataset::new("d.tsv", data, &["text"], None);
        dataset.spec.split = Some("part".to_owned());
        dataset.refusal()
    };
    assert_eq!(
        refused("text\tpart\na\ttrain\nb\tdev\n"),
        "d.tsv: the column `part` puts no row into the part `test` (1 train, 0 test, 1 of any other part); its values are \
         `train` or `tr`, `test` or `te`"
    );
    assert!(refused("text\tpart\na\tTrain\nb\ttest\n").contains("no row into the part `train`"));
    let attached = Dataset::new("d.txt", "a\nb\n", &[], None).attach("split", "s.txt", "test\ntest\n");
    assert!(attached.refusal().starts_with("s.txt: the column `split` puts no row into the part `train`"));
}

#[test]
fn a_training_file_that_is_missing_or_empty_is_refused_by_its_name() {
    let dataset = two_files();
    dataset.beside("tr.tsv", "class\ttext\n");
    assert_eq!(dataset.refusal(), "tr.tsv is empty: it has no row");
    dataset.beside("tr.tsv", "klass\ttext\np\ta\n");
    assert!(dataset.refusal().starts_with("tr.tsv, line 1: no column `class` (did you mean `klass`?)"));
}

fn npy(rows: usize, cols: usize) -> Vec<u8> {
    let x = Array2::from_shape_fn((rows, cols), |(i, j)| (rows * 10 + i) as f64 + 0.25 * j as f64);
    file(1, &dict("'<f4'", "False", &format!("({rows}, {cols})")), &bytes32(&x))
}

#[test]
fn matrices_of_two_parts_are_read_as_one() {
    let mut dataset = Dataset::new("x.npy", npy(2, 3), &[], None);
    dataset.beside("t.npy", npy(4, 3));
    dataset.spec.train = Some("t.npy".to_owned());
    let facts = dataset.survey().unwrap();
    assert_eq!((facts.rows, facts.train_rows, facts.width), (6, 4, Some(3)));
    let all = read_matrix(&dataset.spec, &facts, dataset.folder.path(), 0..6).unwrap();
    let firsts: Vec<f64> = all.column(0).to_vec();
    assert_eq!(firsts, [40.0, 41.0, 42.0, 43.0, 20.0, 21.0]);
    let middle = read_matrix(&dataset.spec, &facts, dataset.folder.path(), 3..5).unwrap();
    assert_eq!(middle, all.slice_axis(Axis(0), Slice::from(3..5)));
    assert_eq!(written(&dataset.columns()["split"]), "train train train train test test");
    dataset.beside("t.npy", npy(4, 2));
    assert_eq!(
        dataset.refusal(),
        "t.npy is 2 wide, but the matrix that is measured is 3 wide; the two parts must be of one kind"
    );
}
