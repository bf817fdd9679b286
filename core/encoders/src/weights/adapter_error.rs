//! What can be wrong with an adapter.

use std::path::PathBuf;

/// Reports why an adapter cannot be put on a base.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum AdapterError {
    /// Nothing says which checkpoint the adapter was trained on.
    #[error(
        "{} names the base {}, which is no directory here; set `base` beside the adapter's `source` to the checkpoint that it was \
         trained on",
        path.display(),
        named.as_ref().map_or("of nothing".to_owned(), |named| format!("`{named}`"))
    )]
    NoBase {
        /// `adapter_config.json`.
        path: PathBuf,
        /// Its `base_model_name_or_path`.
        named: Option<String>,
    },
    /// A base was given for something that needs none.
    #[error("{} is no adapter, so it has no `base`; an adapter is a directory with adapter_config.json", dir.display())]
    NotAnAdapter {
        /// The directory.
        dir: PathBuf,
    },
    /// A base was given for weights that are drawn, on which no adapter was trained.
    #[error("weights that are drawn at random have no `base`")]
    OfRandom,
    /// The base is an adapter itself.
    #[error("{} is an adapter itself; the base must be a whole checkpoint", dir.display())]
    BaseIsAdapter {
        /// The base.
        dir: PathBuf,
    },
    /// A setting that is not computed here, or makes no sense.
    #[error("{}: `{field}` {reason}", path.display())]
    Field {
        /// `adapter_config.json`.
        path: PathBuf,
        /// The field.
        field: String,
        /// Why its value cannot be used.
        reason: String,
    },
    /// A tensor that the base has no place for, or that lacks its partner.
    #[error("tensor `{name}` in {} {reason}", path.display())]
    Tensor {
        /// The adapter's weight file.
        path: PathBuf,
        /// The tensor as stored.
        name: String,
        /// What is wrong with it.
        reason: String,
    },
    /// A tensor that does not fit the one that it changes.
    #[error(
        "tensor `{name}` in {} has shape {found:?}, which does not fit `{base_name}` of shape {base:?}: it is an adapter for another \
         base",
        path.display()
    )]
    Shape {
        /// The adapter's weight file.
        path: PathBuf,
        /// The tensor as stored.
        name: String,
        /// Its shape.
        found: Vec<usize>,
        /// The tensor of the base.
        base_name: String,
        /// The shape of that.
        base: Vec<usize>,
    },
}
