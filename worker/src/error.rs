//! What can go wrong on a worker, and how the coordinator should take it.

use crate::dataset::DatasetError;
use crate::model_source::SourceError;
use isoscope_core::linalg::EigenError;
use isoscope_core::moments::MomentsError;
use isoscope_core::state::CodecError;
use isoscope_core::study::AddressError;
use isoscope_core::task::Failure;
use isoscope_encoders::EncoderError;
use isoscope_plugin_host::{LoadError, OpError};

/// A task or a worker that failed.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum WorkerError {
    /// A dataset cannot be read.
    #[error("{source}")]
    Dataset {
        /// Path in the study.
        field: String,
        /// What is wrong with it.
        source: DatasetError,
    },
    /// An encoder cannot be had from where the study says that it lies.
    #[error("{source}")]
    Source {
        /// Path in the study.
        field: String,
        /// What is wrong.
        source: SourceError,
    },
    /// An encoder that was there when the study was planned cannot be fetched just now, on this worker.
    #[error("{source}")]
    Unfetched {
        /// Path in the study.
        field: String,
        /// What is wrong.
        source: SourceError,
    },
    /// A checkpoint cannot be used, or an encoder failed.
    #[error("{source}")]
    Encoder {
        /// Path in the study; empty when a forward pass failed.
        field: String,
        /// What is wrong.
        source: EncoderError,
    },
    /// The source of an encoder cannot be read.
    #[error("{source}")]
    ModelAddress {
        /// Path in the study.
        field: String,
        /// What is wrong.
        source: AddressError,
    },
    /// A text is longer than the limit and the study says that this is an error.
    #[error(
        "row {row} of dataset `{dataset}` is longer than {limit} tokens; shorten it, or set on_long_text = \"truncate\""
    )]
    LongText {
        /// Name of the dataset.
        dataset: String,
        /// Row of the dataset, from 0.
        row: u64,
        /// Most tokens.
        limit: u32,
    },
    /// Rows hold a NaN or an infinity and the study says that this is an error.
    #[error(
        "{count} rows of dataset `{dataset}` are not finite at layer {layer}: {rows}; mend the checkpoint or the matrix, or set \
         nonfinite = \"drop\""
    )]
    NonFinite {
        /// Name of the dataset.
        dataset: String,
        /// Layer.
        layer: u32,
        /// How many rows of the batch.
        count: usize,
        /// The first few, for a person.
        rows: String,
    },
    /// A column parts the rows into more groups than memory is set aside for.
    #[error(
        "column `{column}` parts the rows into more than {most} groups, the most for {width} dimensions; group by a column of fewer \
         values, or use the metrics of the family `grouped`"
    )]
    TooManyGroups {
        /// Column of the keys.
        column: String,
        /// Most groups.
        most: usize,
        /// Width of a row.
        width: usize,
    },
    /// A plugin file cannot be loaded.
    #[error(transparent)]
    Load(#[from] LoadError),
    /// The plugin directory is not there, or cannot be listed.
    #[error("the plugin directory `{path}` cannot be listed: {source}; make it, or name another one")]
    PluginDirectory {
        /// The directory.
        path: String,
        /// What the system said.
        source: std::io::Error,
    },
    /// The manifest of a plugin cannot be understood.
    #[error("the manifest of plugin {plugin} cannot be read: {reason}")]
    Manifest {
        /// Which plugin.
        plugin: String,
        /// What is wrong.
        reason: String,
    },
    /// The plan asks for a plugin that this worker does not have.
    #[error("this worker has no plugin {plugin} with digest {digest}")]
    MissingPlugin {
        /// Id of the plugin.
        plugin: String,
        /// Digest in the plan.
        digest: String,
    },
    /// An op failed.
    #[error(transparent)]
    Op(#[from] OpError),
    /// A state cannot be read or merged.
    #[error(transparent)]
    Moments(#[from] MomentsError),
    /// A blob is not what it should be.
    #[error(transparent)]
    Codec(#[from] CodecError),
    /// Bytes are not those that their digest promises.
    #[error("the blob {digest} is corrupt")]
    CorruptBlob {
        /// What it should be.
        digest: String,
    },
    /// LAPACK failed.
    #[error(transparent)]
    Eigen(#[from] EigenError),
    /// A task contradicts its plan.
    #[error("the task does not fit its plan: {reason}")]
    Task {
        /// What does not fit.
        reason: String,
    },
    /// The row cache cannot be read or written.
    #[error("the row cache `{path}` failed: {source}")]
    RowCache {
        /// File.
        path: String,
        /// What the system said.
        source: std::io::Error,
    },
    /// The coordinator could not be reached, or refused.
    #[error("the coordinator answered {code}: {message}")]
    Rpc {
        /// gRPC code.
        code: tonic::Code,
        /// Message.
        message: String,
    },
    /// The task was revoked while it ran.
    #[error("the task was revoked")]
    Revoked,
}

impl WorkerError {
    /// Tells how the coordinator should count the failure.
    #[must_use]
    pub fn class(&self) -> Failure {
        match self {
            Self::Dataset { .. }
            | Self::Source { .. }
            | Self::LongText { .. }
            | Self::NonFinite { .. }
            | Self::TooManyGroups { .. }
            | Self::Encoder { .. }
            | Self::ModelAddress { .. }
            | Self::Op(OpError::Invalid { .. }) => Failure::Input,
            Self::Op(OpError::Resource { .. }) => Failure::OutOfMemory,
            Self::Unfetched { .. }
            | Self::RowCache { .. }
            | Self::Rpc { .. }
            | Self::CorruptBlob { .. }
            | Self::Revoked => Failure::Transient,
            _ => Failure::Deterministic,
        }
    }

    /// The field of the study that the failure is about; empty when it is about none.
    #[must_use]
    pub fn field(&self) -> &str {
        match self {
            Self::Dataset { field, .. }
            | Self::ModelAddress { field, .. }
            | Self::Source { field, .. }
            | Self::Unfetched { field, .. }
            | Self::Encoder { field, .. } => field,
            Self::NonFinite { .. } => "nonfinite",
            Self::LongText { .. } => "representation.on_long_text",
            Self::TooManyGroups { .. } => "metric.by",
            _ => "",
        }
    }

    pub(crate) fn task(reason: impl Into<String>) -> Self {
        Self::Task { reason: reason.into() }
    }
}

impl From<tonic::Status> for WorkerError {
    fn from(status: tonic::Status) -> Self {
        Self::Rpc { code: status.code(), message: status.message().to_owned() }
    }
}
