//! A bounded sample of rows, the same however the rows were cut.
//!
//! Every unit (a row, a sentence, a pair of sentences) has a hash of the study's seed and its global id. The sample is the longest
//! run of units in ascending order of hash that has no more rows than asked for. The first unit that does not fit ends the run: its
//! hash is the cut, above which nothing is kept. A part of the rows has a cut no lower than the whole, so parts merge to the whole.

use crate::error::WorkerError;
use crate::rows::{self, Columns};
use isoscope_core::plan::{SampleSpec, Together};
use isoscope_plugin_host::{BatchView, MatrixView};
use ndarray::{Array2, ArrayView2, Axis};
use serde::{Deserialize, Serialize};

/// Rows drawn so far.
#[derive(Debug, Clone, PartialEq)]
pub struct Sample {
    most: usize,
    together: Together,
    seed: u64,
    widths: Vec<usize>,
    /// Hash from which on units are left out.
    cut: Option<u64>,
    hashes: Vec<u64>,
    /// Rows of all views side by side, n × sum of the widths.
    data: Vec<f64>,
    columns: Columns,
}

impl Sample {
    /// Begins a sample of rows of one view or two.
    #[must_use]
    pub fn new(spec: &SampleSpec, seed: u64, widths: Vec<usize>) -> Self {
        let most = usize::try_from(spec.rows).unwrap_or(usize::MAX);
        let (together, columns) = (spec.together, Columns::default());
        Self { most, together, seed, widths, cut: None, hashes: Vec::new(), data: Vec::new(), columns }
    }

    /// Number of rows.
    #[must_use]
    pub fn len(&self) -> usize {
        self.hashes.len()
    }

    /// Tells whether there are no rows.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.hashes.is_empty()
    }

    /// Draws from row-aligned views, n×d each.
    pub fn absorb(&mut self, views: &[ArrayView2<'_, f64>], columns: &Columns) {
        let hashes: Vec<u64> = (0..columns.len()).map(|i| hash(self.seed, self.unit(columns, i))).collect();
        let kept: Vec<usize> =
            (0..hashes.len()).filter(|&i| self.cut.is_none_or(|cut| hashes[i] < cut)).collect();
        if kept.is_empty() {
            return;
        }
        for &i in &kept {
            self.hashes.push(hashes[i]);
            for view in views {
                self.data.extend(view.row(i));
            }
        }
        self.columns.append(columns.select(&kept));
        // Sorting twice as many rows as are kept costs little a row, and bounds the memory.
        if self.len() > self.most.saturating_mul(2) {
            self.settle();
        }
    }

    /// Adds what was drawn from other rows.
    pub fn merge(&mut self, other: Self) {
        self.cut = match (self.cut, other.cut) {
            (Some(a), Some(b)) => Some(a.min(b)),
            (a, b) => a.or(b),
        };
        self.hashes.extend(other.hashes);
        self.data.extend(other.data);
        self.columns.append(other.columns);
        self.settle();
    }

    /// What is drawn as one with row `i`.
    fn unit(&self, columns: &Columns, i: usize) -> i64 {
        let row = columns.row.get(i).copied().unwrap_or_default();
        match self.together {
            Together::Row => row,
            Together::Sentence => columns.sentence.get(i).copied().unwrap_or(row),
            Together::Pair => columns.sentence.get(i).map_or(row, |sentence| sentence.div_euclid(2)),
        }
    }

    /// Keeps the units of least hash as long as their rows fit.
    fn settle(&mut self) {
        let mut order: Vec<usize> = (0..self.len()).collect();
        order.sort_by_key(|&i| (self.hashes[i], self.columns.row[i]));
        let fits = |&i: &usize| self.cut.is_none_or(|cut| self.hashes[i] < cut);
        order.truncate(order.iter().take_while(|i| fits(i)).count());
        if order.len() > self.most {
            let cut = self.hashes[order[self.most]];
            order.retain(|&i| self.hashes[i] < cut);
            self.cut = Some(cut);
        }
        self.keep(&order);
    }

    fn keep(&mut self, order: &[usize]) {
        let width: usize = self.widths.iter().sum();
        self.hashes = order.iter().map(|&i| self.hashes[i]).collect();
        self.data = order.iter().flat_map(|&i| &self.data[i * width..(i + 1) * width]).copied().collect();
        self.columns = self.columns.select(order);
    }

    /// Ends the drawing: rows in order of their global ids, cut into views.
    ///
    /// # Errors
    /// When rows are not as wide as the sample is.
    pub fn finish(mut self) -> Result<Drawn, WorkerError> {
        self.settle();
        let mut order: Vec<usize> = (0..self.len()).collect();
        order.sort_by_key(|&i| self.columns.row[i]);
        self.keep(&order);
        let width: usize = self.widths.iter().sum();
        let rows = Array2::from_shape_vec((self.len(), width), self.data)
            .map_err(|e| WorkerError::task(e.to_string()))?;
        let (mut views, mut from) = (Vec::new(), 0);
        for width in self.widths {
            let view = rows.slice_axis(Axis(1), (from..from + width).into());
            views.push(view.as_standard_layout().into_owned());
            from += width;
        }
        Ok(Drawn { views, columns: self.columns })
    }

    /// Encodes the sample for a blob: in single precision where that loses nothing, as it does for hidden states.
    ///
    /// # Errors
    /// When it cannot be encoded.
    pub fn to_bytes(&self) -> Result<Vec<u8>, WorkerError> {
        let exact = self.data.iter().all(|&x| f64::from(x as f32).to_bits() == x.to_bits());
        let packed = Packed {
            cut: self.cut,
            hashes: self.hashes.clone(),
            single: if exact { self.data.iter().map(|&x| x as f32).collect() } else { Vec::new() },
            double: if exact { Vec::new() } else { self.data.clone() },
            columns: self.columns.clone(),
        };
        Ok(isoscope_core::state::encode("sample", &packed)?)
    }

    /// Decodes what [`Sample::to_bytes`] wrote into a sample of the same plan.
    ///
    /// # Errors
    /// When the bytes are not a sample.
    pub fn read(mut self, bytes: &[u8]) -> Result<Self, WorkerError> {
        let packed: Packed = isoscope_core::state::decode("sample", bytes)?;
        self.cut = packed.cut;
        self.hashes = packed.hashes;
        self.data = if packed.double.is_empty() {
            packed.single.into_iter().map(f64::from).collect()
        } else {
            packed.double
        };
        self.columns = packed.columns;
        Ok(self)
    }
}

/// Wire form.
#[derive(Serialize, Deserialize)]
struct Packed {
    cut: Option<u64>,
    hashes: Vec<u64>,
    single: Vec<f32>,
    double: Vec<f64>,
    columns: Columns,
}

/// A finished sample.
pub struct Drawn {
    views: Vec<Array2<f64>>,
    columns: Columns,
}

impl Drawn {
    /// Number of rows.
    #[must_use]
    pub fn len(&self) -> usize {
        self.columns.len()
    }

    /// Tells whether there are no rows.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.columns.is_empty()
    }

    /// Borrows all rows for a plugin.
    #[must_use]
    pub fn batch(&self) -> Option<BatchView<'_>> {
        let views: Vec<ArrayView2<'_, f64>> = self.views.iter().map(|rows| rows.view()).collect();
        batch(&views, &self.columns)
    }
}

/// Borrows row-aligned views and their columns for a plugin.
pub(crate) fn batch<'a>(views: &[ArrayView2<'a, f64>], columns: &'a Columns) -> Option<BatchView<'a>> {
    let (first, others) = views.split_first()?;
    let mut batch = rows::batch(*first, columns)?;
    for view in others {
        let (n, d) = view.dim();
        batch.views.push(MatrixView { data: view.to_slice()?, rows: n, cols: d, stride: d });
    }
    Some(batch)
}

/// A number that looks random and depends on seed and unit alone (splitmix64, Steele et al. 2014).
fn hash(seed: u64, unit: i64) -> u64 {
    let mix = |mut z: u64| {
        z = z.wrapping_add(0x9E37_79B9_7F4A_7C15);
        z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        z ^ (z >> 31)
    };
    mix(mix(seed) ^ unit.cast_unsigned())
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    fn cloud(n: usize) -> (Array2<f64>, Columns) {
        let rows =
            Array2::from_shape_fn((n, 3), |(i, j)| (i * 3 + j) as f64 + if j == 2 { 1e-12 } else { 0.0 });
        let columns = Columns {
            row: (0..n as i64).map(|i| i * 7).collect(),
            sentence: (0..n as i64).map(|i| i / 4).collect(),
            ..Columns::default()
        };
        (rows, columns)
    }

    /// Draws from 40 rows that are cut at these places.
    fn draw(spec: &SampleSpec, cuts: &[usize]) -> Drawn {
        let (rows, columns) = cloud(40);
        let borders = [&[0], cuts, &[40]].concat();
        let mut whole = Sample::new(spec, 5, vec![3]);
        for piece in borders.windows(2) {
            let mut part = Sample::new(spec, 5, vec![3]);
            let places: Vec<usize> = (piece[0]..piece[1]).collect();
            for batch in places.chunks(3) {
                part.absorb(&[rows.select(Axis(0), batch).view()], &columns.select(batch));
            }
            let bytes = part.to_bytes().unwrap();
            whole.merge(Sample::new(spec, 5, vec![3]).read(&bytes).unwrap());
        }
        whole.finish().unwrap()
    }

    fn spec(rows: u64, together: Together) -> SampleSpec {
        SampleSpec { node: 0, rows, together, both_parts: false, paired: false, stage: 1 }
    }

    #[test]
    fn a_sample_does_not_depend_on_how_the_rows_were_cut() {
        for together in [Together::Row, Together::Sentence, Together::Pair] {
            for rows in [1, 7, 10, 39, 40, 100] {
                let spec = spec(rows, together);
                let (once, parts) = (draw(&spec, &[]), draw(&spec, &[8, 16, 16]));
                assert_eq!(once.views, parts.views, "{together:?} {rows}");
                assert_eq!(once.columns, parts.columns);
                assert!(once.len() as u64 <= rows);
            }
        }
    }

    #[test]
    fn no_more_rows_than_asked_for_are_all_of_them_in_order() {
        let drawn = draw(&spec(40, Together::Row), &[]);
        assert_eq!(drawn.views[0], cloud(40).0);
        assert_eq!(draw(&spec(25, Together::Row), &[]).len(), 25);
    }

    #[test]
    fn sentences_are_drawn_whole() {
        let drawn = draw(&spec(18, Together::Sentence), &[]);
        let mut sentences = drawn.columns.sentence.clone();
        sentences.dedup();
        assert_eq!((drawn.len(), sentences.len()), (16, 4));
    }

    #[test]
    fn two_views_stay_aligned() {
        let (rows, columns) = cloud(10);
        let other = Array2::from_shape_fn((10, 2), |(i, _)| -(i as f64));
        let mut sample = Sample::new(&spec(4, Together::Row), 1, vec![3, 2]);
        sample.absorb(&[rows.view(), other.view()], &columns);
        let drawn = sample.finish().unwrap();
        assert_eq!(drawn.views.iter().map(Array2::dim).collect::<Vec<_>>(), [(4, 3), (4, 2)]);
        for (a, b) in drawn.views[0].rows().into_iter().zip(drawn.views[1].rows()) {
            assert!((a[0] / 3.0 + b[0]).abs() < 1e-9);
        }
        assert_eq!(drawn.batch().unwrap().views.len(), 2);
    }
}
