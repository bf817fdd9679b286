//! What travels between the passes: states going up the merge tree, models coming down.

use crate::plan::Delays;
use serde::{Deserialize, Serialize, de::DeserializeOwned};
use std::collections::BTreeMap;

/// Owner of a state inside one layer of one subject.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum Owner {
    /// The moments of a node of the plan's space tree, over the rows that are measured.
    Moments(u32),
    /// The moments of a node over the rows that enhancements are fitted on, where those are others.
    Fitting(u32),
    /// The moments of a node, group by group: index of the grouping among those of the node.
    Groups(u32, u32),
    /// An op of the plan.
    Op(u32),
    /// The fit of the enhancement that leads to a node, on rows.
    Fit(u32),
    /// A sample of the plan.
    Sample(u32),
}

/// States of one layer of one subject over some shards.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct LayerState {
    /// Encoded state by owner.
    pub states: BTreeMap<Owner, Blob>,
}

/// What the workers must know for the next pass over one layer: fitted enhancements, and the models of ops that go on.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Broadcast {
    /// Fitted model of each node of the space tree whose step has been fitted so far.
    pub fits: BTreeMap<u32, Fit>,
    /// Passes over the rows that ops have asked for.
    pub runs: Vec<Run>,
    /// Fits of enhancements that asked for a further pass: the model it begins with, by node.
    pub fitting: BTreeMap<u32, Blob>,
    /// Passes beyond the first that those fits have asked for.
    pub delays: Delays,
}

/// Result of fitting an enhancement.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum Fit {
    /// Its model, as the plugin encodes it, and the width of what it maps to.
    Done {
        /// Encoded model.
        model: Blob,
        /// Columns of the mapped rows.
        columns: u32,
    },
    /// Why it could not be fitted; every value of the space is null with this reason.
    Failed {
        /// The reason, for the rows' status.
        reason: String,
    },
}

/// One pass of one op.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Run {
    /// Index of the op in the plan.
    pub op: u32,
    /// Which pass this is, from 0; pass 0 of an op on moments was its `measure`.
    pub pass: u32,
    /// Stage in which it runs.
    pub stage: u32,
    /// Encoded model to begin with.
    pub model: Blob,
}

/// Moments that a later stage's end needs again; they never go to the passes.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Carry {
    /// Encoded moments by node of the space tree.
    pub moments: BTreeMap<u32, Blob>,
    /// Those of the rows that enhancements are fitted on, where they are others.
    pub fitting: BTreeMap<u32, Blob>,
}

/// Bytes, encoded as one run rather than number by number.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Blob(pub Vec<u8>);

impl Serialize for Blob {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_bytes(&self.0)
    }
}

impl<'de> Deserialize<'de> for Blob {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Bytes;
        impl serde::de::Visitor<'_> for Bytes {
            type Value = Blob;

            fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str("bytes")
            }

            fn visit_bytes<E: serde::de::Error>(self, bytes: &[u8]) -> Result<Blob, E> {
                Ok(Blob(bytes.to_vec()))
            }
        }
        deserializer.deserialize_bytes(Bytes)
    }
}

/// Bytes that are not what they should be.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("the {what} cannot be read: {reason}")]
pub struct CodecError {
    /// What was being read or written.
    pub what: &'static str,
    /// What the codec said.
    pub reason: String,
}

/// Encodes a value for a blob.
///
/// # Errors
/// When the value cannot be encoded.
pub fn encode<T: Serialize>(what: &'static str, value: &T) -> Result<Vec<u8>, CodecError> {
    postcard::to_stdvec(value).map_err(|e| CodecError { what, reason: e.to_string() })
}

/// Decodes what [`encode`] wrote.
///
/// # Errors
/// When the bytes are not of that kind.
pub fn decode<T: DeserializeOwned>(what: &'static str, bytes: &[u8]) -> Result<T, CodecError> {
    postcard::from_bytes(bytes).map_err(|e| CodecError { what, reason: e.to_string() })
}
