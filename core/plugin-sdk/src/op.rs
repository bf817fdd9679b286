//! The general trait; every op is one.

use ndarray::{Array1, Array2, ArrayViewMut2};
use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::{Batch, Error, Host, Moments, OpMeta, Out, Params, Result};

/// What is known before the first batch; the same for all shards.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Input {
    /// Width of each view.
    pub cols: Vec<usize>,
    /// Rows over all shards; 0 when unknown.
    pub rows: u64,
    /// Seed of all randomness; mix it with the global row, never with the shard.
    pub seed: u64,
}

/// What follows a pass.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Next<M> {
    /// Nothing: the model is final, and [`Op::apply`] may use it.
    Done(M),
    /// Another pass over the rows under this model.
    Again(M),
}

/// The map y = a·x + c.
#[derive(Debug, Clone, PartialEq)]
pub struct Affine {
    /// Output columns × columns.
    pub a: Array2<f64>,
    /// Output columns.
    pub c: Array1<f64>,
}

/// An op: `open → (begin → update* → merge* → finish)* → apply?`, and for ops on moments `measure`.
///
/// The model is both the broadcast of the next pass and the fitted artefact; the first pass has `Model::default()`.
/// States and models cross processes encoded with `postcard`. Shards are folded in separate states and merged in a fixed
/// order; `&self` is shared by threads, so nothing in it may change.
pub trait Op: Sized + Send + Sync + 'static {
    /// What the op says of itself.
    const META: OpMeta;
    /// The parameters, declared with [`params!`](crate::params!).
    type Params: Params;
    /// Broadcast of the next pass and fitted artefact; `()` for a metric of one pass.
    type Model: Serialize + DeserializeOwned + Default + Send + Sync + 'static;
    /// Mergeable accumulator of one shard in one pass.
    type State: Serialize + DeserializeOwned + Send + 'static;

    /// Checks the parameters and makes the op. The host outlives it.
    ///
    /// # Errors
    /// [`Error::Invalid`] for parameters that do not fit the input.
    fn open(params: Self::Params, input: &Input, host: &Host) -> Result<Self>;

    /// Makes the empty state of a pass (0 for the first pass over rows, or 1 after `measure`).
    ///
    /// # Errors
    /// Whatever keeps the op from starting.
    fn begin(&self, model: &Self::Model, pass: u32) -> Result<Self::State>;

    /// Absorbs a batch.
    ///
    /// # Errors
    /// [`Error::Invalid`] for rows or columns that the op cannot use.
    fn update(&self, model: &Self::Model, state: &mut Self::State, batch: &Batch<'_>) -> Result<()>;

    /// Absorbs the state of a later shard.
    ///
    /// # Errors
    /// [`Error::Invalid`] for a state that does not fit.
    fn merge(&self, model: &Self::Model, state: &mut Self::State, other: Self::State) -> Result<()>;

    /// Turns the merged state of all shards into results and the next model.
    ///
    /// # Errors
    /// [`Error::Failed`] for a numerical failure. A value that is undefined is a null with a reason, not an error.
    fn finish(&self, model: &Self::Model, state: Self::State, out: &mut Out<'_>)
    -> Result<Next<Self::Model>>;

    /// Whether [`Op::measure`] is offered.
    const HAS_MEASURE: bool = false;

    /// Reads the merged moments of all rows; takes the place of a pass.
    ///
    /// # Errors
    /// As [`Op::finish`]; [`Error::Unsupported`] when not offered.
    fn measure(&self, moments: &Moments<'_>, out: &mut Out<'_>) -> Result<Next<Self::Model>> {
        let _ = (moments, out);
        Err(unsupported(Self::META.id, "measure moments"))
    }

    /// Whether [`Op::apply`] is offered.
    const HAS_APPLY: bool = false;

    /// Maps the rows of a batch under a final model into `out`, rows × output columns.
    ///
    /// # Errors
    /// [`Error::Invalid`] for rows that the model does not fit; [`Error::Unsupported`] when not offered.
    fn apply(&self, model: &Self::Model, batch: &Batch<'_>, out: ArrayViewMut2<'_, f64>) -> Result<()> {
        let _ = (model, batch, out);
        Err(unsupported(Self::META.id, "apply itself to rows"))
    }

    /// Returns the width of the rows that [`Op::apply`] writes for rows of width `cols`.
    ///
    /// # Errors
    /// [`Error::Invalid`] for a model of another width.
    fn output_cols(&self, model: &Self::Model, cols: usize) -> Result<usize> {
        let _ = model;
        Ok(cols)
    }

    /// Returns the map as a matrix when it is affine; `META.affine` says so before there is a model.
    ///
    /// # Errors
    /// [`Error::Failed`] for a numerical failure.
    fn affine(&self, model: &Self::Model) -> Result<Option<Affine>> {
        let _ = model;
        Ok(None)
    }
}

pub(crate) fn unsupported(op: &str, what: &str) -> Error {
    Error::Unsupported(format!("{op} does not {what}"))
}
