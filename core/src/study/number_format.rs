//! The number format of weights and hidden states.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// How an encoder stores its weights and hidden states. Products, norms and softmax sum in f32 or f64 whatever the format; what is
/// measured of the hidden states is f64.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum NumberFormat {
    /// 24 bits of precision.
    #[default]
    F32,
    /// 11 bits; overflows above 65504.
    F16,
    /// 8 bits, with the range of f32.
    Bf16,
}

impl NumberFormat {
    /// As a study names it.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::F32 => "f32",
            Self::F16 => "f16",
            Self::Bf16 => "bf16",
        }
    }
}
