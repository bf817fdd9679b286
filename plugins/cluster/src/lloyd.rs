//! Lloyd's iterations over several runs at once: assign every row to its nearest centroid, then move the centroids.

use isoscope_plugin_sdk::prelude::*;

use crate::{
    clusters::Clusters, distance::squared_distance, exact_sum::ExactSums, farthest::Farthest,
    nearest::Nearest,
};

/// The runs between two passes over the rows.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct Lloyd {
    /// Rows in all.
    pub(crate) n: u64,
    /// Clusters of each run.
    pub(crate) k: usize,
    /// Mean of all rows.
    pub(crate) centre: Vec<f64>,
    pub(crate) runs: Vec<Run>,
}

/// One run.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub(crate) struct Run {
    /// Centroids, one after the other.
    pub(crate) centroids: Vec<f64>,
    iterations: u64,
    reseeded: u64,
    ended: Option<Ended>,
}

/// The last assignment of a run.
#[derive(Clone, Debug, Serialize, Deserialize)]
struct Ended {
    means: Vec<f64>,
    sizes: Vec<u64>,
    converged: bool,
}

/// What a pass gathers of one run.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct RunState {
    counts: Vec<u64>,
    sums: ExactSums,
    inertia: ExactSums,
    farthest: Farthest,
}

/// When to stop.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Limits {
    pub(crate) iterations: u64,
    pub(crate) tolerance: f64,
}

/// What follows a pass.
#[derive(Debug, PartialEq)]
pub(crate) enum Step {
    Again,
    Ended,
    /// There are no such clusters, and why.
    Undefined(String),
}

impl Run {
    pub(crate) fn from(centroids: Vec<f64>) -> Self {
        Self { centroids, ..Self::default() }
    }
}

impl Lloyd {
    /// Indices of the runs that go on.
    fn active(&self) -> impl Iterator<Item = usize> {
        (0..self.runs.len()).filter(|&r| self.runs[r].ended.is_none())
    }

    /// Builds the empty states of a pass, one for each run that goes on.
    pub(crate) fn begin(&self) -> Vec<RunState> {
        let len = self.k * self.centre.len();
        let state = || RunState {
            counts: vec![0; self.k],
            sums: ExactSums::new(len),
            inertia: ExactSums::new(1),
            farthest: Farthest::new(self.k),
        };
        self.active().map(|_| state()).collect()
    }

    /// Adds rows (n×d) with their global ids to the states of all runs.
    ///
    /// # Errors
    /// Refuses rows of another width; passes on what the host's product answers.
    pub(crate) fn absorb(
        &self,
        linalg: Linalg,
        states: &mut [RunState],
        rows: ArrayView2<'_, f64>,
        ids: &[i64],
    ) -> Result<()> {
        let d = self.centre.len();
        let stacked: Vec<f64> = self.active().flat_map(|r| self.runs[r].centroids.iter().copied()).collect();
        let sets = states.len();
        if sets == 0 || rows.nrows() == 0 {
            return Ok(());
        }
        let centroids = Array2::from_shape_vec((sets * self.k, d), stacked)
            .map_err(|_| Error::invalid("a state does not have one part for each run of its model"))?;
        let nearest = Nearest::new(linalg, &self.centre, centroids, self.k)?;
        let labels = nearest.labels(rows)?;
        for ((row, id), labels) in rows.rows().into_iter().zip(ids).zip(labels.chunks(sets)) {
            let row =
                row.to_slice().ok_or_else(|| Error::failed("the numbers of a row are not contiguous"))?;
            for ((state, label), run) in states.iter_mut().zip(labels).zip(self.active()) {
                let centroid = &self.runs[run].centroids[label * d..(label + 1) * d];
                state.add(row, *id, *label, squared_distance(row, centroid));
            }
        }
        Ok(())
    }

    /// Moves the centroids of every run that goes on.
    pub(crate) fn step(&mut self, states: Vec<RunState>, limits: Limits) -> Step {
        let active: Vec<usize> = self.active().collect();
        for (run, state) in active.into_iter().zip(states) {
            if let Err(reason) = self.move_run(run, state, limits) {
                return Step::Undefined(reason);
            }
        }
        if self.active().next().is_some() { Step::Again } else { Step::Ended }
    }

    fn move_run(&mut self, run: usize, mut state: RunState, limits: Limits) -> Result<(), String> {
        let (k, d) = (self.k, self.centre.len());
        let inertia = state.inertia.total(0);
        let reseeded = state.farthest.fill(&mut state.counts, &mut state.sums, d);
        let is_empty = state.counts.contains(&0);
        if is_empty && inertia <= 0.0 {
            return Err(format!("there are fewer than {k} distinct rows"));
        }
        let old = &self.runs[run].centroids;
        let mut means = Vec::with_capacity(k * d);
        for (cluster, &count) in state.counts.iter().enumerate() {
            if count == 0 {
                means.extend_from_slice(&old[cluster * d..(cluster + 1) * d]);
            } else {
                means.extend(state.sums.means(cluster * d, d, count));
            }
        }
        if !inertia.is_finite() || means.iter().any(|x| !x.is_finite()) {
            return Err("the squares of the rows exceed double precision".to_owned());
        }
        let fixed = means.iter().zip(old).all(|(new, old)| new.to_bits() == old.to_bits());
        let settled = fixed || self.is_small(old, &means, &state.counts, inertia, limits.tolerance);
        let converged = settled && reseeded == 0 && !is_empty;
        let run = &mut self.runs[run];
        run.iterations += 1;
        run.reseeded += reseeded;
        if converged || run.iterations >= limits.iterations {
            // A row that was moved to an empty cluster was not assigned to it, so the last pass must not have moved any.
            if reseeded > 0 || is_empty {
                return Err(format!(
                    "a cluster is still empty after {} iterations: allow more of them or ask for fewer clusters",
                    run.iterations
                ));
            }
            run.ended = Some(Ended { means, sizes: state.counts, converged });
        } else {
            run.centroids = means;
        }
        Ok(())
    }

    /// Says whether the centroids moved by no more than the tolerance: the sum of their squared shifts, relative to the
    /// mean variance of a dimension.
    fn is_small(&self, old: &[f64], new: &[f64], counts: &[u64], inertia: f64, tolerance: f64) -> bool {
        if tolerance <= 0.0 {
            return false;
        }
        let d = self.centre.len();
        let (mut shift, mut total) = (0.0, inertia);
        for ((old, new), &count) in old.chunks(d).zip(new.chunks(d)).zip(counts) {
            let moved = squared_distance(old, new);
            shift += moved;
            total += count as f64 * (squared_distance(new, &self.centre) - moved);
        }
        shift <= tolerance * total / (self.n as f64 * d as f64)
    }

    /// Takes the clusters of every run; those of a run that has not ended are missing.
    pub(crate) fn clusters(self) -> Vec<Clusters> {
        let (k, centre, n) = (self.k, self.centre, self.n);
        let ended = self.runs.into_iter().filter_map(|run| run.ended.clone().map(|ended| (run, ended)));
        ended
            .map(|(run, ended)| Clusters {
                k,
                n,
                centre: centre.clone(),
                centroids: run.centroids,
                means: ended.means,
                sizes: ended.sizes,
                iterations: run.iterations,
                reseeded: run.reseeded,
                converged: ended.converged,
            })
            .collect()
    }
}

impl RunState {
    fn add(&mut self, row: &[f64], id: i64, label: usize, distance: f64) {
        self.counts[label] += 1;
        self.sums.add(label * row.len(), row);
        self.inertia.add(0, &[distance]);
        self.farthest.offer(distance, id, label, row);
        if self.counts[label] == 1 {
            self.close_when_full();
        }
    }

    /// A cluster that has rows in one part has rows in the whole, so a part in which none is empty keeps no rows to fill it with.
    fn close_when_full(&mut self) {
        if !self.counts.contains(&0) {
            self.farthest.close();
        }
    }

    /// Adds the state of another part.
    ///
    /// # Errors
    /// Refuses a state of another number of clusters.
    pub(crate) fn merge(&mut self, other: &Self) -> Result<()> {
        if self.counts.len() != other.counts.len() {
            return Err(Error::invalid("states of different numbers of clusters do not merge"));
        }
        self.counts.iter_mut().zip(&other.counts).for_each(|(mine, more)| *mine += more);
        self.sums.merge(&other.sums);
        self.inertia.merge(&other.inertia);
        self.farthest.merge(&other.farthest);
        self.close_when_full();
        Ok(())
    }
}
