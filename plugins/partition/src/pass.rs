//! The one shape that all variants share: directions from the moments, then one pass of log-sum-exp over the rows.

use std::marker::PhantomData;

use isoscope_plugin_sdk::prelude::*;
use ndarray::Axis;

use crate::{directions::Directions, log_sum_exp::LogSumExp};

/// Rows that are projected at a time: so many that the directions are seldom laid out for a product, and no more, because a batch of a
/// GPU is long.
const PROJECTED_ROWS: usize = 1024;

/// Rows whose projections are summed at a time: they are read twice, and stay in the second cache in between at common widths.
const SUMMED_ROWS: usize = 64;

/// What distinguishes one variant of the partition function from another.
pub trait Variant: Send + Sync + 'static {
    /// Describes the op.
    const META: OpMeta;
    /// Whether the mean is subtracted and the directions are those of the covariance.
    const CENTRED: bool;
    /// Whether the matrix is divided by its root-mean-square entry first.
    const UNIT_RMS: bool;
    /// Reports the values from `log Z` of every direction.
    ///
    /// # Errors
    /// Passes on what the host answers to a result.
    fn report(z: &LogZ, out: &mut Out<'_>) -> Result<()>;
}

/// The logarithms of the partition function at the end of a pass.
pub struct LogZ {
    /// Rows behind the sums.
    pub n: u64,
    /// `log Z(+u)` per direction, eigenvalues descending, sign by the component of greatest magnitude.
    pub plus: Vec<f64>,
    /// `log Z(-u)` likewise.
    pub minus: Vec<f64>,
    /// Whether the stored direction points away from the mean.
    pub against_mean: Vec<bool>,
}

/// An op that measures isotropy by the partition function; `V` chooses the variant.
pub struct Partition<V> {
    linalg: Linalg,
    variant: PhantomData<fn() -> V>,
}

impl<V: Variant> Op for Partition<V> {
    const META: OpMeta = V::META;
    const HAS_MEASURE: bool = true;
    type Params = NoParams;
    type Model = Directions;
    type State = LogSumExp;

    fn open(_: NoParams, _: &Input, host: &Host) -> Result<Self> {
        Ok(Self { linalg: host.linalg(), variant: PhantomData })
    }

    fn measure(&self, m: &Moments<'_>, out: &mut Out<'_>) -> Result<Next<Directions>> {
        match Directions::find(m, V::CENTRED, V::UNIT_RMS)? {
            Ok(directions) => Ok(Next::Again(directions)),
            Err(reason) => {
                all_null::<V>(reason, out)?;
                Ok(Next::Done(Directions::default()))
            }
        }
    }

    fn begin(&self, model: &Directions, _pass: u32) -> Result<LogSumExp> {
        Ok(LogSumExp::new(model.cols))
    }

    fn update(&self, model: &Directions, state: &mut LogSumExp, batch: &Batch<'_>) -> Result<()> {
        let rows = batch.rows();
        if rows.ncols() != model.cols {
            return Err(Error::Invalid(format!(
                "the rows have {} dimensions, the directions {}",
                rows.ncols(),
                model.cols
            )));
        }
        let directions = model.matrix()?;
        for rows in rows.axis_chunks_iter(Axis(0), PROJECTED_ROWS) {
            let centred;
            let rows = if V::CENTRED {
                centred = &rows - &ArrayView1::from(&model.centre[..]);
                centred.view()
            } else {
                rows
            };
            let projected = self.linalg.matmul(rows, directions.t())?;
            for block in projected.axis_chunks_iter(Axis(0), SUMMED_ROWS) {
                state.absorb(&block)?;
            }
        }
        Ok(())
    }

    fn merge(&self, _: &Directions, state: &mut LogSumExp, other: LogSumExp) -> Result<()> {
        state.merge(&other)
    }

    fn finish(&self, model: &Directions, state: LogSumExp, out: &mut Out<'_>) -> Result<Next<Directions>> {
        out.set_n(state.n());
        if !state.in_range() {
            all_null::<V>("a projection exceeds 1e12 in magnitude or is not finite", out)?;
        } else if state.n() < 2 {
            all_null::<V>("fewer than 2 rows", out)?;
        } else {
            let z = LogZ {
                n: state.n(),
                plus: state.log_plus(),
                minus: state.log_minus(),
                against_mean: model.against_mean.clone(),
            };
            V::report(&z, out)?;
        }
        Ok(Next::Done(Directions::default()))
    }
}

/// Writes null with one reason for every output of the variant.
fn all_null<V: Variant>(reason: &str, out: &mut Out<'_>) -> Result<()> {
    for output in V::META.outputs {
        match output.shape {
            Shape::Vector => out.null_series(output.id, reason)?,
            Shape::Scalar | Shape::Object => out.null(output.id, reason)?,
        }
    }
    Ok(())
}

/// Computes `log I = min - max` of logarithms of the partition function; never above 0.
pub(crate) fn log_isotropy(log_z: impl IntoIterator<Item = f64>) -> f64 {
    let (low, high) = log_z
        .into_iter()
        .fold((f64::INFINITY, f64::NEG_INFINITY), |(low, high), z| (low.min(z), high.max(z)));
    low - high
}
