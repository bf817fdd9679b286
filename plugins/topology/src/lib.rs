//! Persistent homology of a sample of the rows (family TOPOLOGY): components and loops of the Vietoris–Rips filtration.
//!
//! Formulas, conventions and citations are in the README of this crate.
#![forbid(unsafe_code)]

mod components;
mod distance;
mod loops;
mod rips;
mod spanning_tree;

pub use components::{Components, ComponentsParams};
pub use loops::{Loops, LoopsParams};
pub use rips::Interval;

use isoscope_plugin_sdk::prelude::*;

declare_plugin! {
    pub PLUGIN, id: "org.isoscope.topology",
    ops: [SampleOp<Components>, SampleOp<Loops>]
}
