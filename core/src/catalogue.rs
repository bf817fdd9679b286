//! The catalogue of ops: plugin manifests, read as data.

use serde::{Deserialize, Serialize};
use serde_json::Value;

/// A plugin that a worker offers.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct PluginFacts {
    /// What the plugin says of itself.
    pub manifest: Manifest,
    /// `sha256:` of the binary, or `built-in:ID@VERSION`.
    pub digest: String,
    /// Where it came from: `built-in` or a file name.
    pub source: String,
}

/// A plugin's manifest, as it lies in the plugin's file.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Manifest {
    /// Version of the manifest's form.
    pub schema: u32,
    /// Reverse-domain id of the plugin.
    pub id: String,
    /// Version of the plugin.
    pub version: String,
    /// The ABI it speaks.
    pub abi: AbiVersion,
    /// Its ops.
    pub ops: Vec<OpManifest>,
}

/// ABI version that a plugin speaks.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct AbiVersion {
    /// Major version; another one is another entry symbol.
    pub major: u16,
    /// Lowest minor version that the plugin needs.
    pub min_minor: u16,
}

/// What an op says of itself.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct OpManifest {
    /// Id, e.g. `spectrum.isoscore` or `abtt`.
    pub id: String,
    /// What kind of op it is.
    pub kind: Kind,
    /// Version of the definition; it changes whenever a value would.
    pub version: u32,
    /// What it must be given.
    pub needs: Needs,
    /// Parts of the moments that it reads.
    #[serde(default)]
    pub parts: Vec<Part>,
    /// Columns of the rows that it reads.
    #[serde(default)]
    pub columns: Vec<String>,
    /// Whether a fitted enhancement is an affine map.
    #[serde(default)]
    pub affine: bool,
    /// Clouds it takes: 1, or 2 for a comparison.
    #[serde(default = "one")]
    pub views: u32,
    /// What it computes.
    #[serde(default)]
    pub doc: String,
    /// Its formula.
    #[serde(default)]
    pub formula: String,
    /// Paper and equation, and where the value differs from published code.
    #[serde(default)]
    pub reference: String,
    /// The values it reports.
    #[serde(default)]
    pub outputs: Vec<OutputManifest>,
    /// JSON Schema of its parameters.
    #[serde(default)]
    pub params: Value,
}

fn one() -> u32 {
    1
}

/// Kind of an op.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Kind {
    /// One cloud to values.
    Metric,
    /// Fitted, then applied.
    Enhancement,
    /// A score against gold labels.
    Evaluation,
    /// Trained on labelled rows.
    Probe,
    /// Two row-aligned clouds to values.
    Comparison,
}

/// What an op must be given.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Needs {
    /// Nothing: an enhancement without a fit.
    Nothing,
    /// The moments, once.
    Moments,
    /// The rows.
    Rows,
    /// The moments, then the rows under the model made of them.
    MomentsThenRows,
    /// A sample of the rows, all at once; the parameter `rows` bounds it.
    Sample,
}

/// A part of the moments.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Part {
    /// Count, mean and centred scatter; affine maps carry it over in closed form.
    Second,
    /// Norms and unit vectors.
    Direction,
    /// Extremes and third and fourth powers of each dimension.
    Shape,
}

/// A value that an op reports.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct OutputManifest {
    /// Id; a trailing `*` stands for what parameters name.
    pub id: String,
    /// Scalar, vector or object.
    pub shape: Shape,
    /// Unit.
    #[serde(default)]
    pub unit: String,
    /// Range.
    #[serde(default)]
    pub range: String,
    /// Which direction is better, if either.
    #[serde(default)]
    pub better: String,
    /// Transformations of the rows that leave the value as it is.
    #[serde(default)]
    pub invariant: Vec<String>,
}

/// Shape of a reported value.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Shape {
    /// One number.
    Scalar,
    /// A list of numbers.
    Vector,
    /// Named numbers or lists.
    Object,
}

impl OutputManifest {
    /// Tells whether `id` is this output, or one of the family that it names.
    #[must_use]
    pub fn covers(&self, id: &str) -> bool {
        match self.id.strip_suffix('*') {
            Some(stem) => id.len() > stem.len() && id.starts_with(stem),
            None => self.id == id,
        }
    }
}

impl OpManifest {
    /// Tells which of the op's outputs a user's id selects: all of them for the op's id or a prefix of it that ends at a
    /// dot, one for the id of a value, `None` for neither.
    #[must_use]
    pub fn selects(&self, id: &str) -> Option<Selection> {
        let prefix =
            |long: &str| long == id || long.strip_prefix(id).is_some_and(|rest| rest.starts_with('.'));
        if self.outputs.iter().any(|o| o.covers(id)) {
            return Some(Selection::One(id.to_owned()));
        }
        (prefix(&self.id) || self.outputs.iter().any(|o| prefix(&o.id))).then_some(Selection::All)
    }
}

/// Outputs of an op that a user asked for.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum Selection {
    /// Everything the op reports.
    All,
    /// This value.
    One(String),
}

impl Selection {
    /// Tells whether a reported metric id was asked for.
    #[must_use]
    pub fn wants(&self, metric: &str) -> bool {
        match self {
            Self::All => true,
            Self::One(id) => id == metric,
        }
    }
}
