//! The nearest class mean: a probe without training.

use isoscope_plugin_sdk::prelude::*;

use crate::labels::{Side, keyed};
use crate::report::NO_TEST_ROWS;
use crate::scatter::{Scatter, Spread, picked};

/// Share of the squared distances within which class means are equally near; the first class in order then wins.
const TIE: f64 = 1e-12;

params! {
    /// Parameters of the nearest class mean.
    pub struct NearestCentroidParams {
        /// Column of the labels: texts or whole numbers.
        label: String = "label";
    }
}

/// Classifies test rows by the nearest mean of the training rows of a class.
#[derive(Debug)]
pub struct NearestCentroid {
    label: String,
    cols: usize,
    linalg: Linalg,
}

/// Class means; none before the first pass.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub struct Centroids {
    names: Vec<String>,
    /// Mean over all training rows.
    centre: Vec<f64>,
    /// Class means less `centre`, one after the other.
    means: Vec<f64>,
    train_rows: u64,
}

/// What a shard adds up.
#[derive(Debug, Serialize, Deserialize)]
pub enum CentroidState {
    /// The first pass: class means of the training rows.
    Means(Scatter),
    /// The second: how the test rows fared.
    Judged {
        /// Test rows with a label.
        rows: u64,
        /// Those that are nearest to the mean of their own class.
        correct: u64,
        /// Those whose label no training row has.
        unseen: u64,
    },
}

const ACCURACY: &str = "probe.nearest_centroid_accuracy";
const UNSEEN: &str = "probe.nearest_centroid_unseen_test_rows";
const TEST_ROWS: &str = "probe.nearest_centroid_test_rows";
const TRAIN_ROWS: &str = "probe.nearest_centroid_train_rows";
const EVERY: &[Invariance] =
    &[Invariance::Rotation, Invariance::Translation, Invariance::Scale, Invariance::Permutation];

impl Op for NearestCentroid {
    const META: OpMeta = OpMeta {
        id: "probe.nearest_centroid",
        kind: Kind::Probe,
        version: 1,
        needs: Needs::Rows,
        columns: &["split", "$label"],
        outputs: &[
            Output::scalar(ACCURACY).range("[0, 1]").better(Better::Higher).invariant(EVERY),
            Output::scalar(TRAIN_ROWS).unit("rows").range("0..").invariant(EVERY),
            Output::scalar(TEST_ROWS).unit("rows").range("0..").invariant(EVERY),
            Output::scalar(UNSEEN).unit("rows").range("0..").invariant(EVERY),
        ],
        doc: "Share of the test rows whose nearest class mean, in Euclidean distance, is that of their own class. Means are \
              those of the training rows. A test row whose label no training row has is wrong, and counted.",
        formula: "\\frac{1}{n} \\sum_{i \\in \\text{test}} [\\arg\\min_k \\|x_i - \\mu_k\\| = y_i]",
        reference: "Hastie, Tibshirani & Friedman 2009, The Elements of Statistical Learning, section 18.2, without shrinkage",
        ..OpMeta::DEFAULT
    };
    type Params = NearestCentroidParams;
    type Model = Centroids;
    type State = CentroidState;

    fn open(params: NearestCentroidParams, input: &Input, host: &Host) -> Result<Self> {
        let cols = input.cols.first().copied().unwrap_or(0);
        Ok(Self { label: params.label, cols, linalg: host.linalg() })
    }

    fn begin(&self, model: &Centroids, _pass: u32) -> Result<CentroidState> {
        Ok(if model.names.is_empty() {
            CentroidState::Means(Scatter::new(Spread::Means, self.cols))
        } else {
            CentroidState::Judged { rows: 0, correct: 0, unseen: 0 }
        })
    }

    fn update(&self, model: &Centroids, state: &mut CentroidState, batch: &Batch<'_>) -> Result<()> {
        let mut rows = keyed(batch, &[&self.label])?;
        match state {
            CentroidState::Means(means) => {
                rows.retain(|row| row.side == Side::Train);
                let places: Vec<usize> = rows.iter().map(|row| row.row).collect();
                let groups: Vec<&str> = rows.iter().map(|row| row.keys[0].as_ref()).collect();
                means.absorb(picked(batch.rows(), &places, 0), &groups, self.linalg)
            }
            CentroidState::Judged { rows: seen, correct, unseen } => {
                rows.retain(|row| row.side == Side::Test);
                let places: Vec<usize> = rows.iter().map(|row| row.row).collect();
                let nearest = model.nearest(picked(batch.rows(), &places, 0), self.linalg)?;
                for (row, nearest) in rows.iter().zip(nearest) {
                    let own = model.names.binary_search_by(|name| name.as_str().cmp(&row.keys[0]));
                    *seen += 1;
                    *unseen += u64::from(own.is_err());
                    *correct += u64::from(own == Ok(nearest));
                }
                Ok(())
            }
        }
    }

    fn merge(&self, _: &Centroids, state: &mut CentroidState, other: CentroidState) -> Result<()> {
        match (state, other) {
            (CentroidState::Means(mine), CentroidState::Means(more)) => mine.merge(more, self.linalg),
            (
                CentroidState::Judged { rows, correct, unseen },
                CentroidState::Judged { rows: more, correct: more_correct, unseen: more_unseen },
            ) => {
                *rows += more;
                *correct += more_correct;
                *unseen += more_unseen;
                Ok(())
            }
            _ => Err(Error::invalid("states of different passes cannot be merged")),
        }
    }

    fn finish(&self, model: &Centroids, state: CentroidState, out: &mut Out<'_>) -> Result<Next<Centroids>> {
        match state {
            CentroidState::Means(means) if means.n() > 0 => Ok(Next::Again(Centroids::of(&means))),
            CentroidState::Means(_) => {
                out.null(ACCURACY, "no training row has a label")?;
                out.value(TRAIN_ROWS, 0.0)?;
                out.null(TEST_ROWS, "not counted without training rows")?;
                out.null(UNSEEN, "not counted without training rows")?;
                Ok(Next::Done(Centroids::default()))
            }
            CentroidState::Judged { rows, correct, unseen } => {
                out.set_n(rows);
                if rows == 0 {
                    out.null(ACCURACY, NO_TEST_ROWS)?;
                } else if let [only] = model.names.as_slice() {
                    out.null(ACCURACY, &format!("all training rows have the label \"{only}\""))?;
                } else {
                    out.value(ACCURACY, correct as f64 / rows as f64)?;
                }
                out.value(TRAIN_ROWS, model.train_rows as f64)?;
                out.value(TEST_ROWS, rows as f64)?;
                out.value(UNSEEN, unseen as f64)?;
                Ok(Next::Done(model.clone()))
            }
        }
    }
}

impl Centroids {
    fn of(means: &Scatter) -> Self {
        let centre = means.mean();
        let less = |mean: &Vec<f64>| mean.iter().zip(&centre).map(|(m, c)| m - c).collect::<Vec<_>>();
        Self {
            names: means.groups.keys().cloned().collect(),
            means: means.groups.values().flat_map(|group| less(&group.mean)).collect(),
            centre: centre.to_vec(),
            train_rows: means.n(),
        }
    }

    /// Finds the nearest mean of each row by ‖μ‖² − 2 xᵀμ around the common centre, where nothing large cancels.
    fn nearest(&self, mut rows: Array2<f64>, linalg: Linalg) -> Result<Vec<usize>> {
        let shape = || Error::invalid("the rows do not fit the class means");
        if rows.ncols() != self.centre.len() {
            return Err(shape());
        }
        let means = ArrayView2::from_shape((self.names.len(), self.centre.len()), &self.means);
        let means = means.map_err(|_| shape())?;
        rows -= &ArrayView1::from(&self.centre);
        let norms: Vec<f64> = means.rows().into_iter().map(|m| m.iter().map(|x| x * x).sum()).collect();
        let products = linalg.matmul(rows.view(), means.t())?;
        let nearest = |(row, products): (ArrayView1<'_, f64>, ArrayView1<'_, f64>)| {
            let norm: f64 = row.iter().map(|x| x * x).sum();
            let squares: Vec<f64> = products.iter().zip(&norms).map(|(p, m)| norm + m - 2.0 * p).collect();
            let least = squares.iter().copied().fold(f64::INFINITY, f64::min);
            let slack = TIE * (norm + norms.iter().copied().fold(0.0, f64::max));
            squares.iter().position(|square| *square <= least + slack).unwrap_or(0)
        };
        Ok(rows.rows().into_iter().zip(products.rows()).map(nearest).collect())
    }
}
