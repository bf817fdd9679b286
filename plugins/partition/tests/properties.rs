//! Declared invariances, merging, and degenerate clouds, for every op of the family.

#[path = "../../../tests/golden/properties.rs"]
mod properties;

use isoscope_partition::*;
use isoscope_plugin_sdk::prelude::*;

metric_properties! {
    uncentered: Partition<Uncentered>,
    unit_rms: Partition<UnitRms>,
    centered: Partition<Centered>,
    centered_unit_rms: Partition<CenteredUnitRms>,
    first_order: MomentOp<FirstOrder>,
}
