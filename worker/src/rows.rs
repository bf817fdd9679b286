//! Rows on their way from an encoder to the ops: a matrix and the columns that describe its rows.

use isoscope_plugin_host::{BatchView, ColumnValues, ColumnView, MatrixView};
use ndarray::{Array2, ArrayView2, Axis};
use serde::{Deserialize, Serialize};

/// What is known of each row, whatever the layer. One entry a row in each column.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub struct Columns {
    /// Global id of the row: unique in the dataset and the same however it is cut.
    pub row: Vec<i64>,
    /// Text that the row belongs to: dataset row × texts in a row + place in the row. Empty for a matrix.
    pub sentence: Vec<i64>,
    /// Token id. Empty for a matrix and for sentences.
    pub token_id: Vec<i64>,
    /// Place of the token in its text, special tokens included. Empty for a matrix and for sentences.
    pub position: Vec<i64>,
    /// Gold score of the dataset row; NaN never stands here: rows without a score have none at all.
    pub gold: Vec<f64>,
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

    /// Keeps the rows at the given places.
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
        }
    }

    fn views(&self) -> Vec<ColumnView<'_>> {
        let integers = [
            ("row", &self.row),
            ("sentence", &self.sentence),
            ("token_id", &self.token_id),
            ("position", &self.position),
        ];
        let mut views: Vec<ColumnView<'_>> = integers
            .into_iter()
            .filter(|(_, values)| !values.is_empty())
            .map(|(name, values)| ColumnView { name, values: ColumnValues::I64(values), validity: None })
            .collect();
        if !self.gold.is_empty() {
            views.push(ColumnView { name: "gold", values: ColumnValues::F64(&self.gold), validity: None });
        }
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

/// Averages the rows of each sentence; rows of a sentence are neighbours. Rows in, n×d; sentences out, in order.
#[must_use]
pub fn pool(rows: ArrayView2<'_, f64>, columns: &Columns) -> (Array2<f64>, Columns) {
    let firsts: Vec<usize> =
        (0..columns.len()).filter(|&i| i == 0 || columns.sentence[i] != columns.sentence[i - 1]).collect();
    let mut pooled = Array2::zeros((firsts.len(), rows.ncols()));
    for (i, mut mean) in pooled.rows_mut().into_iter().enumerate() {
        let end = firsts.get(i + 1).copied().unwrap_or(columns.len());
        for row in firsts[i]..end {
            mean += &rows.row(row);
        }
        mean /= (end - firsts[i]) as f64;
    }
    let of_sentence = columns.select(&firsts);
    let columns = Columns {
        row: of_sentence.sentence.clone(),
        sentence: of_sentence.sentence,
        gold: of_sentence.gold,
        ..Columns::default()
    };
    (pooled, columns)
}

/// Places of the rows that hold a NaN or an infinity.
#[must_use]
pub fn nonfinite(rows: ArrayView2<'_, f64>) -> Vec<usize> {
    // Zero times a finite number is zero; times a NaN or an infinity it is NaN, and so is the sum.
    if !rows.iter().map(|x| x * 0.0).sum::<f64>().is_nan() {
        return Vec::new();
    }
    let bad = rows.axis_iter(Axis(0)).enumerate().filter(|(_, row)| row.iter().any(|x| !x.is_finite()));
    bad.map(|(i, _)| i).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use ndarray::array;

    fn columns() -> Columns {
        Columns {
            row: vec![8, 9, 10, 11],
            sentence: vec![4, 4, 4, 5],
            gold: vec![1.0, 1.0, 1.0, 2.0],
            ..Columns::default()
        }
    }

    #[test]
    fn pooling_averages_each_sentence_once() {
        let rows = array![[1.0, 0.0], [2.0, 0.0], [6.0, 3.0], [5.0, 5.0]];
        let (pooled, columns) = pool(rows.view(), &columns());
        assert_eq!(pooled, array![[3.0, 1.0], [5.0, 5.0]]);
        assert_eq!((columns.row, columns.gold), (vec![4, 5], vec![1.0, 2.0]));
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
}
