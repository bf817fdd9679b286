//! A fitted chain of enhancements as a file: what a study learnt on one layer, to be applied to other rows.
//!
//! The file is in the safetensors format. Its header holds one entry of metadata, `isoscope`, a JSON document of [`Artefact`]; the
//! tensor `step<i>.model`, of bytes, holds the model of step i as its plugin encodes it. A step that fits nothing has no tensor.

use crate::plan::OpRef;
use safetensors::tensor::{Dtype, TensorView};
use safetensors::{SafeTensorError, SafeTensors, serialize};
use serde::{Deserialize, Serialize};
use std::collections::HashMap;

/// Name of the entry of metadata.
const ENTRY: &str = "isoscope";
/// Version of the document.
pub const SCHEMA: u32 = 1;

/// A fitted chain of enhancements and where it comes from.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Artefact {
    /// Version of this document.
    pub schema: u32,
    /// Name of the study.
    pub study: String,
    /// Digest of its plan.
    pub plan_digest: String,
    /// Name of the encoder; empty for a matrix.
    pub model: String,
    /// `sha256:` of its weights; empty for a matrix.
    pub weights_digest: String,
    /// Name of the dataset.
    pub dataset: String,
    /// `sha256:` of its bytes.
    pub dataset_digest: String,
    /// Layer whose rows it was fitted on.
    pub layer: u32,
    /// Name of the space that it leads to.
    pub space: String,
    /// Unit of a row: `token`, `word` or `sentence`; `row` for a matrix.
    pub unit: String,
    /// How the tokens of a sentence were pooled; empty for rows that are no sentences.
    #[serde(default)]
    pub pooling: String,
    /// Seed of the study.
    pub seed: u64,
    /// The steps from raw to the space, first to last.
    pub steps: Vec<FittedStep>,
}

/// One enhancement of a chain.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct FittedStep {
    /// Which enhancement, of which plugin, with which parameters.
    #[serde(flatten)]
    pub op: OpRef,
    /// Width of the rows that it maps.
    pub input: u32,
    /// Width of the rows that it makes.
    pub output: u32,
    /// What it learnt, as the plugin encodes it; none where there is nothing to learn.
    #[serde(skip)]
    pub model: Option<Vec<u8>>,
}

/// A file that is not a fitted chain.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ArtefactError {
    /// The format is broken.
    #[error("not a safetensors file, or one cut short: {0}")]
    Format(#[from] SafeTensorError),
    /// It holds something else, such as the weights of an encoder.
    #[error("a safetensors file, but not one that isoscope wrote: it has no metadata `{ENTRY}`")]
    Foreign,
    /// The document cannot be read or written.
    #[error("its metadata `{ENTRY}` cannot be read: {0}")]
    Document(#[from] serde_json::Error),
    /// A newer program wrote it.
    #[error(
        "it has version {0} of the format, and this program knows version {SCHEMA}; use a newer isoscope"
    )]
    Schema(u32),
}

impl Artefact {
    /// Encodes the chain as a file. Equal chains give equal bytes.
    ///
    /// # Errors
    /// When the document cannot be encoded.
    pub fn to_bytes(&self) -> Result<Vec<u8>, ArtefactError> {
        let mut tensors = Vec::new();
        for (i, step) in self.steps.iter().enumerate() {
            if let Some(model) = &step.model {
                tensors.push((tensor_name(i), TensorView::new(Dtype::U8, vec![model.len()], model)?));
            }
        }
        // One entry: the crate keeps metadata in a map without an order.
        let metadata = HashMap::from([(ENTRY.to_owned(), serde_json::to_string(self)?)]);
        Ok(serialize(tensors, Some(metadata))?)
    }

    /// Decodes what [`Artefact::to_bytes`] wrote.
    ///
    /// # Errors
    /// When the bytes are cut short, of another program, or of a newer version.
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, ArtefactError> {
        /// The version is read first: of a newer document the rest may not be understood.
        #[derive(Deserialize)]
        struct Version {
            schema: u32,
        }
        let (_, metadata) = SafeTensors::read_metadata(bytes)?;
        let document = metadata.metadata().as_ref().and_then(|entries| entries.get(ENTRY));
        let document = document.ok_or(ArtefactError::Foreign)?;
        let Version { schema } = serde_json::from_str(document)?;
        if schema != SCHEMA {
            return Err(ArtefactError::Schema(schema));
        }
        let mut artefact: Self = serde_json::from_str(document)?;
        let tensors = SafeTensors::deserialize(bytes)?;
        for (i, step) in artefact.steps.iter_mut().enumerate() {
            step.model = tensors.tensor(&tensor_name(i)).ok().map(|tensor| tensor.data().to_vec());
        }
        Ok(artefact)
    }

    /// Width of the rows that it maps; none for a chain without steps.
    #[must_use]
    pub fn input(&self) -> Option<u32> {
        self.steps.first().map(|step| step.input)
    }
}

fn tensor_name(step: usize) -> String {
    format!("step{step}.model")
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    fn artefact() -> Artefact {
        let step = |id: &str, model: Option<Vec<u8>>| FittedStep {
            op: OpRef {
                plugin: "org.isoscope.enhance".into(),
                plugin_version: "0.1.0".into(),
                plugin_digest: "built-in".into(),
                id: id.into(),
                definition: 1,
                params: "{\"components\":3}".into(),
            },
            input: 8,
            output: 5,
            model,
        };
        Artefact {
            schema: SCHEMA,
            study: "s".into(),
            plan_digest: "sha256:p".into(),
            model: "pre".into(),
            weights_digest: "sha256:w".into(),
            dataset: "d".into(),
            dataset_digest: "sha256:d".into(),
            layer: 3,
            space: "whitening+l2_normalize".into(),
            unit: "token".into(),
            pooling: String::new(),
            seed: u64::MAX,
            steps: vec![
                step("whitening", Some(vec![1, 2, 3])),
                step("l2_normalize", None),
                step("x", Some(vec![])),
            ],
        }
    }

    #[test]
    fn a_chain_survives_the_file_and_has_the_same_bytes_each_time() {
        let bytes = artefact().to_bytes().unwrap();
        assert_eq!(Artefact::from_bytes(&bytes).unwrap(), artefact());
        assert_eq!(artefact().to_bytes().unwrap(), bytes);
        assert_eq!(artefact().input(), Some(8));
    }

    #[test]
    fn other_files_are_refused_with_what_they_are() {
        let refused = |bytes: &[u8]| Artefact::from_bytes(bytes).unwrap_err().to_string();
        assert!(refused(b"text, not tensors").starts_with("not a safetensors file"));
        let bytes = artefact().to_bytes().unwrap();
        assert!(refused(&bytes[..bytes.len() - 1]).starts_with("not a safetensors file"));
        let weights = serialize([("w", TensorView::new(Dtype::U8, vec![1], &[0]).unwrap())], None).unwrap();
        assert!(refused(&weights).contains("not one that isoscope wrote"));
        let newer = Artefact { schema: 2, ..artefact() }.to_bytes().unwrap();
        assert!(refused(&newer).contains("version 2"));
    }
}
