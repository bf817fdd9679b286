//! Carries an op through its life.

use ndarray::{Array2, Axis, concatenate};

use super::collect::{Collected, collect_n};
use super::{OwnedBatch, OwnedMoments, moments_of, native_host};
use crate::{Batch, Error, Input, Next, Op, Params, Result};

/// Passes after which an op counts as endless.
const MAX_PASSES: u32 = 10_000;

/// What an op answered at the end of its life.
#[derive(Debug)]
pub struct Finished<M> {
    /// Everything that it wrote, over all passes.
    pub collected: Collected,
    /// The final model.
    pub model: M,
    /// Passes over the rows; 0 for an op on moments.
    pub passes: u32,
}

/// Opens an op under the host of [`native_host`].
///
/// # Errors
/// Those of the parameters and of the op.
pub fn open<T: Op>(params_json: &str, input: &Input) -> Result<T> {
    T::open(T::Params::from_json(params_json)?, input, &native_host())
}

/// Measures moments: answers what was written and the next model. Results that the op does not declare are an error.
///
/// # Errors
/// Those of the parameters and of the op.
pub fn measure<T: Op>(params_json: &str, moments: &OwnedMoments) -> Result<(Collected, Next<T::Model>)> {
    let op: T = open(params_json, &Input { cols: vec![moments.cols()], rows: moments.n(), seed: 0 })?;
    measure_with(&op, moments)
}

fn measure_with<T: Op>(op: &T, moments: &OwnedMoments) -> Result<(Collected, Next<T::Model>)> {
    let (collected, next) = collect_n(moments.n(), |out| op.measure(&moments.view(), out))?;
    collected.check(&T::META)?;
    Ok((collected, next))
}

/// Runs an op over shards with seed 0; see [`run_with`].
///
/// # Errors
/// Those of the parameters and of the op.
pub fn run<T: Op>(params_json: &str, shards: &[&[OwnedBatch]]) -> Result<Finished<T::Model>> {
    run_with::<T>(params_json, 0, shards)
}

/// Runs an op over shards of batches, as a host would: moments first where it needs them, then passes; the state of
/// every shard is folded alone, encoded, decoded and merged in the order of the shards.
///
/// # Errors
/// Those of the parameters and of the op; [`Error::Invalid`] when there is no batch; [`Error::Failed`] for a result that
/// the op does not declare and for an op that never ends.
pub fn run_with<T: Op>(params_json: &str, seed: u64, shards: &[&[OwnedBatch]]) -> Result<Finished<T::Model>> {
    let batches = || shards.iter().copied().flatten();
    let cols = batches().next().ok_or_else(|| Error::invalid("give at least one batch"))?.cols();
    let rows = batches().map(|batch| batch.rows().nrows() as u64).sum();
    let op: T = open(params_json, &Input { cols, rows, seed })?;
    let mut finished = Finished { collected: Collected::default(), model: T::Model::default(), passes: 0 };
    let mut pass = 0;
    if T::META.needs.moments() {
        let all: Vec<_> = batches().map(|batch| batch.rows().view()).collect();
        let all = concatenate(Axis(0), &all).map_err(|error| Error::invalid(error.to_string()))?;
        let (collected, next) = measure_with(&op, &moments_of(&all))?;
        finished.collected = collected;
        match next {
            Next::Done(model) => return Ok(Finished { model, ..finished }),
            Next::Again(model) => finished.model = model,
        }
        pass = 1;
    }
    while finished.passes < MAX_PASSES {
        finished.passes += 1;
        let (collected, next) = one_pass(&op, &finished.model, pass, shards)?;
        collected.check(&T::META)?;
        finished.collected.rows.extend(collected.rows);
        finished.collected.series.extend(collected.series);
        match next {
            Next::Done(model) => return Ok(Finished { model, ..finished }),
            Next::Again(model) => finished.model = model,
        }
        pass += 1;
    }
    Err(Error::Failed(format!("{} asks for more than {MAX_PASSES} passes", T::META.id)))
}

fn one_pass<T: Op>(
    op: &T,
    model: &T::Model,
    pass: u32,
    shards: &[&[OwnedBatch]],
) -> Result<(Collected, Next<T::Model>)> {
    let broken =
        |error: postcard::Error| Error::Failed(format!("a state does not survive its encoding: {error}"));
    let mut merged = op.begin(model, pass)?;
    for shard in shards {
        let mut state = op.begin(model, pass)?;
        for batch in *shard {
            op.update(model, &mut state, &batch.view())?;
        }
        let bytes = postcard::to_stdvec(&state).map_err(broken)?;
        op.merge(model, &mut merged, postcard::from_bytes(&bytes).map_err(broken)?)?;
    }
    collect_n(0, |out| op.finish(model, merged, out))
}

/// Applies a model to a batch: rows × output columns.
///
/// # Errors
/// Those of the op.
pub fn apply<T: Op>(op: &T, model: &T::Model, batch: &Batch<'_>) -> Result<Array2<f64>> {
    let cols = op.output_cols(model, batch.rows().ncols())?;
    let mut out = Array2::zeros((batch.len(), cols));
    op.apply(model, batch, out.view_mut())?;
    Ok(out)
}
