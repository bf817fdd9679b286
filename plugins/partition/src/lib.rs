//! Isotropy by the partition function (family PARTITION).
//!
//! `Z(u) = Σ exp(u·x)` is summed along the eigenvectors of the second moment or of the covariance, and isotropy is
//! `I = min Z / max Z`. The moments give the directions; one more pass over the rows gives `log Z` for both signs of all
//! of them. Five ops, so that a user pays for what is asked: [`Uncentered`], [`UnitRms`], [`Centered`],
//! [`CenteredUnitRms`] and the moments-only [`FirstOrder`]. Conventions and citations are in the README of this crate.
#![forbid(unsafe_code)]

mod centered;
mod directions;
mod exp_pair;
mod first_order;
mod log_sum_exp;
mod pass;
mod uncentered;
mod unit_rms;

pub use centered::Centered;
pub use directions::Directions;
pub use first_order::FirstOrder;
pub use log_sum_exp::LogSumExp;
pub use pass::{LogZ, Partition, Variant};
pub use uncentered::Uncentered;
pub use unit_rms::{CenteredUnitRms, UnitRms};

use isoscope_plugin_sdk::prelude::*;

declare_plugin! {
    pub PLUGIN, id: "org.isoscope.partition",
    ops: [
        Partition<Uncentered>,
        Partition<UnitRms>,
        Partition<Centered>,
        Partition<CenteredUnitRms>,
        MomentOp<FirstOrder>,
    ]
}
