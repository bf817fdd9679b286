//! Ops that look at a sample of the rows all at once: neighbours, distances between all pairs, spanning trees.

use std::collections::BTreeMap;

use ndarray::{Array2, ArrayView2, Axis};
use serde::{Deserialize, Serialize};

use crate::column::Values;
use crate::{Batch, Error, Host, Input, Linalg, Next, Op, OpMeta, Out, Params, Result};

/// A sample of the rows with their columns, in ascending order of the rows' global ids.
#[derive(Debug, Clone, Default)]
pub struct Sample {
    ids: Vec<i64>,
    views: Vec<Array2<f64>>,
    columns: BTreeMap<String, Gathered>,
}

/// One column of a sample; `None` is a missing value.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
enum Gathered {
    I64(Vec<Option<i64>>),
    F64(Vec<Option<f64>>),
    Text(Vec<Option<String>>),
}

impl Sample {
    /// Returns the rows of view 0, n×d.
    #[must_use]
    pub fn rows(&self) -> ArrayView2<'_, f64> {
        self.view(0)
    }

    /// Returns the rows of a view, n×d; a comparison has views 0 and 1, row-aligned.
    ///
    /// # Panics
    /// When there is no view `index`; the host gives as many views as the op's metadata says.
    #[must_use]
    pub fn view(&self, index: usize) -> ArrayView2<'_, f64> {
        self.views[index].view()
    }

    /// Returns the global ids of the rows, ascending.
    #[must_use]
    pub fn ids(&self) -> &[i64] {
        &self.ids
    }

    /// Returns the number of rows.
    #[must_use]
    pub fn len(&self) -> usize {
        self.ids.len()
    }

    /// Returns whether there are no rows.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.ids.is_empty()
    }

    /// Returns whether there is a column of this name.
    #[must_use]
    pub fn has_column(&self, name: &str) -> bool {
        self.columns.contains_key(name)
    }

    /// Returns a column of whole numbers, one entry a row.
    ///
    /// # Errors
    /// [`Error::Invalid`] when there is no such column or it has another type. So do the other columns.
    pub fn i64s(&self, name: &str) -> Result<&[Option<i64>]> {
        match self.column(name)? {
            Gathered::I64(values) => Ok(values),
            _ => Err(Error::Invalid(format!("column \"{name}\" does not hold whole numbers"))),
        }
    }

    /// Returns a column of floats, one entry a row.
    ///
    /// # Errors
    /// As [`Sample::i64s`].
    pub fn f64s(&self, name: &str) -> Result<&[Option<f64>]> {
        match self.column(name)? {
            Gathered::F64(values) => Ok(values),
            _ => Err(Error::Invalid(format!("column \"{name}\" does not hold floats"))),
        }
    }

    /// Returns a column of strings, one entry a row.
    ///
    /// # Errors
    /// As [`Sample::i64s`].
    pub fn strings(&self, name: &str) -> Result<&[Option<String>]> {
        match self.column(name)? {
            Gathered::Text(values) => Ok(values),
            _ => Err(Error::Invalid(format!("column \"{name}\" does not hold strings"))),
        }
    }

    /// Returns a column as keys of groups: strings as they are, whole numbers in decimal.
    ///
    /// # Errors
    /// [`Error::Invalid`] when there is no such column or it holds floats.
    pub fn keys(&self, name: &str) -> Result<Vec<Option<String>>> {
        match self.column(name)? {
            Gathered::Text(values) => Ok(values.clone()),
            Gathered::I64(values) => Ok(values.iter().map(|v| v.map(|v| v.to_string())).collect()),
            Gathered::F64(_) => {
                Err(Error::Invalid(format!("column \"{name}\" holds floats, which are no keys")))
            }
        }
    }

    fn column(&self, name: &str) -> Result<&Gathered> {
        self.columns.get(name).ok_or_else(|| {
            let names: Vec<_> = self.columns.keys().map(String::as_str).collect();
            Error::Invalid(format!("the rows have no column \"{name}\"; they have [{}]", names.join(", ")))
        })
    }
}

/// A metric, comparison, probe or evaluation on a sample of the rows. [`SampleOp`] makes an op of it.
pub trait SampleMetric: Sized + Send + Sync + 'static {
    /// What the op says of itself; `needs` is [`Needs::Sample`](crate::Needs::Sample), and there is a parameter
    /// `rows: u64`, the most rows of the sample.
    const META: OpMeta;
    /// The parameters.
    type Params: Params;

    /// Checks the parameters and makes the op. Keep `linalg` for products and eigenvectors.
    ///
    /// # Errors
    /// [`Error::Invalid`] for parameters that make no sense.
    fn open(params: Self::Params, input: &Input, linalg: Linalg) -> Result<Self>;

    /// Writes the values; `out` counts the rows of the sample as the observations. A sample may have no rows.
    ///
    /// # Errors
    /// [`Error::Failed`] for a numerical failure; an undefined value is a null with a reason.
    fn measure(&self, sample: &Sample, out: &mut Out<'_>) -> Result<()>;
}

/// The op of a [`SampleMetric`]: it gathers the rows that it is given and measures them at the end of the pass.
#[derive(Debug)]
pub struct SampleOp<T> {
    metric: T,
    cols: Vec<usize>,
}

/// The rows gathered so far.
#[derive(Debug, Default, Serialize, Deserialize)]
pub struct SampleState {
    ids: Vec<i64>,
    views: Vec<Vec<f64>>,
    columns: BTreeMap<String, Gathered>,
}

impl SampleState {
    fn absorb(&mut self, batch: &Batch<'_>) -> Result<()> {
        if batch.is_empty() {
            return Ok(());
        }
        self.views.resize(batch.views().max(1), Vec::new());
        for (index, view) in self.views.iter_mut().enumerate() {
            view.extend(batch.view(index).iter());
        }
        let ids = batch.i64s("row").ok();
        let first = batch.first_row().cast_signed();
        self.ids.extend((0..batch.len()).map(|i| ids.and_then(|ids| ids.get(i)).unwrap_or(first + i as i64)));
        let mut columns = BTreeMap::new();
        for column in &batch.columns {
            let gathered = match column.values {
                Values::I64(_) => {
                    let values = column.i64s()?;
                    Gathered::I64((0..batch.len()).map(|i| values.get(i)).collect())
                }
                Values::F64(_) => {
                    let values = column.f64s()?;
                    Gathered::F64((0..batch.len()).map(|i| values.get(i)).collect())
                }
                Values::Utf8 { .. } => {
                    let values = column.strings()?;
                    Gathered::Text((0..batch.len()).map(|i| values.get(i).map(str::to_owned)).collect())
                }
            };
            columns.insert(column.name.to_owned(), gathered);
        }
        self.extend(columns, self.ids.len() == batch.len())
    }

    fn merge(&mut self, other: Self) -> Result<()> {
        if other.ids.is_empty() {
            return Ok(());
        }
        let first = self.ids.is_empty();
        self.ids.extend(other.ids);
        if first {
            self.views = other.views;
        } else {
            self.views.iter_mut().zip(other.views).for_each(|(mine, more)| mine.extend(more));
        }
        self.extend(other.columns, first)
    }

    /// Appends columns; those of the `first` rows decide which columns there are.
    fn extend(&mut self, mut more: BTreeMap<String, Gathered>, first: bool) -> Result<()> {
        if first {
            self.columns = more;
            return Ok(());
        }
        for (name, values) in &mut self.columns {
            match (values, more.remove(name)) {
                (Gathered::I64(mine), Some(Gathered::I64(more))) => mine.extend(more),
                (Gathered::F64(mine), Some(Gathered::F64(more))) => mine.extend(more),
                (Gathered::Text(mine), Some(Gathered::Text(more))) => mine.extend(more),
                _ => return Err(Error::Invalid(format!("column \"{name}\" is not the same in all batches"))),
            }
        }
        Ok(())
    }

    /// Orders the rows by their ids, so that the bits do not depend on how they came.
    fn sample(self, cols: &[usize]) -> Result<Sample> {
        let mut order: Vec<usize> = (0..self.ids.len()).collect();
        order.sort_by_key(|&i| self.ids[i]);
        let mut views = Vec::new();
        for (index, &d) in cols.iter().enumerate() {
            let data = self.views.get(index).cloned().unwrap_or_default();
            let rows = Array2::from_shape_vec((self.ids.len(), d), data)
                .map_err(|_| Error::Invalid(format!("the rows of view {index} are not {d} wide")))?;
            views.push(if order.is_sorted() { rows } else { rows.select(Axis(0), &order) });
        }
        let columns = self.columns.into_iter().map(|(name, values)| (name, values.ordered(&order)));
        Ok(Sample { ids: order.iter().map(|&i| self.ids[i]).collect(), views, columns: columns.collect() })
    }
}

impl Gathered {
    fn ordered(self, order: &[usize]) -> Self {
        fn pick<V: Clone>(values: &[V], order: &[usize]) -> Vec<V> {
            order.iter().map(|&i| values[i].clone()).collect()
        }
        match self {
            Self::I64(values) => Self::I64(pick(&values, order)),
            Self::F64(values) => Self::F64(pick(&values, order)),
            Self::Text(values) => Self::Text(pick(&values, order)),
        }
    }
}

impl<T: SampleMetric> Op for SampleOp<T> {
    const META: OpMeta = T::META;
    type Params = T::Params;
    type Model = ();
    type State = SampleState;

    fn open(params: Self::Params, input: &Input, host: &Host) -> Result<Self> {
        Ok(Self { metric: T::open(params, input, host.linalg())?, cols: input.cols.clone() })
    }

    fn begin(&self, (): &(), _pass: u32) -> Result<SampleState> {
        Ok(SampleState::default())
    }

    fn update(&self, (): &(), state: &mut SampleState, batch: &Batch<'_>) -> Result<()> {
        state.absorb(batch)
    }

    fn merge(&self, (): &(), state: &mut SampleState, other: SampleState) -> Result<()> {
        state.merge(other)
    }

    fn finish(&self, (): &(), state: SampleState, out: &mut Out<'_>) -> Result<Next<()>> {
        let sample = state.sample(&self.cols)?;
        out.set_n(sample.len() as u64);
        self.metric.measure(&sample, out)?;
        Ok(Next::Done(()))
    }
}
