//! Rows grouped by a key: the word they are an occurrence of, the sentence they stand in, or any other column (family
//! GROUPED).
//!
//! [`SelfSimilarity`], [`IntraSentence`], [`Mev`] and [`Frequency`] read the rows in passes; [`SameGroupNeighbours`] and
//! [`AttributeDistance`] compare all pairs of a sample. The parameter `group` names the column whose values are the keys.
//! Conventions and citations are in the README of this crate.
#![forbid(unsafe_code)]

mod attribute_distance;
mod distances;
mod draw;
mod frequency;
mod intra_sentence;
mod keys;
mod mev;
mod neighbours;
mod ranks;
mod regression;
mod sample_groups;
mod scatter;
mod self_similarity;
mod summary;
mod unit_sum;

pub use attribute_distance::{AttributeDistance, AttributeDistanceParams};
pub use frequency::{Frequency, FrequencyModel, FrequencyParams, FrequencyState};
pub use intra_sentence::{IntraSentence, IntraSentenceState};
pub use mev::{Mev, MevModel, MevParams, MevState};
pub use neighbours::{NeighbourParams, SameGroupNeighbours};
pub use self_similarity::{SelfSimilarity, SelfSimilarityParams, SelfSimilarityState};

use isoscope_plugin_sdk::prelude::*;

declare_plugin! {
    pub PLUGIN, id: "org.isoscope.grouped",
    ops: [
        SelfSimilarity,
        IntraSentence,
        Mev,
        Frequency,
        SampleOp<SameGroupNeighbours>,
        SampleOp<AttributeDistance>,
    ]
}
