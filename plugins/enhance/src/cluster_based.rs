//! The cluster-based approach: in every cluster, removes the mean and the leading principal directions.

use isoscope_cluster::{Clusters, FitModel, FitState, Fitted, Kmeans, sliceable};
use isoscope_plugin_sdk::prelude::*;
use ndarray::Axis;

use crate::{
    cluster_fit::{fit_of, not_fitted, undefined},
    cluster_scatter::{ClusterScatter, Sorted},
};

/// Directions removed where the parameter is unset.
const COMPONENTS: usize = 12;

params! {
    /// Parameters of the cluster-based approach.
    pub struct ClusterBasedParams {
        /// Number of clusters. The published values are 27 for BERT and RoBERTa and 10 for GPT-2.
        clusters: u64 = 27, aliases ["k"];
        /// Number of leading principal directions to remove in each cluster; unset removes 12, the published value for BERT
        /// and RoBERTa (30 for GPT-2), but leaves one dimension at least.
        components: Option<u64> = None, aliases ["p", "D"];
        /// Where k-means starts: "kmeans++" or "first_rows"; see cluster.kmeans.
        init: String = "kmeans++";
        /// Most iterations over all rows.
        iterations: u64 = 100, aliases ["max_iterations"];
    }
}

/// Removes the mean and the leading principal directions of the nearest cluster.
pub struct ClusterBased {
    kmeans: Kmeans,
    components: usize,
    /// Whether every cluster keeps one of its directions at least.
    leaves_one: bool,
    linalg: Linalg,
}

/// Broadcast of a pass, and the fitted artefact.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub enum ClusterBasedModel {
    /// The clusters are being found.
    Fit(FitModel),
    /// Their scatters are being summed.
    Scatter(Clusters),
    /// The clusters, and the directions of each, one after the other.
    Fitted(Clusters, Vec<Vec<f64>>),
}

impl Default for ClusterBasedModel {
    fn default() -> Self {
        Self::Fit(FitModel::Start)
    }
}

/// What a pass gathers.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub enum ClusterBasedState {
    /// Of the clusters.
    Fit(FitState),
    /// Of their scatters.
    Scatter(ClusterScatter),
    /// A run that only applies has none.
    Fitted,
}

impl Op for ClusterBased {
    const META: OpMeta = OpMeta {
        id: "cluster_based",
        kind: Kind::Enhancement,
        version: 1,
        needs: Needs::Rows,
        columns: &["row"],
        doc: "Finds k-means clusters; in each, subtracts its mean and removes its leading principal directions (the \
              cluster-based approach, CBIE). A cluster of m rows loses at most m - 1 directions, and no more than its rows \
              determine. Rows that were not fitted go to the nearest centroid. After the clusters one more pass sums the \
              scatter of each: clusters x d (d + 1) / 2 numbers, 64 MB for 27 clusters in 768 dimensions. It fails when \
              there are fewer distinct rows than clusters.",
        formula: "y = \\tilde x - U_c^\\top U_c \\tilde x, \\quad \\tilde x = x - \\mu_c, \\quad c = c(x)",
        reference: "Rajaee & Pilehvar 2021 (ACL), section 3, cluster-based approach; the released code fits on the rows that \
                    it evaluates, and fails for a cluster with fewer rows than directions",
        ..OpMeta::DEFAULT
    };
    type Params = ClusterBasedParams;
    type Model = ClusterBasedModel;
    type State = ClusterBasedState;

    fn open(params: ClusterBasedParams, input: &Input, host: &Host) -> Result<Self> {
        let linalg = host.linalg();
        let d = input.cols.first().copied().unwrap_or(0);
        let components = match params.components {
            None => COMPONENTS.min(d.saturating_sub(1)),
            Some(given) => usize::try_from(given).unwrap_or(usize::MAX),
        };
        let kmeans = fit_of(params.clusters, &params.init, params.iterations, input, linalg)?;
        Ok(Self { kmeans, components, leaves_one: params.components.is_none(), linalg })
    }

    fn begin(&self, model: &ClusterBasedModel, _pass: u32) -> Result<ClusterBasedState> {
        Ok(match model {
            ClusterBasedModel::Fit(model) => ClusterBasedState::Fit(self.kmeans.begin(model)),
            ClusterBasedModel::Scatter(clusters) => {
                ClusterBasedState::Scatter(ClusterScatter::new(clusters.k(), clusters.cols()))
            }
            ClusterBasedModel::Fitted(..) => ClusterBasedState::Fitted,
        })
    }

    fn update(
        &self,
        model: &ClusterBasedModel,
        state: &mut ClusterBasedState,
        batch: &Batch<'_>,
    ) -> Result<()> {
        match (model, state) {
            (ClusterBasedModel::Fit(model), ClusterBasedState::Fit(state)) => {
                self.kmeans.update(model, state, batch)
            }
            (ClusterBasedModel::Scatter(clusters), ClusterBasedState::Scatter(scatter)) => {
                scatter.absorb(self.linalg, &self.sorted(clusters, batch)?)
            }
            _ => Err(other_pass()),
        }
    }

    fn merge(
        &self,
        _: &ClusterBasedModel,
        state: &mut ClusterBasedState,
        other: ClusterBasedState,
    ) -> Result<()> {
        match (state, other) {
            (ClusterBasedState::Fit(state), ClusterBasedState::Fit(other)) => {
                self.kmeans.merge(state, &other)
            }
            (ClusterBasedState::Scatter(state), ClusterBasedState::Scatter(other)) => state.merge(other),
            _ => Err(other_pass()),
        }
    }

    fn finish(
        &self,
        model: &ClusterBasedModel,
        state: ClusterBasedState,
        _: &mut Out<'_>,
    ) -> Result<Next<ClusterBasedModel>> {
        match (model, state) {
            (ClusterBasedModel::Fit(model), ClusterBasedState::Fit(state)) => {
                match self.kmeans.finish(model, state)? {
                    Fitted::Again(model) => Ok(Next::Again(ClusterBasedModel::Fit(model))),
                    Fitted::Clusters(runs) => {
                        let clusters = runs.into_iter().next().ok_or_else(not_fitted)?;
                        Ok(Next::Again(ClusterBasedModel::Scatter(clusters)))
                    }
                    Fitted::Undefined { reason, .. } => Err(undefined(&reason)),
                }
            }
            (ClusterBasedModel::Scatter(clusters), ClusterBasedState::Scatter(scatter)) => Ok(Next::Done(
                ClusterBasedModel::Fitted(clusters.clone(), self.directions(clusters, &scatter)?),
            )),
            _ => Err(other_pass()),
        }
    }

    const HAS_APPLY: bool = true;

    fn apply(
        &self,
        model: &ClusterBasedModel,
        batch: &Batch<'_>,
        mut out: ArrayViewMut2<'_, f64>,
    ) -> Result<()> {
        let ClusterBasedModel::Fitted(clusters, directions) = model else { return Err(not_fitted()) };
        let mut sorted = self.sorted(clusters, batch)?;
        let d = clusters.cols();
        let groups: Vec<_> = sorted.groups().collect();
        for (cluster, range) in groups {
            let own = directions.get(cluster).map_or(&[][..], Vec::as_slice);
            let directions = ArrayView2::from_shape((own.len() / d.max(1), d), own)
                .map_err(|_| Error::invalid("the fitted directions do not have the size of their mean"))?;
            if directions.nrows() > 0 {
                let mut rows = sorted.residuals.slice_axis_mut(Axis(0), range);
                let projections = self.linalg.matmul(rows.view(), directions.t())?;
                rows -= &self.linalg.matmul(projections.view(), directions)?;
            }
        }
        for (row, &place) in sorted.residuals.rows().into_iter().zip(&sorted.order) {
            out.row_mut(place).assign(&row);
        }
        Ok(())
    }
}

impl ClusterBased {
    /// Finds the directions to remove in each cluster, one after the other.
    ///
    /// # Errors
    /// Fails when no cluster has rows that vary along more directions than are removed: what is left would be rounding noise.
    fn directions(&self, clusters: &Clusters, scatter: &ClusterScatter) -> Result<Vec<Vec<f64>>> {
        let (k, d, wanted) = (clusters.k(), clusters.cols(), self.components);
        let mut found = Vec::with_capacity(k);
        let mut is_left = wanted == 0;
        for (cluster, &rows) in clusters.sizes().iter().enumerate() {
            // One more than is removed tells whether anything is left.
            let mut directions = scatter.leading(self.linalg, cluster, rows, wanted.saturating_add(1))?;
            let rank = directions.len() / d.max(1);
            let removed = if self.leaves_one { wanted.min(rank.saturating_sub(1)) } else { wanted.min(rank) };
            is_left |= rank > removed;
            directions.truncate(removed * d);
            found.push(directions);
        }
        if is_left {
            return Ok(found);
        }
        Err(Error::failed(format!(
            "components: removing {wanted} directions from each of {k} clusters leaves nothing of {d} dimensions; take fewer"
        )))
    }

    fn sorted(&self, clusters: &Clusters, batch: &Batch<'_>) -> Result<Sorted> {
        let rows = sliceable(batch.rows());
        let labels = clusters.nearest(self.linalg)?.labels(rows.view())?;
        Ok(Sorted::new(clusters, rows.view(), &labels))
    }
}

fn other_pass() -> Error {
    Error::invalid("a state of another pass does not fit the model")
}
