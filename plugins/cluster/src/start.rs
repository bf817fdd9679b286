//! Where k-means starts: the first rows, or seeded k-means++ on a sample.

use isoscope_plugin_sdk::prelude::*;

use crate::{
    bottom_rows::BottomRows,
    distance::squared_distance,
    exact_sum::ExactSums,
    lloyd::{Limits, Lloyd, Run, Step},
    random::{Stream, row_key},
};

/// Fewest and most rows of the sample.
const SAMPLE: (usize, usize) = (4096, 16_384);

/// Rows of the sample for each cluster.
const SAMPLE_PER_CLUSTER: usize = 64;

/// Iterations on the sample.
const SAMPLE_LIMITS: Limits = Limits { iterations: 50, tolerance: 0.0 };

/// Relative difference of two potentials that counts as none. Two rows that are nearest to each other and to no third
/// promise the same, and rounding must not decide between them.
const TIE: f64 = 1e-9;

/// How the first centroids are chosen.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Start {
    /// The k rows of the smallest ids.
    FirstRows,
    /// k-means++, then Lloyd, on a sample.
    PlusPlus,
}

impl Start {
    /// Reads the parameter `init`.
    ///
    /// # Errors
    /// Refuses other names.
    pub(crate) fn named(name: &str) -> Result<Self> {
        match name {
            "first_rows" => Ok(Self::FirstRows),
            "kmeans++" => Ok(Self::PlusPlus),
            _ => Err(Error::invalid(format!("init: \"{name}\" is neither \"kmeans++\" nor \"first_rows\""))),
        }
    }

    fn capacity(self, k: usize) -> usize {
        match self {
            Self::FirstRows => k,
            Self::PlusPlus => (SAMPLE_PER_CLUSTER * k).clamp(SAMPLE.0, SAMPLE.1).max(k),
        }
    }
}

/// What the first pass gathers.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct StartState {
    n: u64,
    sums: ExactSums,
    rows: BottomRows,
}

impl StartState {
    pub(crate) fn new(start: Start, k: usize, d: usize) -> Self {
        Self { n: 0, sums: ExactSums::new(d), rows: BottomRows::new(start.capacity(k), d) }
    }

    /// Rows so far.
    pub(crate) fn n(&self) -> u64 {
        self.n
    }

    /// Adds rows with their global ids.
    ///
    /// # Errors
    /// Refuses rows that are not laid out one number after the other.
    pub(crate) fn absorb(
        &mut self,
        start: Start,
        seed: u64,
        rows: ArrayView2<'_, f64>,
        ids: &[i64],
    ) -> Result<()> {
        for (row, &id) in rows.rows().into_iter().zip(ids) {
            let row =
                row.to_slice().ok_or_else(|| Error::failed("the numbers of a row are not contiguous"))?;
            let key = match start {
                // The order of the ids, as unsigned numbers.
                Start::FirstRows => id.cast_unsigned() ^ (1 << 63),
                Start::PlusPlus => row_key(seed, id),
            };
            self.rows.offer(key, id, row);
            self.sums.add(0, row);
        }
        self.n += rows.nrows() as u64;
        Ok(())
    }

    /// Adds the state of another part.
    ///
    /// # Errors
    /// Refuses a state whose sizes disagree.
    pub(crate) fn merge(&mut self, other: &Self) -> Result<()> {
        self.n += other.n;
        self.sums.merge(&other.sums);
        self.rows.merge(&other.rows)
    }

    /// Chooses the first centroids of every run, or says why there are none.
    ///
    /// # Errors
    /// Passes on what the host's product answers.
    pub(crate) fn lloyd(
        self,
        start: Start,
        k: usize,
        runs: u64,
        seed: u64,
        linalg: Linalg,
    ) -> Result<Result<Lloyd, String>> {
        let n = self.n;
        if n < k as u64 {
            return Ok(Err(format!("{k} clusters need at least {k} rows, there are {n}")));
        }
        let (ids, rows) = self.rows.by_id()?;
        let centre: Vec<f64> = self.sums.means(0, rows.ncols(), n).collect();
        if centre.iter().any(|x| !x.is_finite()) {
            return Ok(Err("the sums of the rows exceed double precision".to_owned()));
        }
        let seeds = |run| match start {
            Start::FirstRows => (0..k).collect(),
            Start::PlusPlus => plus_plus(rows.view(), k, &mut Stream::new(seed, run)),
        };
        let runs = (0..runs).map(|run| Run::from(centroids(&rows, &seeds(run)))).collect();
        let lloyd = Lloyd { n, k, centre, runs };
        match start {
            Start::FirstRows => Ok(Ok(lloyd)),
            Start::PlusPlus => on_sample(lloyd, &rows, &ids, linalg).map(Ok),
        }
    }
}

/// Gathers rows as centroids, one after the other.
fn centroids(rows: &Array2<f64>, chosen: &[usize]) -> Vec<f64> {
    chosen.iter().flat_map(|&i| rows.row(i).to_vec()).collect()
}

/// Iterates on the sample and starts again from where that ends.
fn on_sample(lloyd: Lloyd, rows: &Array2<f64>, ids: &[i64], linalg: Linalg) -> Result<Lloyd> {
    let mut inner = lloyd.clone();
    loop {
        let mut states = inner.begin();
        inner.absorb(linalg, &mut states, rows.view(), ids)?;
        match inner.step(states, SAMPLE_LIMITS) {
            Step::Again => {}
            Step::Ended => break,
            // The whole may have more distinct rows than the sample: let it decide.
            Step::Undefined(_) => return Ok(lloyd),
        }
    }
    let runs = inner.clusters().into_iter().map(|clusters| Run::from(clusters.means)).collect();
    Ok(Lloyd { runs, ..lloyd })
}

/// Chooses `k` of the rows (m×d, m ≥ k ≥ 1): each with a probability in proportion to its squared distance from those
/// chosen before, the best of a few draws (greedy k-means++). When fewer rows are distinct, the first fills the rest.
fn plus_plus(rows: ArrayView2<'_, f64>, k: usize, chance: &mut Stream) -> Vec<usize> {
    let m = rows.nrows();
    let slice = |i: usize| rows.row(i).to_slice().unwrap_or_default();
    let to = |i: usize| (0..m).map(move |j| squared_distance(slice(i), slice(j)));
    let draws = 2 + (k as f64).ln() as usize;
    let first = ((chance.uniform() * m as f64) as usize).min(m - 1);
    let mut chosen = vec![first];
    let mut closest: Vec<f64> = to(first).collect();
    while chosen.len() < k {
        let sums: Vec<f64> = closest
            .iter()
            .scan(0.0, |sum, distance| {
                *sum += distance;
                Some(*sum)
            })
            .collect();
        let total = sums.last().copied().unwrap_or(0.0);
        if total <= 0.0 || !total.is_finite() {
            chosen.resize(k, first);
            break;
        }
        let (mut best, mut least, mut kept) = (first, f64::INFINITY, Vec::new());
        for _ in 0..draws {
            let drawn = chance.uniform() * total;
            let candidate = sums.partition_point(|sum| *sum <= drawn).min(m - 1);
            let after: Vec<f64> = to(candidate).zip(&closest).map(|(d, closest)| d.min(*closest)).collect();
            let potential = after.iter().sum::<f64>();
            if potential < least * (1.0 - TIE) {
                (best, least, kept) = (candidate, potential, after);
            }
        }
        chosen.push(best);
        closest = kept;
    }
    chosen
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn distinct_rows_are_chosen_while_there_are_any() {
        let rows = Array2::from_shape_fn((50, 2), |(i, j)| ((i % 5) * 10 + j) as f64);
        for stream in 0..20 {
            let chosen = plus_plus(rows.view(), 5, &mut Stream::new(3, stream));
            let mut groups: Vec<usize> = chosen.iter().map(|i| i % 5).collect();
            groups.sort_unstable();
            assert_eq!(groups, vec![0, 1, 2, 3, 4]);
        }
    }

    #[test]
    fn the_first_row_fills_up_when_too_few_are_distinct() {
        let rows = Array2::from_elem((7, 2), 0.1);
        let chosen = plus_plus(rows.view(), 3, &mut Stream::new(0, 0));
        assert!(chosen.iter().all(|i| *i == chosen[0]) && chosen.len() == 3);
    }

    #[test]
    fn unknown_starts_are_refused_with_the_known_ones() {
        assert!(Start::named("random").is_err_and(|e| e.to_string().contains("first_rows")));
    }
}
