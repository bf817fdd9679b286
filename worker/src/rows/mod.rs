//! Rows on their way from an encoder to the ops: a matrix and the columns that describe its rows.

mod append;
mod column;
mod pool;

pub use column::{Column, Scope};
pub use pool::pool;

use isoscope_plugin_host::{BatchView, ColumnValues, ColumnView, MatrixView};
use ndarray::{ArrayView1, ArrayView2, Axis};
use serde::{Deserialize, Serialize};
use std::borrow::Cow;
use std::collections::BTreeMap;

/// Value of the column `split` of a row that enhancements are fitted and probes trained on.
pub const TRAIN: &str = "train";
/// Value of the column `split` of a row that is measured.
pub const TEST: &str = "test";

/// What is known of each row, whatever the layer. One entry a row in each column that is not empty.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub struct Columns {
    /// Global id of the row: unique in the dataset and the same however it is cut.
    pub row: Vec<i64>,
    /// Text that the row belongs to: dataset row × texts in a row + place in the row. Empty for a matrix without sentences.
    pub sentence: Vec<i64>,
    /// Token id. Empty for a matrix without them, for words and for sentences.
    pub token_id: Vec<i64>,
    /// Place of the token in its text, special tokens included; of a row that is a word its place among the words, from 1.
    /// Empty for a matrix without places and for sentences.
    pub position: Vec<i64>,
    /// Gold score of the dataset row; NaN never stands here: rows without a score have none at all.
    pub gold: Vec<f64>,
    /// Place of the token's word in its text, counted from 1; 0 for a token of no word. Empty for a matrix and for sentences.
    /// It tells where a word ends, and is not lent to plugins.
    pub word_place: Vec<i64>,
    /// Further columns by name.
    pub more: BTreeMap<String, Column>,
}

/// Bits of a token's place inside its text in [`Columns::row`].
const POSITION_BITS: u32 = 20;

/// Makes the global id of a token's row.
#[must_use]
pub fn token_row(sentence: i64, position: usize) -> i64 {
    (sentence << POSITION_BITS) | position as i64
}

impl Columns {
    /// Number of rows.
    #[must_use]
    pub fn len(&self) -> usize {
        self.row.len()
    }

    /// Tells whether there are no rows.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.row.is_empty()
    }

    fn integers(&self) -> [(&'static str, &Vec<i64>); 4] {
        [
            ("row", &self.row),
            ("sentence", &self.sentence),
            ("token_id", &self.token_id),
            ("position", &self.position),
        ]
    }

    /// Tells whether the rows have a column of this name; no rows have none.
    #[must_use]
    pub fn has(&self, name: &str) -> bool {
        self.integers().iter().any(|(known, values)| *known == name && !values.is_empty())
            || (name == "gold" && !self.gold.is_empty())
            || self.more.contains_key(name)
    }

    /// The value of any column of row `i` as the key of a group: text as it is, whole numbers in decimal, floats as the
    /// whole number below; none when it is missing.
    #[must_use]
    pub fn key(&self, name: &str, i: usize) -> Option<Cow<'_, str>> {
        if let Some((_, values)) = self.integers().iter().find(|(known, _)| *known == name) {
            return values.get(i).copied().map(column::decimal);
        }
        if name == "gold" {
            return self.gold.get(i).copied().map(column::bin);
        }
        self.more.get(name)?.key(i)
    }

    /// Tells whether row `i` belongs to the training part; false when the dataset has no parts.
    #[must_use]
    pub fn is_train(&self, i: usize) -> bool {
        self.more.get("split").is_some_and(|column| column.text(i) == Some(TRAIN))
    }

    /// Keeps the rows at the given places, which may repeat.
    #[must_use]
    pub fn select(&self, places: &[usize]) -> Self {
        fn pick<T: Copy>(column: &[T], places: &[usize]) -> Vec<T> {
            if column.is_empty() { Vec::new() } else { places.iter().map(|&i| column[i]).collect() }
        }
        Self {
            row: pick(&self.row, places),
            sentence: pick(&self.sentence, places),
            token_id: pick(&self.token_id, places),
            position: pick(&self.position, places),
            gold: pick(&self.gold, places),
            word_place: pick(&self.word_place, places),
            more: self.more.iter().map(|(name, column)| (name.clone(), column.select(places))).collect(),
        }
    }

    fn views(&self) -> Vec<ColumnView<'_>> {
        let integers = self.integers().into_iter().filter(|(_, values)| !values.is_empty());
        let mut views: Vec<ColumnView<'_>> = integers
            .map(|(name, values)| ColumnView { name, values: ColumnValues::I64(values), validity: None })
            .collect();
        if !self.gold.is_empty() {
            views.push(ColumnView { name: "gold", values: ColumnValues::F64(&self.gold), validity: None });
        }
        views.extend(self.more.iter().map(|(name, column)| column.view(name)));
        views
    }
}

/// Borrows rows (n×d, contiguous) and columns for a plugin.
#[must_use]
pub fn batch<'a>(rows: ArrayView2<'a, f64>, columns: &'a Columns) -> Option<BatchView<'a>> {
    let (n, d) = rows.dim();
    let data = rows.to_slice()?;
    let view = MatrixView { data, rows: n, cols: d, stride: d };
    let first_row = columns.row.first().map_or(0, |&row| row as u64);
    Some(BatchView { views: vec![view], columns: columns.views(), first_row })
}

/// Places of the rows that hold a NaN or an infinity.
#[must_use]
pub fn nonfinite(rows: ArrayView2<'_, f64>) -> Vec<usize> {
    // Without a way out on the first, so that the loop is one over vectors.
    let finite = |row: ArrayView1<'_, f64>| row.iter().fold(true, |finite, x| finite & x.is_finite());
    if rows.rows().into_iter().all(finite) {
        return Vec::new();
    }
    let bad = rows.axis_iter(Axis(0)).enumerate().filter(|(_, row)| !finite(*row));
    bad.map(|(i, _)| i).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use ndarray::array;

    fn columns() -> Columns {
        let split = Column::of_texts([Some(TRAIN), Some(TEST)], Scope::Sentence);
        Columns {
            row: vec![8, 9],
            gold: vec![2.5, -1.0],
            more: [("split".to_owned(), split)].into(),
            ..Columns::default()
        }
    }

    #[test]
    fn rows_with_a_nan_or_an_infinity_are_found() {
        let rows = array![[1.0, 0.0], [f64::NAN, 0.0], [6.0, f64::NEG_INFINITY], [f64::MAX, f64::MAX]];
        assert_eq!(nonfinite(rows.view()), [1, 2]);
        assert!(nonfinite(array![[f64::MAX, f64::MAX]].view()).is_empty());
    }

    #[test]
    fn ids_of_token_rows_are_unique_and_ordered() {
        assert!(token_row(3, 511) < token_row(4, 0));
        assert_ne!(token_row(3, 1), token_row(3, 2));
    }

    #[test]
    fn every_column_can_be_asked_for_by_name() {
        let columns = columns();
        let key = |name: &str, i| columns.key(name, i).map(Cow::into_owned);
        assert_eq!(key("row", 1), Some("9".to_owned()));
        assert_eq!(key("gold", 0), Some("2".to_owned()));
        assert_eq!(key("split", 1), Some("test".to_owned()));
        assert_eq!((key("sentence", 0), key("nothing", 0), key("row", 2)), (None, None, None));
        assert!(columns.has("row") && columns.has("gold") && columns.has("split"));
        assert!(!columns.has("sentence") && !columns.has("word"));
    }

    #[test]
    fn rows_of_the_training_part_are_known() {
        assert!(columns().is_train(0) && !columns().is_train(1) && !columns().is_train(2));
        assert!(!Columns { row: vec![1], ..Columns::default() }.is_train(0));
    }

    #[test]
    fn every_column_reaches_the_plugin() {
        let rows = array![[0.0], [1.0]];
        let columns = columns();
        let batch = batch(rows.view(), &columns);
        let names: Vec<&str> =
            batch.iter().flat_map(|batch| &batch.columns).map(|column| column.name).collect();
        assert_eq!(names, ["row", "gold", "split"]);
    }
}
