//! Small traits for the common kinds of op, and the adapters that make an [`Op`] of them.

use ndarray::ArrayViewMut2;
use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::op::unsupported;
use crate::{Affine, Batch, Host, Input, Linalg, Moments, Needs, Next, Op, OpMeta, Out, Params, Result};

/// A metric that is a function of the merged moments. [`MomentOp`] makes an op of it.
pub trait MomentMetric: Sized + Send + Sync + 'static {
    /// What the metric says of itself; `needs` is [`Needs::Moments`].
    const META: OpMeta;
    /// The parameters.
    type Params: Params;

    /// Checks the parameters and makes the metric.
    ///
    /// # Errors
    /// [`Error::Invalid`](crate::Error::Invalid) for parameters that make no sense.
    fn open(params: Self::Params) -> Result<Self>;

    /// Receives the host's linear algebra after `open`, for a metric that keeps it. The default forgets it.
    #[must_use]
    fn with_linalg(self, linalg: Linalg) -> Self {
        let _ = linalg;
        self
    }

    /// Writes the values.
    ///
    /// # Errors
    /// [`Error::Failed`](crate::Error::Failed) for a numerical failure; an undefined value is a null with a reason.
    fn measure(&self, moments: &Moments<'_>, out: &mut Out<'_>) -> Result<()>;
}

/// The op of a [`MomentMetric`].
#[derive(Debug)]
pub struct MomentOp<T>(T);

impl<T: MomentMetric> Op for MomentOp<T> {
    const META: OpMeta = T::META;
    type Params = T::Params;
    type Model = ();
    type State = ();

    fn open(params: Self::Params, _input: &Input, host: &Host) -> Result<Self> {
        Ok(Self(T::open(params)?.with_linalg(host.linalg())))
    }

    fn begin(&self, _model: &(), _pass: u32) -> Result<()> {
        Err(unsupported(T::META.id, "read rows: it measures moments"))
    }

    fn update(&self, _model: &(), _state: &mut (), _batch: &Batch<'_>) -> Result<()> {
        Err(unsupported(T::META.id, "read rows: it measures moments"))
    }

    fn merge(&self, _model: &(), _state: &mut (), _other: ()) -> Result<()> {
        Err(unsupported(T::META.id, "read rows: it measures moments"))
    }

    fn finish(&self, _model: &(), _state: (), _out: &mut Out<'_>) -> Result<Next<()>> {
        Err(unsupported(T::META.id, "read rows: it measures moments"))
    }

    const HAS_MEASURE: bool = true;

    fn measure(&self, moments: &Moments<'_>, out: &mut Out<'_>) -> Result<Next<()>> {
        self.0.measure(moments, out)?;
        Ok(Next::Done(()))
    }
}

/// An enhancement that is fitted on the merged moments and maps rows. [`EnhanceOp`] makes an op of it.
pub trait Enhancement: Sized + Send + Sync + 'static {
    /// What the enhancement says of itself; `needs` is [`Needs::Moments`] or [`Needs::Nothing`].
    const META: OpMeta;
    /// The parameters.
    type Params: Params;
    /// The fitted artefact.
    type Model: Serialize + DeserializeOwned + Default + Send + Sync + 'static;

    /// Checks the parameters and makes the enhancement.
    ///
    /// # Errors
    /// [`Error::Invalid`](crate::Error::Invalid) for parameters that make no sense.
    fn open(params: Self::Params) -> Result<Self>;

    /// Receives the host's linear algebra after `open`, for an enhancement that keeps it. The default forgets it.
    #[must_use]
    fn with_linalg(self, linalg: Linalg) -> Self {
        let _ = linalg;
        self
    }

    /// Fits the model; not called when `META.needs` is [`Needs::Nothing`] (the model is `Model::default()`).
    ///
    /// # Errors
    /// [`Error::Invalid`](crate::Error::Invalid) for moments that cannot be fitted, with what is missing.
    fn fit(&self, moments: &Moments<'_>) -> Result<Self::Model>;

    /// Maps the rows of a batch (n×d) into `out` (n × output columns).
    ///
    /// # Errors
    /// [`Error::Invalid`](crate::Error::Invalid) for rows that the model does not fit.
    fn apply(&self, model: &Self::Model, batch: &Batch<'_>, out: ArrayViewMut2<'_, f64>) -> Result<()>;

    /// Returns the width of the rows that `apply` writes; `cols` by default.
    ///
    /// # Errors
    /// [`Error::Invalid`](crate::Error::Invalid) for a model of another width.
    fn output_cols(&self, model: &Self::Model, cols: usize) -> Result<usize> {
        let _ = model;
        Ok(cols)
    }

    /// Returns the map as a matrix when it is affine; `None` by default. Set `META.affine` with it.
    ///
    /// # Errors
    /// [`Error::Failed`](crate::Error::Failed) for a numerical failure.
    fn affine(&self, model: &Self::Model) -> Result<Option<Affine>> {
        let _ = model;
        Ok(None)
    }
}

/// The op of an [`Enhancement`].
#[derive(Debug)]
pub struct EnhanceOp<T>(T);

impl<T: Enhancement> Op for EnhanceOp<T> {
    const META: OpMeta = T::META;
    type Params = T::Params;
    type Model = T::Model;
    type State = ();

    fn open(params: Self::Params, _input: &Input, host: &Host) -> Result<Self> {
        Ok(Self(T::open(params)?.with_linalg(host.linalg())))
    }

    /// Starts a run that only applies.
    fn begin(&self, _model: &T::Model, _pass: u32) -> Result<()> {
        Ok(())
    }

    fn update(&self, _model: &T::Model, _state: &mut (), _batch: &Batch<'_>) -> Result<()> {
        Err(unsupported(T::META.id, "fit on rows: it fits on moments"))
    }

    fn merge(&self, _model: &T::Model, _state: &mut (), _other: ()) -> Result<()> {
        Err(unsupported(T::META.id, "fit on rows: it fits on moments"))
    }

    fn finish(&self, _model: &T::Model, _state: (), _out: &mut Out<'_>) -> Result<Next<T::Model>> {
        Err(unsupported(T::META.id, "fit on rows: it fits on moments"))
    }

    const HAS_MEASURE: bool = T::META.needs.moments();

    fn measure(&self, moments: &Moments<'_>, _out: &mut Out<'_>) -> Result<Next<T::Model>> {
        match T::META.needs {
            Needs::Nothing => Ok(Next::Done(T::Model::default())),
            _ => self.0.fit(moments).map(Next::Done),
        }
    }

    const HAS_APPLY: bool = true;

    fn apply(&self, model: &T::Model, batch: &Batch<'_>, out: ArrayViewMut2<'_, f64>) -> Result<()> {
        self.0.apply(model, batch, out)
    }

    fn output_cols(&self, model: &T::Model, cols: usize) -> Result<usize> {
        self.0.output_cols(model, cols)
    }

    fn affine(&self, model: &T::Model) -> Result<Option<Affine>> {
        self.0.affine(model)
    }
}
