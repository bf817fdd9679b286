//! Passes that train softmax probes: a census of the labels, then sums at given weights until all probes are at their minimum.

use isoscope_plugin_sdk::prelude::*;

use crate::classes::{Classes, Draw, Tally};
use crate::labels::{Keyed, Side, keyed};
use crate::scatter::{Scatter, Spread, picked};
use crate::softmax::{FULL_SCATTER_LIMIT, Fit, Score, Space, Step, Sums, untrainable};

/// Rows that are taken at a time, so that probabilities of many classes stay small.
const BLOCK: usize = 1024;

/// How probes are trained.
#[derive(Debug, Clone)]
pub(crate) struct Settings {
    /// Columns of the labels, one for each probe.
    pub(crate) columns: Vec<String>,
    /// Columns behind the first that hold word types, whose labels are drawn, each by a seed of its own.
    pub(crate) draws: u64,
    pub(crate) l2: f64,
    pub(crate) standardize: bool,
    /// Most passes at given weights.
    pub(crate) iterations: u64,
}

impl Settings {
    /// Checks the numbers.
    ///
    /// # Errors
    /// Refuses a penalty that is not above 0 and finite, and no iterations.
    pub(crate) fn checked(self) -> Result<Self> {
        if !(self.l2 > 0.0 && self.l2.is_finite()) {
            return Err(Error::Invalid(format!(
                "parameter \"l2\" must be above 0, got {}: without a penalty separable classes have no minimum",
                self.l2
            )));
        }
        if self.iterations == 0 {
            return Err(Error::invalid("parameter \"iterations\" must be at least 1"));
        }
        Ok(self)
    }
}

/// The model of a pass: nothing before the census.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub struct Training {
    space: Space,
    /// Of the columns behind the first.
    draws: Vec<Draw>,
    probes: Vec<Probe>,
    passes: u64,
}

/// One probe: its classes, and how far it is.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct Probe {
    pub(crate) classes: Classes,
    pub(crate) state: ProbeState,
}

/// How far a probe is.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) enum ProbeState {
    Training(Box<Fit>),
    /// The scores at the minimum: of the training rows and of the test rows.
    Trained(Score, Score),
    /// Why there is no trained probe.
    Failed(String),
}

/// What a shard adds up in a pass.
#[derive(Debug, Serialize, Deserialize)]
pub struct TrainingState(Phase);

#[derive(Debug, Serialize, Deserialize)]
enum Phase {
    /// The first pass.
    Census(Census),
    /// Every other pass: sums of each probe, none for one that is done.
    Sums(Vec<Option<ProbeSums>>),
}

/// Labels and features of the rows.
#[derive(Debug, Serialize, Deserialize)]
struct Census {
    tallies: Vec<Tally>,
    moments: Scatter,
}

/// Sums of one probe.
#[derive(Debug, Serialize, Deserialize)]
struct ProbeSums {
    train: Score,
    test: Score,
    sums: Sums,
}

/// Carries the passes for an op.
#[derive(Debug)]
pub(crate) struct Trainer {
    settings: Settings,
    cols: usize,
    seed: u64,
    linalg: Linalg,
}

impl Trainer {
    pub(crate) fn new(settings: Settings, input: &Input, linalg: Linalg) -> Result<Self> {
        let cols = input.cols.first().copied().unwrap_or(0);
        Ok(Self { settings: settings.checked()?, cols, seed: input.seed, linalg })
    }

    pub(crate) fn begin(&self, model: &Training) -> TrainingState {
        if model.probes.is_empty() {
            let spread = if self.cols <= FULL_SCATTER_LIMIT { Spread::Full } else { Spread::Diagonal };
            let tallies = vec![Tally::default(); self.settings.columns.len()];
            let moments = Scatter::new(spread, self.cols);
            return TrainingState(Phase::Census(Census { tallies, moments }));
        }
        let sums = |probe: &Probe| match &probe.state {
            ProbeState::Training(fit) => {
                Some(ProbeSums { train: Score::default(), test: Score::default(), sums: fit.sums() })
            }
            _ => None,
        };
        TrainingState(Phase::Sums(model.probes.iter().map(sums).collect()))
    }

    pub(crate) fn update(
        &self,
        model: &Training,
        state: &mut TrainingState,
        batch: &Batch<'_>,
    ) -> Result<()> {
        let columns: Vec<&str> = self.settings.columns.iter().map(String::as_str).collect();
        let rows = keyed(batch, &columns)?;
        for rows in rows.chunks(BLOCK) {
            match &mut state.0 {
                Phase::Census(census) => self.count(census, rows, batch.rows())?,
                Phase::Sums(sums) => self.add(model, sums, rows, batch.rows())?,
            }
        }
        Ok(())
    }

    fn count(&self, census: &mut Census, rows: &[Keyed<'_>], all: ArrayView2<'_, f64>) -> Result<()> {
        for row in rows {
            census.tallies.iter_mut().zip(&row.keys).for_each(|(tally, key)| tally.count(row.side, key));
        }
        let train: Vec<usize> = rows.iter().filter(|r| r.side == Side::Train).map(|r| r.row).collect();
        census.moments.absorb(picked(all, &train, 0), &vec![""; train.len()], self.linalg)
    }

    fn add(
        &self,
        model: &Training,
        sums: &mut [Option<ProbeSums>],
        rows: &[Keyed<'_>],
        all: ArrayView2<'_, f64>,
    ) -> Result<()> {
        let on = |side: Side| rows.iter().filter(|r| r.side == side).collect::<Vec<_>>();
        let design =
            |rows: &[&Keyed<'_>]| model.space.design(all, &rows.iter().map(|r| r.row).collect::<Vec<_>>());
        let (train, test) = (on(Side::Train), on(Side::Test));
        let (train_design, test_design) = (design(&train)?, design(&test)?);
        for (place, (probe, sums)) in model.probes.iter().zip(sums).enumerate() {
            let (ProbeState::Training(fit), Some(sums)) = (&probe.state, sums) else { continue };
            let class = |row: &&Keyed<'_>| {
                let key = &row.keys[place];
                probe.classes.index(model.draw(place).map_or(key, |draw| draw.label(key)))
            };
            let weights = fit.weights()?;
            let classes: Option<Vec<usize>> = train.iter().map(class).collect();
            let classes = classes.ok_or_else(|| {
                Error::invalid("a training row has a label that it did not have in the first pass")
            })?;
            sums.train.merge(sums.sums.absorb(train_design.view(), &classes, weights, self.linalg)?);
            let classes: Vec<Option<usize>> = test.iter().map(class).collect();
            sums.test.absorb(test_design.view(), &classes, weights, self.linalg)?;
        }
        Ok(())
    }

    pub(crate) fn merge(&self, state: &mut TrainingState, other: TrainingState) -> Result<()> {
        match (&mut state.0, other.0) {
            (Phase::Census(mine), Phase::Census(more)) => {
                mine.tallies.iter_mut().zip(more.tallies).for_each(|(mine, more)| mine.merge(more));
                mine.moments.merge(more.moments, self.linalg)
            }
            (Phase::Sums(mine), Phase::Sums(more)) => {
                for pair in mine.iter_mut().zip(more) {
                    if let (Some(mine), Some(more)) = pair {
                        mine.train.merge(more.train);
                        mine.test.merge(more.test);
                        mine.sums.merge(&more.sums)?;
                    }
                }
                Ok(())
            }
            _ => Err(Error::invalid("states of different passes cannot be merged")),
        }
    }

    /// Takes the sums of a pass: the next model, or the probes when none is left in training.
    pub(crate) fn finish(&self, model: &Training, state: TrainingState) -> Result<Next<Training>> {
        let mut next = match state.0 {
            Phase::Census(census) => self.started(&census)?,
            Phase::Sums(sums) => self.advanced(model, sums)?,
        };
        let open = next.probes.iter().any(|probe| matches!(probe.state, ProbeState::Training(_)));
        next.passes = model.passes + 1;
        Ok(if open { Next::Again(next) } else { Next::Done(next) })
    }

    fn started(&self, census: &Census) -> Result<Training> {
        let space = Space::of(&census.moments, self.settings.standardize);
        let task = census.tallies.first().map(Tally::classes).unwrap_or_default();
        let draws = (0..self.settings.draws).map(|i| Draw::new(self.seed.wrapping_add(i), &task));
        let mut started = Training { space, draws: draws.collect(), probes: Vec::new(), passes: 0 };
        let probe = |(place, tally): (usize, &Tally)| {
            let classes =
                started.draw(place).map_or_else(|| tally.classes(), |draw| tally.drawn(draw).classes());
            let state = match untrainable(&classes.names, self.cols) {
                Some(reason) => ProbeState::Failed(reason),
                None => ProbeState::Training(Box::new(Fit::new(
                    &classes.train,
                    &census.moments,
                    &started.space,
                    self.settings.l2,
                    self.cols <= FULL_SCATTER_LIMIT,
                    self.linalg,
                )?)),
            };
            Ok(Probe { classes, state })
        };
        let probes = census.tallies.iter().enumerate().map(probe).collect::<Result<Vec<_>>>()?;
        started.probes = probes;
        Ok(started)
    }

    fn advanced(&self, model: &Training, sums: Vec<Option<ProbeSums>>) -> Result<Training> {
        let mut next = model.clone();
        for (probe, sums) in next.probes.iter_mut().zip(sums) {
            let (ProbeState::Training(fit), Some(sums)) = (&mut probe.state, sums) else { continue };
            match fit.advance(&sums.sums, self.linalg)? {
                Step::Converged => probe.state = ProbeState::Trained(sums.train, sums.test),
                Step::Stuck(reason) => probe.state = ProbeState::Failed(reason),
                Step::Again if model.passes >= self.settings.iterations => {
                    probe.state =
                        ProbeState::Failed(not_converged(self.settings.iterations, fit.decrement()));
                }
                Step::Again => {}
            }
        }
        Ok(next)
    }
}

impl Training {
    /// The draw of the labels of a probe; `None` when its labels are those of its column.
    fn draw(&self, place: usize) -> Option<&Draw> {
        self.draws.get(place.checked_sub(1)?)
    }

    /// The probes at the end.
    pub(crate) fn probes(&self) -> &[Probe] {
        &self.probes
    }
}

/// Says that training did not come to its end, and how far it came.
pub(crate) fn not_converged(iterations: u64, decrement: f64) -> String {
    format!(
        "training did not converge in {iterations} passes: it came to a relative precision of {decrement:.0e}"
    )
}
