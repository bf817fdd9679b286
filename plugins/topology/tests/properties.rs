//! Declared invariances, merging, and degenerate clouds, for every op of the family.
#![allow(clippy::unwrap_used)]

#[path = "../../../tests/golden/properties.rs"]
mod properties;

use isoscope_plugin_sdk::prelude::*;
use isoscope_topology::*;

metric_properties! {
    components: SampleOp<Components>,
    loops: SampleOp<Loops>,
}
