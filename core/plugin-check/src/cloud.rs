//! Small clouds of rows, with the columns that an op reads.

use isoscope_core::catalogue::OpManifest;
use isoscope_plugin_host::{BatchView, ColumnValues, ColumnView, MatrixView};
use ndarray::{Array2, ArrayView2, Axis, ShapeBuilder};
use std::ops::Range;

/// Width of the first view; the second of a comparison has one column more.
const WIDTH: usize = 6;

/// Rows of one or two views, and columns beside them.
#[derive(Debug, Clone)]
pub struct Cloud {
    views: Vec<View>,
    columns: Vec<Column>,
    /// Rows that a worker never parts: those of a pair of sentences.
    together: usize,
}

#[derive(Debug, Clone)]
struct View {
    numbers: Vec<f64>,
    rows: usize,
    cols: usize,
    stride: usize,
}

#[derive(Debug, Clone)]
struct Column {
    name: String,
    values: Values,
}

#[derive(Debug, Clone)]
enum Values {
    I64(Vec<i64>),
    F64(Vec<f64>),
    /// Ends of the strings before each row, and their bytes, as Arrow lays them out.
    Text(Vec<i32>, Vec<u8>),
}

impl View {
    fn dense(rows: &Array2<f64>) -> Self {
        let (n, d) = rows.dim();
        Self { numbers: rows.iter().copied().collect(), rows: n, cols: d, stride: d }
    }

    fn array(&self) -> ArrayView2<'_, f64> {
        if self.rows == 0 {
            return ArrayView2::from_shape((0, self.cols), &[]).unwrap_or_else(|_| ArrayView2::from(&[[]]));
        }
        let shape = (self.rows, self.cols).strides((self.stride, 1));
        // The buffer is made to hold these rows, so the view is never refused.
        ArrayView2::from_shape(shape, &self.numbers).unwrap_or_else(|_| ArrayView2::from(&[[]]))
    }

    fn lend(&self, rows: &Range<usize>) -> MatrixView<'_> {
        let end = if rows.end == self.rows { self.numbers.len() } else { rows.end * self.stride };
        let data = &self.numbers[rows.start * self.stride..end];
        MatrixView { data, rows: rows.len(), cols: self.cols, stride: self.stride }
    }
}

impl Cloud {
    /// Wraps n×d rows without columns.
    #[must_use]
    pub fn new(rows: &Array2<f64>) -> Self {
        Self { views: vec![View::dense(rows)], columns: Vec::new(), together: 1 }
    }

    /// Makes some rows for an op: its views, and its columns as a worker fills them. They lie around a mean off the origin, with
    /// another spread in every dimension. `seed` gives other rows.
    pub(crate) fn ordinary(op: &OpManifest, rows: usize, seed: u64) -> Self {
        Self::draw(op, rows, WIDTH, seed)
    }

    /// Makes rows of another width for an op.
    pub(crate) fn wide(op: &OpManifest, rows: usize, width: usize) -> Self {
        Self::draw(op, rows, width, 1)
    }

    fn draw(op: &OpManifest, rows: usize, width: usize, seed: u64) -> Self {
        let mut chance = Chance(seed);
        let together = if op.columns.iter().any(|name| name == "sentence") { 4 } else { 1 };
        let rows = rows.next_multiple_of(together);
        let views = (0..op.views as usize).map(|view| View::dense(&chance.rows(rows, width + view)));
        let views = views.collect();
        let columns =
            op.columns.iter().map(|name| Column::named(column_of(op, name), rows, &mut chance)).collect();
        Self { views, columns, together }
    }

    /// Makes another cloud of these rows: every view mapped, the columns kept.
    pub(crate) fn map(&self, map: impl Fn(ArrayView2<'_, f64>) -> Array2<f64>) -> Self {
        let views = self.views.iter().map(|view| View::dense(&map(view.array()))).collect();
        Self { views, columns: self.columns.clone(), together: self.together }
    }

    /// Puts the rows in another order, those that stay together as one.
    pub(crate) fn permuted(&self) -> Self {
        let groups = self.len() / self.together;
        // 7 is prime to the number of groups of an ordinary cloud: every group comes once.
        let order: Vec<usize> = (0..groups)
            .map(|i| (i * 7 + 3) % groups)
            .flat_map(|group| group * self.together..(group + 1) * self.together)
            .collect();
        let mut permuted = self.map(|rows| rows.select(Axis(0), &order));
        for column in &mut permuted.columns {
            match &mut column.values {
                Values::I64(values) => *values = order.iter().map(|&i| values[i]).collect(),
                Values::F64(values) => *values = order.iter().map(|&i| values[i]).collect(),
                Values::Text(offsets, bytes) => {
                    let piece = |&i: &usize| bytes[offsets[i] as usize..offsets[i + 1] as usize].to_vec();
                    let pieces: Vec<Vec<u8>> = order.iter().map(piece).collect();
                    column.values = text(&pieces);
                }
            }
        }
        permuted
    }

    /// Puts numbers that are no rows behind every row, so that the stride exceeds the width.
    pub(crate) fn padded(&self) -> Self {
        const PADDING: usize = 3;
        let pad = |view: &View| {
            let mut numbers = Vec::new();
            for row in view.array().rows() {
                numbers.extend(row);
                numbers.extend([f64::NAN; PADDING]);
            }
            View { numbers, rows: view.rows, cols: view.cols, stride: view.cols + PADDING }
        };
        Self { views: self.views.iter().map(pad).collect(), ..self.clone() }
    }

    /// Number of rows.
    #[must_use]
    pub fn len(&self) -> usize {
        self.views.first().map_or(0, |view| view.rows)
    }

    /// Tells whether there are no rows.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Width of each view.
    #[must_use]
    pub fn widths(&self) -> Vec<usize> {
        self.views.iter().map(|view| view.cols).collect()
    }

    /// Rows that may not be parted.
    pub(crate) fn together(&self) -> usize {
        self.together
    }

    /// The rows of a view, n×d.
    pub(crate) fn rows(&self, view: usize) -> ArrayView2<'_, f64> {
        self.views[view].array()
    }

    /// Lends some rows as a batch.
    pub(crate) fn batch(&self, rows: &Range<usize>) -> BatchView<'_> {
        BatchView {
            views: self.views.iter().map(|view| view.lend(rows)).collect(),
            columns: self.columns.iter().map(|column| column.lend(rows)).collect(),
            first_row: rows.start as u64,
        }
    }
}

/// The column that a manifest means: `$group` is the one that the parameter `group` names by default.
fn column_of<'a>(op: &'a OpManifest, name: &'a str) -> &'a str {
    let default = |parameter: &str| op.params["properties"][parameter]["default"].as_str();
    name.strip_prefix('$').and_then(default).unwrap_or(name)
}

/// Lays strings out as Arrow does.
fn text(strings: &[impl AsRef<[u8]>]) -> Values {
    let (mut offsets, mut bytes) = (vec![0], Vec::new());
    for string in strings {
        bytes.extend_from_slice(string.as_ref());
        offsets.push(bytes.len() as i32);
    }
    Values::Text(offsets, bytes)
}

impl Column {
    /// Fills a column as a worker does: numbers of rows, sentences, tokens and places, words and labels, frequencies, gold scores
    /// from 0 to 5.
    fn named(name: &str, rows: usize, chance: &mut Chance) -> Self {
        let whole = |of: fn(i64) -> i64| Values::I64((0..rows as i64).map(of).collect());
        let values = match name {
            "row" => whole(|i| i),
            "sentence" => whole(|i| i / 2),
            "position" => whole(|i| i % 2),
            "token_id" => whole(|i| 100 + (i * i) % 13),
            // A gold score belongs to a pair of sentences, that is to four rows.
            "gold" => {
                let pairs: Vec<f64> = (0..rows.div_ceil(4)).map(|_| 5.0 * chance.unit()).collect();
                Values::F64((0..rows).map(|i| pairs[i / 4]).collect())
            }
            // Of any four rows in a row three train and one tests, and every label is on both sides.
            "split" => {
                text(&(0..rows).map(|i| if i % 4 == 3 { "test" } else { "train" }).collect::<Vec<_>>())
            }
            "label" => text(&(0..rows).map(|i| format!("label{}", (i + i / 4) % 3)).collect::<Vec<_>>()),
            "word" => text(&(0..rows).map(|i| format!("word{}", (i * i + i / 3) % 5)).collect::<Vec<_>>()),
            "head" => whole(|i| i % 2),
            "frequency" => Values::F64((0..rows).map(|i| 1.0 + ((i * i + i / 3) % 5) as f64).collect()),
            _ => whole(|i| i % 3),
        };
        Self { name: name.to_owned(), values }
    }

    fn lend(&self, rows: &Range<usize>) -> ColumnView<'_> {
        let values = match &self.values {
            Values::I64(values) => ColumnValues::I64(&values[rows.clone()]),
            Values::F64(values) => ColumnValues::F64(&values[rows.clone()]),
            Values::Text(offsets, bytes) => {
                ColumnValues::Utf8 { offsets: &offsets[rows.start..=rows.end], bytes }
            }
        };
        ColumnView { name: &self.name, values, validity: None }
    }
}

/// A stream of numbers that is the same everywhere (splitmix64, Steele et al. 2014).
struct Chance(u64);

impl Chance {
    /// Draws from [0, 1).
    fn unit(&mut self) -> f64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        ((z ^ (z >> 31)) >> 11) as f64 / (1_u64 << 53) as f64
    }

    /// Draws n×d rows: dimension j has the mean 0.3·(j + 1) / d and the spread 1 / (j + 1).
    fn rows(&mut self, n: usize, d: usize) -> Array2<f64> {
        Array2::from_shape_fn((n, d), |(_, j)| {
            // Three draws are near enough to a bell for every moment to be ordinary.
            let bell = self.unit() + self.unit() + self.unit() - 1.5;
            0.3 * (j + 1) as f64 / d as f64 + 2.0 * bell / (j + 1) as f64
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn op(columns: &[&str], views: u32) -> OpManifest {
        let manifest = serde_json::json!({
            "id": "op", "kind": "evaluation", "version": 1, "needs": "rows", "columns": columns, "views": views
        });
        serde_json::from_value(manifest).unwrap_or_else(|e| panic!("{e}"))
    }

    #[test]
    fn views_are_row_aligned_and_of_other_widths() {
        let cloud = Cloud::ordinary(&op(&[], 2), 5, 1);
        assert_eq!((cloud.len(), cloud.widths()), (5, vec![6, 7]));
        assert!(!cloud.is_empty());
    }

    #[test]
    fn padding_changes_no_row() {
        let cloud = Cloud::ordinary(&op(&[], 1), 5, 1);
        let padded = cloud.padded();
        assert_eq!(cloud.rows(0), padded.rows(0));
        let batch = padded.batch(&(2..5));
        assert_eq!((batch.views[0].stride, batch.views[0].rows), (9, 3));
    }

    #[test]
    fn pairs_of_sentences_are_moved_as_one_with_their_columns() {
        let cloud = Cloud::ordinary(&op(&["sentence", "gold"], 1), 48, 1).permuted();
        let batch = cloud.batch(&(0..4));
        let ColumnValues::I64(sentences) = batch.columns[0].values else { panic!("whole numbers") };
        assert_eq!(sentences, [6, 6, 7, 7]);
        let all = cloud.batch(&(0..48));
        let ColumnValues::I64(sentences) = all.columns[0].values else { panic!("whole numbers") };
        let mut sorted = sentences.to_vec();
        sorted.sort_unstable();
        assert_eq!(sorted, (0..48).map(|i| i / 2).collect::<Vec<i64>>());
    }
}
