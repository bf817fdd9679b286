//! Subtracts from every row the mean of its k-means cluster.

use isoscope_cluster::{Clusters, FitModel, FitState, Fitted, Kmeans, sliceable};
use isoscope_plugin_sdk::prelude::*;

use crate::cluster_fit::{ClusterParams, fit_of, not_fitted, undefined};

/// Subtracts the mean of the nearest cluster.
pub struct ClusterZeroMean {
    kmeans: Kmeans,
    linalg: Linalg,
}

/// Broadcast of a pass, and the fitted clusters.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub enum ClusterZeroMeanModel {
    /// The clusters are being found.
    Fit(FitModel),
    /// They are found.
    Fitted(Clusters),
}

impl Default for ClusterZeroMeanModel {
    fn default() -> Self {
        Self::Fit(FitModel::Start)
    }
}

impl Op for ClusterZeroMean {
    const META: OpMeta = OpMeta {
        id: "cluster_zero_mean",
        kind: Kind::Enhancement,
        version: 1,
        needs: Needs::Rows,
        columns: &["row"],
        doc: "Finds k-means clusters and subtracts from every row the mean of the cluster whose centroid is nearest. Rows \
              that were not fitted go to the nearest centroid too. Fitting takes one pass for the start and one for each \
              iteration. It fails when there are fewer distinct rows than clusters.",
        formula: "y = x - \\mu_{c(x)}",
        reference: "Rajaee & Pilehvar 2021 (ACL), section 3: clustering and zero mean, the step before the cluster-based \
                    approach",
        ..OpMeta::DEFAULT
    };
    type Params = ClusterParams;
    type Model = ClusterZeroMeanModel;
    type State = Option<FitState>;

    fn open(params: ClusterParams, input: &Input, host: &Host) -> Result<Self> {
        let linalg = host.linalg();
        let kmeans = fit_of(params.clusters, &params.init, params.iterations, input, linalg)?;
        Ok(Self { kmeans, linalg })
    }

    /// A run that only applies has no state.
    fn begin(&self, model: &ClusterZeroMeanModel, _pass: u32) -> Result<Option<FitState>> {
        Ok(match model {
            ClusterZeroMeanModel::Fit(model) => Some(self.kmeans.begin(model)),
            ClusterZeroMeanModel::Fitted(_) => None,
        })
    }

    fn update(
        &self,
        model: &ClusterZeroMeanModel,
        state: &mut Option<FitState>,
        batch: &Batch<'_>,
    ) -> Result<()> {
        match (model, state) {
            (ClusterZeroMeanModel::Fit(model), Some(state)) => self.kmeans.update(model, state, batch),
            _ => Err(undefined("the clusters are fitted: no pass is left")),
        }
    }

    fn merge(
        &self,
        _: &ClusterZeroMeanModel,
        state: &mut Option<FitState>,
        other: Option<FitState>,
    ) -> Result<()> {
        match (state, other) {
            (Some(state), Some(other)) => self.kmeans.merge(state, &other),
            _ => Err(undefined("the clusters are fitted: no pass is left")),
        }
    }

    fn finish(
        &self,
        model: &ClusterZeroMeanModel,
        state: Option<FitState>,
        _: &mut Out<'_>,
    ) -> Result<Next<ClusterZeroMeanModel>> {
        let (ClusterZeroMeanModel::Fit(model), Some(state)) = (model, state) else {
            return Err(undefined("the clusters are fitted: no pass is left"));
        };
        match self.kmeans.finish(model, state)? {
            Fitted::Again(model) => Ok(Next::Again(ClusterZeroMeanModel::Fit(model))),
            Fitted::Clusters(runs) => {
                let clusters = runs.into_iter().next().ok_or_else(not_fitted)?;
                Ok(Next::Done(ClusterZeroMeanModel::Fitted(clusters)))
            }
            Fitted::Undefined { reason, .. } => Err(undefined(&reason)),
        }
    }

    const HAS_APPLY: bool = true;

    fn apply(
        &self,
        model: &ClusterZeroMeanModel,
        batch: &Batch<'_>,
        mut out: ArrayViewMut2<'_, f64>,
    ) -> Result<()> {
        let ClusterZeroMeanModel::Fitted(clusters) = model else { return Err(not_fitted()) };
        let rows = sliceable(batch.rows());
        let labels = clusters.nearest(self.linalg)?.labels(rows.view())?;
        out.assign(&rows);
        for (mut row, label) in out.rows_mut().into_iter().zip(labels) {
            row -= &ArrayView1::from(clusters.mean(label));
        }
        Ok(())
    }
}
