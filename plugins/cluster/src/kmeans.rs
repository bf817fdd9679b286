//! The op `cluster.kmeans`: k-means, its indices, and isotropy inside the clusters.

use isoscope_partition::LogSumExp;
use isoscope_plugin_sdk::prelude::*;

use crate::{
    bottom_rows::{BottomRows, row_ids, sliceable},
    clusters::Clusters,
    distance::squared_norm,
    fit::{FitModel, FitState, Fitted, Kmeans, Settings},
    indices::several,
    local::{log_isotropy, project},
    random::row_key,
    report::over_runs,
    silhouette::silhouette,
    within::{Within, residuals},
};

params! {
    /// Parameters of the clusters.
    pub struct KmeansParams {
        /// Number of clusters.
        clusters: u64 = 9, aliases ["k"];
        /// Where to start: "kmeans++" chooses on a random sample of the rows and iterates there first; "first_rows" takes
        /// the first rows by their global ids.
        init: String = "kmeans++";
        /// Independent starts. With several, values are the mean of the runs, and ID_sd is their standard deviation.
        runs: u64 = 1;
        /// Most iterations over all rows.
        iterations: u64 = 100, aliases ["max_iterations"];
        /// Sum of the squared shifts of the centroids, relative to the mean variance of a dimension, that ends the
        /// iterations; 0 iterates to a fixed point.
        tolerance: f64 = 0.0, aliases ["tol"];
        /// Most rows of the random sample that the silhouette is taken of.
        silhouette_rows: u64 = 5000;
    }
}

/// The op.
pub struct ClusterKmeans {
    kmeans: Kmeans,
    silhouette_rows: usize,
    seed: u64,
    linalg: Linalg,
}

/// Broadcast of a pass.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub enum KmeansModel {
    /// The clusters are being found.
    Fit(FitModel),
    /// The rows are measured against the clusters of every run.
    Measure(Vec<Clusters>),
    /// The rows are projected on the principal directions of every run, d×d each, row by row.
    Project(Vec<Clusters>, Vec<Vec<f64>>),
    /// There is nothing left to do.
    Done,
}

impl Default for KmeansModel {
    fn default() -> Self {
        Self::Fit(FitModel::Start)
    }
}

/// What a pass gathers.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub enum KmeansState {
    /// Of the fit.
    Fit(FitState),
    /// Of the measures: one part for each run, and the rows for the silhouette.
    Measure(Vec<Within>, SilhouetteRows),
    /// Of the projections, one for each run.
    Project(Vec<LogSumExp>),
    /// Nothing.
    Done,
}

/// Rows for the silhouette.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct SilhouetteRows(BottomRows);

/// The changes that leave a value of k-means as it is. Another order of the rows gives another start.
const RIGID: &[Invariance] = &[Invariance::Rotation, Invariance::Translation];

impl Op for ClusterKmeans {
    const META: OpMeta = OpMeta {
        id: "cluster.kmeans",
        kind: Kind::Metric,
        version: 1,
        needs: Needs::Rows,
        columns: &["row"],
        outputs: &[
            Output::scalar("cluster.kmeans*").invariant(RIGID),
            Output::scalar("cluster.local_log_I_pm_k*")
                .range("(-inf, 0]")
                .better(Better::Higher)
                .invariant(RIGID),
            Output::scalar("cluster.adjusted_avg_cosine_k*").range("[-1, 1]").invariant(&[
                Invariance::Rotation,
                Invariance::Translation,
                Invariance::Scale,
            ]),
        ],
        doc: "k-means clusters (Lloyd) and the shape of the space inside them; K stands for the parameter clusters. \
              cluster.kmeansK_inertia is the sum of squared distances from the cluster means, _sizes the rows of each \
              cluster (of the run of least inertia), _silhouette the mean silhouette [-1, 1] over a random sample, \
              _davies_bouldin [0, inf) (lower: more apart) and _calinski_harabasz [0, inf) (higher: more apart) the usual \
              indices, _iterations the passes over all rows and _reseeded the times that an empty cluster was given the \
              farthest row. cluster.local_log_I_pm_kK is log I of partition.log_I_pm after each row has lost the mean of \
              its cluster. cluster.adjusted_avg_cosine_kK is the mean over clusters of the exact average cosine of \
              their rows minus the cluster mean. The result depends on the seed and the rows' ids, not on how the rows \
              are cut. With runs > 1 every value is the mean of that many runs and ID_sd their standard deviation.",
        formula: "\\min_{c, \\mu} \\sum_i \\|x_i - \\mu_{c(i)}\\|^2; \\quad \\log I(\\tilde X), \\; \\tilde x_i = x_i - \
                  \\mu_{c(i)}; \\quad \\frac{1}{k} \\sum_c \\frac{\\|\\sum_{i \\in c} \\hat{\\tilde x}_i\\|^2 - m_c}{m_c (m_c - 1)}",
        reference: "Lloyd 1982; Arthur & Vassilvitskii 2007 (SODA); Rousseeuw 1987; Davies & Bouldin 1979; Calinski & \
                    Harabasz 1974; Rajaee & Pilehvar 2021 (ACL), table 1 (mean of five runs, k = 1, 3, 6, 9, 20); Cai et \
                    al. 2021 (ICLR), adjusted inter-similarity. The authors' released code runs ten iterations from random \
                    rows and divides by the size of empty clusters",
        ..OpMeta::DEFAULT
    };
    type Params = KmeansParams;
    type Model = KmeansModel;
    type State = KmeansState;

    fn open(params: KmeansParams, input: &Input, host: &Host) -> Result<Self> {
        let settings = Settings {
            clusters: params.clusters,
            init: params.init,
            runs: params.runs,
            iterations: params.iterations,
            tolerance: params.tolerance,
        };
        let silhouette_rows = usize::try_from(params.silhouette_rows).unwrap_or(usize::MAX);
        if silhouette_rows < 2 {
            return Err(Error::invalid("silhouette_rows: at least 2 rows are needed"));
        }
        let (seed, linalg) = (input.seed, host.linalg());
        Ok(Self { kmeans: Kmeans::new(&settings, input, linalg)?, silhouette_rows, seed, linalg })
    }

    fn begin(&self, model: &KmeansModel, _pass: u32) -> Result<KmeansState> {
        Ok(match model {
            KmeansModel::Fit(model) => KmeansState::Fit(self.kmeans.begin(model)),
            KmeansModel::Measure(runs) => {
                let d = runs.first().map_or(0, Clusters::cols);
                let within = runs.iter().map(|run| Within::new(run.k(), d)).collect();
                KmeansState::Measure(within, SilhouetteRows(BottomRows::new(self.silhouette_rows, d)))
            }
            KmeansModel::Project(runs, _) => {
                KmeansState::Project(runs.iter().map(|run| LogSumExp::new(run.cols())).collect())
            }
            KmeansModel::Done => KmeansState::Done,
        })
    }

    fn update(&self, model: &KmeansModel, state: &mut KmeansState, batch: &Batch<'_>) -> Result<()> {
        let rows = sliceable(batch.rows());
        match (model, state) {
            (KmeansModel::Fit(model), KmeansState::Fit(state)) => self.kmeans.update(model, state, batch),
            (KmeansModel::Measure(runs), KmeansState::Measure(within, sample)) => {
                for (row, id) in rows.rows().into_iter().zip(row_ids(batch)) {
                    let row = row.to_slice();
                    let row = row.ok_or_else(|| Error::failed("the numbers of a row are not contiguous"))?;
                    // Another seed than that of the start, so that the two samples are independent.
                    sample.0.offer(row_key(!self.seed, id), id, row);
                }
                residuals(runs, self.linalg, rows.view(), |run, residuals, labels| {
                    within[run].absorb(self.linalg, residuals, labels)
                })
            }
            (KmeansModel::Project(runs, directions), KmeansState::Project(sums)) => {
                residuals(runs, self.linalg, rows.view(), |run, residuals, _| {
                    let d = residuals.ncols();
                    let directions = ArrayView2::from_shape((d, d), &directions[run])
                        .map_err(|_| Error::invalid("the fitted directions do not form a square matrix"))?;
                    project(self.linalg, residuals, directions, &mut sums[run])
                })
            }
            (KmeansModel::Done, KmeansState::Done) => Ok(()),
            _ => Err(other_pass()),
        }
    }

    fn merge(&self, _: &KmeansModel, state: &mut KmeansState, other: KmeansState) -> Result<()> {
        match (state, other) {
            (KmeansState::Fit(state), KmeansState::Fit(other)) => self.kmeans.merge(state, &other),
            (KmeansState::Measure(within, sample), KmeansState::Measure(others, more)) => {
                within.iter_mut().zip(&others).for_each(|(mine, other)| mine.merge(other));
                sample.0.merge(&more.0)
            }
            (KmeansState::Project(sums), KmeansState::Project(others)) => {
                sums.iter_mut().zip(&others).try_for_each(|(mine, other)| mine.merge(other))
            }
            (KmeansState::Done, KmeansState::Done) => Ok(()),
            _ => Err(other_pass()),
        }
    }

    fn finish(
        &self,
        model: &KmeansModel,
        state: KmeansState,
        out: &mut Out<'_>,
    ) -> Result<Next<KmeansModel>> {
        match (model, state) {
            (KmeansModel::Fit(model), KmeansState::Fit(state)) => match self.kmeans.finish(model, state)? {
                Fitted::Again(model) => Ok(Next::Again(KmeansModel::Fit(model))),
                Fitted::Clusters(runs) => Ok(Next::Again(KmeansModel::Measure(runs))),
                Fitted::Undefined { n, reason } => {
                    out.set_n(n);
                    self.all_null(out, &reason)?;
                    Ok(Next::Done(KmeansModel::Done))
                }
            },
            (KmeansModel::Measure(runs), KmeansState::Measure(within, sample)) => {
                self.report(runs, &within, sample, out)?;
                self.directions(runs, &within, out)
            }
            (KmeansModel::Project(runs, _), KmeansState::Project(sums)) => {
                out.set_n(runs.first().map_or(0, Clusters::n));
                let values: Vec<_> = sums.iter().map(log_isotropy).collect();
                over_runs(out, &self.local_id(), &values)?;
                Ok(Next::Done(KmeansModel::Done))
            }
            (KmeansModel::Done, KmeansState::Done) => Ok(Next::Done(KmeansModel::Done)),
            _ => Err(other_pass()),
        }
    }
}

impl ClusterKmeans {
    fn id(&self, what: &str) -> String {
        format!("cluster.kmeans{}_{what}", self.kmeans.k())
    }

    fn local_id(&self) -> String {
        format!("cluster.local_log_I_pm_k{}", self.kmeans.k())
    }

    fn adjusted_id(&self) -> String {
        format!("cluster.adjusted_avg_cosine_k{}", self.kmeans.k())
    }

    fn all_null(&self, out: &mut Out<'_>, reason: &str) -> Result<()> {
        for what in ["inertia", "silhouette", "davies_bouldin", "calinski_harabasz", "iterations", "reseeded"]
        {
            out.null(&self.id(what), reason)?;
        }
        out.null_series(&self.id("sizes"), reason)?;
        out.null(&self.adjusted_id(), reason)?;
        out.null(&self.local_id(), reason)
    }

    /// Writes everything but the local isotropy.
    fn report(
        &self,
        runs: &[Clusters],
        within: &[Within],
        sample: SilhouetteRows,
        out: &mut Out<'_>,
    ) -> Result<()> {
        out.set_n(runs.first().map_or(0, Clusters::n));
        let each = |measure: &dyn Fn(&Clusters, &Within) -> Result<f64, String>| -> Vec<_> {
            runs.iter().zip(within).map(|(run, within)| measure(run, within)).collect()
        };
        let inertia = each(&|_, within| Ok(within.spread.inertia()));
        over_runs(out, &self.id("inertia"), &inertia)?;
        let least = within
            .iter()
            .zip(runs)
            .min_by(|(a, _), (b, _)| a.spread.inertia().total_cmp(&b.spread.inertia()));
        let sizes: Vec<f64> =
            least.iter().flat_map(|(_, run)| run.sizes().iter().map(|size| *size as f64)).collect();
        out.series(&self.id("sizes"), &sizes)?;
        let davies_bouldin = each(&|run, within| within.spread.davies_bouldin(run));
        over_runs(out, &self.id("davies_bouldin"), &davies_bouldin)?;
        let calinski_harabasz = each(&|run, within| within.spread.calinski_harabasz(run));
        over_runs(out, &self.id("calinski_harabasz"), &calinski_harabasz)?;
        over_runs(out, &self.id("iterations"), &each(&|run, _| Ok(run.iterations as f64)))?;
        over_runs(out, &self.id("reseeded"), &each(&|run, _| Ok(run.reseeded as f64)))?;
        over_runs(out, &self.adjusted_id(), &each(&|_, within| within.units.average_cosine()))?;
        self.report_silhouette(runs, sample, out)
    }

    fn report_silhouette(&self, runs: &[Clusters], sample: SilhouetteRows, out: &mut Out<'_>) -> Result<()> {
        let (_, rows) = sample.0.by_id()?;
        let labels = Clusters::nearest_of(runs, self.linalg)?.labels(rows.view())?;
        let mut values = Vec::with_capacity(runs.len());
        for (index, run) in runs.iter().enumerate() {
            if let Err(reason) = several(run) {
                values.push(Err(reason));
                continue;
            }
            let own: Vec<usize> = labels.iter().skip(index).step_by(runs.len()).copied().collect();
            values.push(silhouette(rows.view(), &own, run.k(), &run.centre, self.linalg)?);
        }
        out.set_n(rows.nrows() as u64);
        over_runs(out, &self.id("silhouette"), &values)
    }

    /// Finds the directions of the last pass; without them the local isotropy is null.
    fn directions(
        &self,
        runs: &[Clusters],
        within: &[Within],
        out: &mut Out<'_>,
    ) -> Result<Next<KmeansModel>> {
        let mut found = Vec::with_capacity(runs.len());
        for (run, within) in runs.iter().zip(within) {
            let sizes = run.sizes().iter().enumerate();
            let means = sizes.map(|(c, size)| *size as f64 * squared_norm(run.mean(c))).sum();
            match within.scatter.directions(self.linalg, run.n(), means)? {
                Ok(directions) => found.push(directions.into_iter().collect()),
                Err(reason) => {
                    out.set_n(run.n());
                    let undefined: Vec<_> = runs.iter().map(|_| Err(reason.clone())).collect();
                    over_runs(out, &self.local_id(), &undefined)?;
                    return Ok(Next::Done(KmeansModel::Done));
                }
            }
        }
        Ok(Next::Again(KmeansModel::Project(runs.to_vec(), found)))
    }
}

fn other_pass() -> Error {
    Error::invalid("a state of another pass does not fit the model")
}
