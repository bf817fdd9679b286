//! How much the vector of a word tells of its frequency.

use std::collections::BTreeMap;

use isoscope_plugin_sdk::prelude::*;
use ndarray::Axis;

use crate::draw::{Lowest, hash_row};
use crate::keys::{Keys, row_ids};
use crate::ranks::spearman;
use crate::regression::{Directions, Regression};
use crate::scatter::Scatter;

const R2: &str = "grouped.freq_linear_r2";
const ADJUSTED: &str = "grouped.freq_linear_r2_adjusted";
const SPEARMAN: &str = "grouped.freq_pc_max_abs_spearman";
const GROUPS: &str = "grouped.freq_groups";
const LEFT_OUT: &str = "grouped.freq_rows_left_out";
const SAME: &[Invariance] =
    &[Invariance::Rotation, Invariance::Translation, Invariance::Scale, Invariance::Permutation];

params! {
    /// Parameters of the frequency bias.
    pub struct FrequencyParams {
        /// Column whose values are the groups; by default the word that a row is an occurrence of.
        group: String = "word";
        /// Column of the log frequency of a row, e.g. frequency; empty for the natural logarithm of the number of rows that its
        /// group has in this cloud.
        frequency: String = "";
        /// Leading principal components that are compared with the frequency.
        components: u64 = 10;
        /// Most rows whose ranks are compared, drawn by a hash of seed and row; all when there are fewer.
        rows: u64 = 20000;
    }
}

/// Regression of the log frequency on the vector, and its rank correlation with the principal components.
pub struct Frequency {
    params: FrequencyParams,
    seed: u64,
    linalg: Linalg,
}

/// After the rows are counted: what their frequencies are, and along which directions they vary.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub struct FrequencyModel {
    directions: Option<Directions>,
    logarithms: BTreeMap<String, f64>,
    groups: u64,
    left_out: u64,
    varies: bool,
}

/// Counts and scatter in the first pass, the sums of the regression and a draw of component scores in the second.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct FrequencyState {
    scatter: Scatter,
    counts: BTreeMap<String, u64>,
    left_out: u64,
    /// Sum, least and greatest of the frequencies of the column.
    column: [f64; 3],
    regression: Regression,
    /// Frequency and scores of a row.
    drawn: Lowest<(f64, Vec<f64>)>,
}

impl Op for Frequency {
    const META: OpMeta = OpMeta {
        id: "grouped.frequency",
        kind: Kind::Metric,
        version: 1,
        needs: Needs::Rows,
        columns: &["$group", "$frequency"],
        outputs: &[
            Output::scalar(R2).range("[0, 1]").better(Better::Lower).invariant(SAME),
            Output::scalar(ADJUSTED).range("(-inf, 1]").better(Better::Lower).invariant(SAME),
            Output::scalar(SPEARMAN).range("[0, 1]").better(Better::Lower).invariant(SAME),
            Output::scalar(GROUPS).unit("groups").range("0..").invariant(SAME),
            Output::scalar(LEFT_OUT).unit("rows").range("0..=n").invariant(SAME),
        ],
        doc: "Frequency bias: how far the vector of an occurrence gives the log frequency of its word away. freq_linear_r2 is \
              the share of the variance of the log frequency, over rows, that a linear map of the vector explains, in sample; \
              freq_linear_r2_adjusted allows for the number of directions along which the rows vary. freq_pc_max_abs_spearman \
              is the largest |Spearman| between the log frequency and one of the leading principal components, over at most \
              `rows` rows drawn by a hash. The frequency of a word is its number of rows in this cloud, or, where `frequency` names \
              a column, what that says. Rows without a key (or, with a column, without a frequency) are left out and \
              counted. Components of equal variance are arbitrary, and so is then the maximum over them.",
        formula: "R^2 = \\frac{b^\\top S^{+} b}{\\sum_i (f_i - \\bar f)^2}, \\quad b = \\sum_i (f_i - \\bar f)(x_i - \\mu), \
                  \\quad S = \\sum_i (x_i - \\mu)(x_i - \\mu)^\\top; \\qquad \\max_{k \\le K} |\\rho(u_k^\\top x_i, f_i)|",
        reference: "definition; the bias itself: Gao et al. 2019 (ICLR), Rajaee & Pilehvar 2021 (ACL), appendix D, which show it \
                    in plots of two principal components without a number",
        ..OpMeta::DEFAULT
    };
    type Params = FrequencyParams;
    type Model = FrequencyModel;
    type State = FrequencyState;

    fn open(params: FrequencyParams, input: &Input, host: &Host) -> Result<Self> {
        if params.components == 0 || params.rows < 3 {
            return Err(Error::invalid(
                "parameter \"components\" must be at least 1, and \"rows\" at least 3",
            ));
        }
        Ok(Self { params, seed: input.seed, linalg: host.linalg() })
    }

    fn begin(&self, _: &FrequencyModel, _pass: u32) -> Result<FrequencyState> {
        Ok(FrequencyState {
            scatter: Scatter::default(),
            counts: BTreeMap::new(),
            left_out: 0,
            column: [0.0, f64::INFINITY, f64::NEG_INFINITY],
            regression: Regression::default(),
            drawn: Lowest::new(self.params.rows as usize),
        })
    }

    fn update(&self, model: &FrequencyModel, state: &mut FrequencyState, batch: &Batch<'_>) -> Result<()> {
        match &model.directions {
            None => self.count(state, batch),
            Some(directions) => self.regress(model, directions, state, batch),
        }
    }

    fn merge(&self, _: &FrequencyModel, state: &mut FrequencyState, other: FrequencyState) -> Result<()> {
        state.scatter.merge(other.scatter)?;
        for (key, rows) in other.counts {
            *state.counts.entry(key).or_default() += rows;
        }
        state.left_out += other.left_out;
        let ([sum, low, high], [more, lower, higher]) = (state.column, other.column);
        state.column = [sum + more, low.min(lower), high.max(higher)];
        state.regression.merge(&other.regression)?;
        state.drawn.merge(other.drawn);
        Ok(())
    }

    fn finish(
        &self,
        model: &FrequencyModel,
        state: FrequencyState,
        out: &mut Out<'_>,
    ) -> Result<Next<FrequencyModel>> {
        match &model.directions {
            None => Ok(Next::Again(self.model(&state)?)),
            Some(directions) => {
                self.report(model, directions, state, out)?;
                Ok(Next::Done(FrequencyModel::default()))
            }
        }
    }
}

impl Frequency {
    /// Counts the rows of a batch, and scatters those that have a frequency.
    fn count(&self, state: &mut FrequencyState, batch: &Batch<'_>) -> Result<()> {
        let keys = Keys::read(batch, &self.params.group)?;
        let column = self.column(batch)?;
        let mut used = Vec::with_capacity(batch.len());
        for i in 0..batch.len() {
            let key = keys.get(i);
            let Some(number) = frequency_of(column.as_ref(), i, key.as_deref(), |_| Some(0.0)) else {
                state.left_out += 1;
                continue;
            };
            used.push(i);
            let [sum, low, high] = state.column;
            state.column = [sum + number, low.min(number), high.max(number)];
            if let Some(key) = key {
                *state.counts.entry(key.into_owned()).or_default() += 1;
            }
        }
        let rows = batch.rows();
        let rows = if used.len() == batch.len() { rows.to_owned() } else { rows.select(Axis(0), &used) };
        state.scatter.merge(Scatter::of(&rows, self.linalg)?)
    }

    /// The frequencies and directions of the rows that were counted.
    fn model(&self, state: &FrequencyState) -> Result<FrequencyModel> {
        let n = state.scatter.n().max(1) as f64;
        let mut model = FrequencyModel {
            groups: state.counts.len() as u64,
            left_out: state.left_out,
            ..FrequencyModel::default()
        };
        let mean = if self.params.frequency.is_empty() {
            let logarithms = state.counts.iter().map(|(key, rows)| (key.clone(), (*rows as f64).ln()));
            model.logarithms = logarithms.collect();
            let first = state.counts.values().next();
            model.varies = state.counts.values().any(|rows| Some(rows) != first);
            state.counts.values().map(|rows| *rows as f64 * (*rows as f64).ln()).sum::<f64>() / n
        } else {
            let [sum, low, high] = state.column;
            model.varies = low < high;
            sum / n
        };
        model.directions = Some(Directions::find(&state.scatter, mean, self.linalg)?);
        Ok(model)
    }

    fn regress(
        &self,
        model: &FrequencyModel,
        directions: &Directions,
        state: &mut FrequencyState,
        batch: &Batch<'_>,
    ) -> Result<()> {
        let keys = Keys::read(batch, &self.params.group)?;
        let column = self.column(batch)?;
        for (i, (row, id)) in batch.rows().rows().into_iter().zip(row_ids(batch)).enumerate() {
            let known = |key: &str| model.logarithms.get(key).copied();
            let Some(number) = frequency_of(column.as_ref(), i, keys.get(i).as_deref(), known) else {
                continue;
            };
            state.regression.add(directions, row, number);
            let hash = hash_row(self.seed, id);
            if state.drawn.takes(hash) {
                let scores = directions.scores(row, self.params.components as usize);
                state.drawn.give(hash, (number, scores));
            }
        }
        Ok(())
    }

    /// Reads the column of frequencies; `None` when they are counted.
    fn column<'a>(&self, batch: &Batch<'a>) -> Result<Option<F64Column<'a>>> {
        match self.params.frequency.as_str() {
            "" => Ok(None),
            name => batch.f64s(name).map(Some),
        }
    }

    fn report(
        &self,
        model: &FrequencyModel,
        directions: &Directions,
        state: FrequencyState,
        out: &mut Out<'_>,
    ) -> Result<()> {
        let (n, rank) = (directions.n, directions.rank() as u64);
        out.set_n(n);
        let undefined = match () {
            () if n < 3 => Some("fewer than 3 rows have a frequency"),
            () if !model.varies => Some("all rows have the same frequency"),
            () if rank == 0 => Some("all rows are equal"),
            () => None,
        };
        let r2 = directions.r2(&state.regression);
        match undefined {
            Some(reason) => [R2, ADJUSTED].iter().try_for_each(|id| out.null(id, reason))?,
            None if n <= rank + 1 => {
                let reason = "the rows vary along as many directions as there are rows less 1: any frequency is fitted";
                [R2, ADJUSTED].iter().try_for_each(|id| out.null(id, reason))?;
            }
            None => {
                out.value(R2, r2)?;
                out.value(ADJUSTED, 1.0 - (1.0 - r2) * (n - 1) as f64 / (n - rank - 1) as f64)?;
            }
        }
        let drawn = state.drawn.finish();
        out.set_n(drawn.len() as u64);
        match (undefined, strongest(&drawn, directions.rank().min(self.params.components as usize))) {
            (Some(reason), _) => out.null(SPEARMAN, reason)?,
            (None, None) => out.null(SPEARMAN, "all rows drawn have the same frequency")?,
            (None, Some(strongest)) => out.value(SPEARMAN, strongest)?,
        }
        out.set_n(n + model.left_out);
        out.value(GROUPS, model.groups as f64)?;
        out.value(LEFT_OUT, model.left_out as f64)
    }
}

/// Finds the frequency of a row: that of the column, or what `known` says of its key.
fn frequency_of(
    column: Option<&F64Column<'_>>,
    row: usize,
    key: Option<&str>,
    known: impl Fn(&str) -> Option<f64>,
) -> Option<f64> {
    match column {
        Some(column) => column.get(row).filter(|number| number.is_finite()),
        None => key.and_then(known),
    }
}

/// Finds the largest |Spearman| between the frequency and one of the first scores.
fn strongest(drawn: &[(u64, (f64, Vec<f64>))], components: usize) -> Option<f64> {
    let numbers: Vec<f64> = drawn.iter().map(|(_, (number, _))| *number).collect();
    let of = |k: usize| drawn.iter().map(move |(_, (_, scores))| scores[k]).collect::<Vec<f64>>();
    (0..components).filter_map(|k| spearman(&of(k), &numbers)).map(f64::abs).reduce(f64::max)
}
