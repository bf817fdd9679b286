//! The manifest as far as the host needs it.

use isoscope_plugin_abi::{ISO_ABI_MAJOR, ISO_ABI_MINOR};
use serde::Deserialize;
use serde_json::Value;

use crate::LoadError;

/// Who a plugin is and what its ops declare.
#[derive(Debug, Deserialize)]
pub(crate) struct Manifest {
    pub(crate) id: String,
    pub(crate) version: String,
    pub(crate) ops: Vec<OpManifest>,
}

/// What an op declares.
#[derive(Debug, Clone, Deserialize)]
pub(crate) struct OpManifest {
    pub(crate) id: String,
    #[serde(default)]
    pub(crate) parts: Vec<String>,
    #[serde(default)]
    pub(crate) outputs: Vec<OutputManifest>,
}

/// An output that an op declares.
#[derive(Debug, Clone, Deserialize)]
pub(crate) struct OutputManifest {
    pub(crate) id: String,
}

impl Manifest {
    /// Parses a manifest. The version of the ABI comes first, because a manifest of another major may look otherwise.
    pub(crate) fn parse(text: &str, origin: &str) -> Result<Self, LoadError> {
        let wrong = |reason: String| LoadError::BadManifest { origin: origin.to_owned(), reason };
        let value: Value = serde_json::from_str(text).map_err(|error| wrong(error.to_string()))?;
        let number = |name: &str| value["abi"][name].as_u64();
        let major = number("major").ok_or_else(|| wrong("abi.major is missing".to_owned()))?;
        let minor = number("min_minor").ok_or_else(|| wrong("abi.min_minor is missing".to_owned()))?;
        let id = value["id"].as_str().unwrap_or(origin).to_owned();
        if major != u64::from(ISO_ABI_MAJOR) {
            return Err(LoadError::WrongMajor { id, major, minor });
        }
        if minor > u64::from(ISO_ABI_MINOR) {
            return Err(LoadError::NewerMinor { id, minor });
        }
        match value["schema"].as_u64() {
            Some(1) => {}
            other => return Err(wrong(format!("schema must be 1, got {other:?}"))),
        }
        serde_json::from_value(value).map_err(|error| wrong(error.to_string()))
    }
}

impl OpManifest {
    /// Returns whether an output of this id is declared; a declared id that ends in `*` covers every id with that start.
    pub(crate) fn declares(&self, id: &str) -> bool {
        self.outputs.iter().any(|output| match output.id.strip_suffix('*') {
            Some(start) => id.starts_with(start),
            None => id == output.id,
        })
    }
}
