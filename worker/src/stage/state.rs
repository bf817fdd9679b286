//! States of one layer over some shards, decoded.

use crate::error::WorkerError;
use crate::groups::Groups;
use crate::sample::Sample;
use crate::stage::LayerStage;
use isoscope_core::moments::Moments;
use isoscope_core::state::{Blob, LayerState, Owner, decode, encode};
use std::collections::BTreeMap;

/// What the rows of some shards left behind.
#[derive(Debug, Clone, Default)]
pub struct NodeState {
    /// Moments by space: of the rows that are measured, and of those that enhancements are fitted on.
    pub moments: BTreeMap<Owner, Moments>,
    /// Moments by group of rows.
    pub groups: BTreeMap<Owner, Groups>,
    /// Samples.
    pub samples: BTreeMap<u32, Sample>,
    /// Encoded states of ops and of fits.
    pub runs: BTreeMap<Owner, Vec<u8>>,
}

impl NodeState {
    /// Encodes the states for a blob.
    ///
    /// # Errors
    /// When they cannot be encoded.
    pub fn to_layer_state(&self) -> Result<LayerState, WorkerError> {
        let mut states = BTreeMap::new();
        for (&owner, moments) in &self.moments {
            states.insert(owner, Blob(moments.to_bytes()?));
        }
        for (&owner, groups) in &self.groups {
            states.insert(owner, Blob(encode("groups", groups)?));
        }
        for (&sample, drawn) in &self.samples {
            states.insert(Owner::Sample(sample), Blob(drawn.to_bytes()?));
        }
        for (&owner, state) in &self.runs {
            states.insert(owner, Blob(state.clone()));
        }
        Ok(LayerState { states })
    }

    /// Decodes what [`NodeState::to_layer_state`] made in the same stage.
    ///
    /// # Errors
    /// When a state cannot be read.
    pub fn from_layer_state(stage: &LayerStage, state: LayerState) -> Result<Self, WorkerError> {
        let mut decoded = Self::default();
        for (owner, Blob(bytes)) in state.states {
            match owner {
                Owner::Moments(_) | Owner::Fitting(_) => {
                    decoded.moments.insert(owner, Moments::from_bytes(&bytes)?);
                }
                Owner::Groups(..) => drop(decoded.groups.insert(owner, decode("groups", &bytes)?)),
                Owner::Sample(index) => {
                    let empty = stage.sample(index).ok_or_else(|| missing("a sample"))?;
                    decoded.samples.insert(index, empty.read(&bytes)?);
                }
                Owner::Op(_) | Owner::Fit(_) => drop(decoded.runs.insert(owner, bytes)),
            }
        }
        Ok(decoded)
    }
}

/// A state that one side of a merge has and the other has not.
pub(super) fn missing(what: &str) -> WorkerError {
    WorkerError::task(format!("{what} is missing from a state"))
}
