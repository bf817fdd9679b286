//! The part of `config.json` that says how positions turn queries and keys.

use serde::Deserialize;

use super::checks::Checks;
use crate::error::EncoderError;

/// The rotary embeddings of some layers, as transformers writes them since version 5.
#[derive(Clone, Debug, Default, Deserialize)]
pub(super) struct RopeParameters {
    rope_type: Option<String>,
    rope_theta: Option<f64>,
    partial_rotary_factor: Option<f64>,
}

impl RopeParameters {
    /// Returns the base of the angles, where it is given.
    pub(super) fn base(&self, checks: Checks<'_>) -> Result<Option<f64>, EncoderError> {
        if let Some(kind) = self.rope_type.as_deref().filter(|kind| *kind != "default") {
            let reason = format!("has a rope_type `{kind}`; only `default` is supported");
            return checks.refuse("rope_parameters", reason);
        }
        if let Some(factor) = self.partial_rotary_factor.filter(|factor| (factor - 1.0).abs() > 0.0) {
            let reason = format!("has a partial_rotary_factor of {factor}; only 1 is supported");
            return checks.refuse("rope_parameters", reason);
        }
        self.rope_theta.map(|base| checks.positive("rope_parameters", base)).transpose()
    }
}
