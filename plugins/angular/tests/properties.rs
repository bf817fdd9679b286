//! Declared invariances, merging, and degenerate clouds, for every op of the family.

#[path = "../../../tests/golden/properties.rs"]
mod properties;

use isoscope_angular::*;
use isoscope_plugin_sdk::prelude::*;

metric_properties! {
    avg_cosine: MomentOp<AvgCosine>,
    avg_cosine_n2: MomentOp<AvgCosineN2>,
    mean_resultant_length: MomentOp<MeanResultantLength>,
    cos_contribution: MomentOp<CosContribution>,
    cos_contribution_top3: MomentOp<CosContributionTop3>,
    zero_rows: MomentOp<ZeroRows>,
    concentricity: MomentOp<Concentricity>,
    avg_cosine_centered: AvgCosineCentered,
}
