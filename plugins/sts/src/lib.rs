//! Semantic textual similarity (evaluation `sts`): correlation of sentence cosines with gold scores.
//!
//! Conventions and citations are in the README of this crate.
#![forbid(unsafe_code)]

mod correlation;
mod evaluation;

pub use correlation::{average_ranks, pearson, spearman, varies};
pub use evaluation::{ScoredPair, Sts, StsState};

use isoscope_plugin_sdk::prelude::*;

declare_plugin! { pub PLUGIN, id: "org.isoscope.sts", ops: [Sts] }
