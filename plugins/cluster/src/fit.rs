//! k-means as a fit over passes, which ops carry inside their own models and states.

use isoscope_plugin_sdk::prelude::*;

use crate::{
    bottom_rows::{row_ids, sliceable},
    clusters::Clusters,
    lloyd::{Limits, Lloyd, RunState, Step},
    start::{Start, StartState},
};

/// What k-means is asked for.
#[derive(Clone, Debug)]
pub struct Settings {
    /// Clusters, at least 1.
    pub clusters: u64,
    /// `kmeans++` or `first_rows`.
    pub init: String,
    /// Independent starts, at least 1; `first_rows` has one.
    pub runs: u64,
    /// Most iterations, at least 1.
    pub iterations: u64,
    /// Shift of the centroids that counts as none; 0 asks for a fixed point.
    pub tolerance: f64,
}

/// k-means over passes. The first pass gathers the start, every further one is an iteration of all runs.
#[derive(Clone, Debug)]
pub struct Kmeans {
    k: usize,
    d: usize,
    start: Start,
    runs: u64,
    limits: Limits,
    seed: u64,
    linalg: Linalg,
}

/// Broadcast of a pass.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub enum FitModel {
    /// Before the first pass.
    #[default]
    Start,
    /// Between iterations.
    Lloyd(Lloyd),
}

/// What a pass gathers.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub enum FitState {
    /// In the first pass.
    Start(StartState),
    /// In an iteration, one for each run that goes on.
    Lloyd(Vec<RunState>),
}

/// What follows a pass.
#[derive(Clone, Debug)]
pub enum Fitted {
    /// Another pass.
    Again(FitModel),
    /// The clusters of every run.
    Clusters(Vec<Clusters>),
    /// There are no such clusters.
    Undefined {
        /// Rows in all.
        n: u64,
        /// Why.
        reason: String,
    },
}

impl Kmeans {
    /// Checks what is asked for.
    ///
    /// # Errors
    /// [`Error::Invalid`] for settings that make no sense.
    pub fn new(settings: &Settings, input: &Input, linalg: Linalg) -> Result<Self> {
        let start = Start::named(&settings.init)?;
        let Settings { clusters, runs, iterations, tolerance, .. } = *settings;
        for (name, value) in [("clusters", clusters), ("runs", runs), ("iterations", iterations)] {
            if value == 0 {
                return Err(Error::invalid(format!("{name}: at least 1 is needed")));
            }
        }
        if start == Start::FirstRows && runs > 1 {
            return Err(Error::invalid(
                "runs: \"first_rows\" has one start, so several runs would be the same",
            ));
        }
        if !tolerance.is_finite() || tolerance < 0.0 {
            return Err(Error::invalid(format!("tolerance: {tolerance} is not a number of at least 0")));
        }
        let too_many = || Error::invalid(format!("clusters: {clusters} are more than a matrix can hold"));
        let k = usize::try_from(clusters).map_err(|_| too_many())?;
        let d = input.cols.first().copied().unwrap_or(0);
        let sets = usize::try_from(runs).ok().and_then(|runs| runs.checked_mul(k));
        sets.and_then(|sets| sets.checked_mul(d.max(1) * 16)).ok_or_else(too_many)?;
        let limits = Limits { iterations, tolerance };
        Ok(Self { k, d, start, runs, limits, seed: input.seed, linalg })
    }

    /// Number of clusters.
    #[must_use]
    pub fn k(&self) -> usize {
        self.k
    }

    /// Builds the empty state of a pass.
    #[must_use]
    pub fn begin(&self, model: &FitModel) -> FitState {
        match model {
            FitModel::Start => FitState::Start(StartState::new(self.start, self.k, self.d)),
            FitModel::Lloyd(lloyd) => FitState::Lloyd(lloyd.begin()),
        }
    }

    /// Absorbs a batch.
    ///
    /// # Errors
    /// Refuses rows of another width, and a state of another pass; passes on what the host's product answers.
    pub fn update(&self, model: &FitModel, state: &mut FitState, batch: &Batch<'_>) -> Result<()> {
        let (rows, ids) = (sliceable(batch.rows()), row_ids(batch));
        if rows.ncols() != self.d {
            return Err(Error::invalid(format!("the rows have {} dimensions, not {}", rows.ncols(), self.d)));
        }
        match (model, state) {
            (FitModel::Start, FitState::Start(state)) => {
                state.absorb(self.start, self.seed, rows.view(), &ids)
            }
            (FitModel::Lloyd(lloyd), FitState::Lloyd(states)) => {
                lloyd.absorb(self.linalg, states, rows.view(), &ids)
            }
            _ => Err(other_pass()),
        }
    }

    /// Absorbs the state of another part.
    ///
    /// # Errors
    /// Refuses a state of another pass or of other sizes.
    pub fn merge(&self, state: &mut FitState, other: &FitState) -> Result<()> {
        match (state, other) {
            (FitState::Start(state), FitState::Start(other)) => state.merge(other),
            (FitState::Lloyd(states), FitState::Lloyd(others)) if states.len() == others.len() => {
                states.iter_mut().zip(others).try_for_each(|(state, other)| state.merge(other))
            }
            _ => Err(other_pass()),
        }
    }

    /// Ends a pass.
    ///
    /// # Errors
    /// Refuses a state of another pass; passes on what the host's product answers.
    pub fn finish(&self, model: &FitModel, state: FitState) -> Result<Fitted> {
        match (model, state) {
            (FitModel::Start, FitState::Start(state)) => {
                let n = state.n();
                let lloyd = state.lloyd(self.start, self.k, self.runs, self.seed, self.linalg)?;
                Ok(match lloyd {
                    Ok(lloyd) => Fitted::Again(FitModel::Lloyd(lloyd)),
                    Err(reason) => Fitted::Undefined { n, reason },
                })
            }
            (FitModel::Lloyd(lloyd), FitState::Lloyd(states)) => {
                let mut lloyd = lloyd.clone();
                Ok(match lloyd.step(states, self.limits) {
                    Step::Again => Fitted::Again(FitModel::Lloyd(lloyd)),
                    Step::Ended => Fitted::Clusters(lloyd.clusters()),
                    Step::Undefined(reason) => Fitted::Undefined { n: lloyd.n, reason },
                })
            }
            _ => Err(other_pass()),
        }
    }
}

fn other_pass() -> Error {
    Error::invalid("a state of another pass does not fit the model")
}
