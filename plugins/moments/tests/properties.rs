//! Declared invariances, merging, and degenerate clouds, for every op of the family.

#[path = "../../../tests/golden/properties.rs"]
mod properties;

use isoscope_moments::*;
use isoscope_plugin_sdk::prelude::*;

metric_properties! {
    mean: MomentOp<Mean>,
    mean_vector_norm: MomentOp<MeanVectorNorm>,
    mean_to_rms: MomentOp<MeanToRms>,
    norm: MomentOp<Norm>,
    dim_std: MomentOp<DimStd>,
    const_dims: MomentOp<ConstDims>,
    mean_abs_correlation: MomentOp<MeanAbsCorrelation>,
    outlier_dims3_sigma: MomentOp<OutlierDims3Sigma>,
    outlier_dims_var5x: MomentOp<OutlierDimsVar5x>,
    mean_excess_kurtosis: MomentOp<MeanExcessKurtosis>,
    scatter_fro: MomentOp<ScatterFro>,
    scatter_trace: MomentOp<ScatterTrace>,
}
