//! Everything that can go wrong between a checkpoint on disk and its hidden states.

use std::path::PathBuf;

use crate::device::DeviceName;
use crate::encoder::SinkError;
use crate::weights::AdapterError;

/// Reports why a checkpoint cannot be read or a batch cannot be encoded.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum EncoderError {
    /// The directory holds no weights at all.
    #[error("{} holds no model.safetensors and no model.safetensors.index.json", dir.display())]
    NoWeights {
        /// The directory searched.
        dir: PathBuf,
    },
    /// The only weights are pickled.
    #[error(
        "{} is a pickle file, and unpickling can run any code; convert it to model.safetensors, for instance with \
         save_pretrained(..., safe_serialization=True)",
        path.display()
    )]
    PickledWeights {
        /// The refused file.
        path: PathBuf,
    },
    /// A file that a checkpoint must have is absent.
    #[error("{} does not exist; a checkpoint needs its {role} beside the weights", path.display())]
    MissingFile {
        /// The file looked for.
        path: PathBuf,
        /// What it would have said.
        role: &'static str,
    },
    /// An adapter that cannot be used, or not on its base.
    #[error(transparent)]
    Adapter(#[from] AdapterError),
    /// Weights are to be drawn for a configuration that no memory could hold.
    #[error("config.json in {} implies more weights than any encoder has; none are drawn", dir.display())]
    TooLarge {
        /// The directory.
        dir: PathBuf,
    },
    /// A file could not be read.
    #[error("cannot read {}", path.display())]
    Read {
        /// The file.
        path: PathBuf,
        /// The cause.
        source: std::io::Error,
    },
    /// A safetensors file whose header cannot be trusted.
    #[error("{} is not a sound safetensors file: {reason}", path.display())]
    Header {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        reason: String,
    },
    /// A JSON file of the checkpoint that does not say what it must.
    #[error("{}: {reason}", path.display())]
    Json {
        /// The file.
        path: PathBuf,
        /// What is wrong with it, with the place or the field.
        reason: String,
    },
    /// A field of `config.json` with a value that cannot be used.
    #[error("{}: `{field}` {reason}", path.display())]
    ConfigField {
        /// The configuration file.
        path: PathBuf,
        /// The field.
        field: &'static str,
        /// Why its value cannot be used.
        reason: String,
    },
    /// A model family without an encoder here.
    #[error("{}: model_type `{found}` is not supported; supported are: {supported}", path.display())]
    UnsupportedModel {
        /// The configuration file.
        path: PathBuf,
        /// Its `model_type`.
        found: String,
        /// The families that can be loaded.
        supported: String,
    },
    /// An activation function without an implementation here.
    #[error("{}: {field} `{found}` is not supported; supported are: {supported}", path.display())]
    UnknownActivation {
        /// The configuration file.
        path: PathBuf,
        /// The field that names the activation.
        field: &'static str,
        /// Its value.
        found: String,
        /// The names that are understood.
        supported: &'static str,
    },
    /// A tensor the architecture needs is not among the weights.
    #[error("the weights in {} have no tensor `{name}`", dir.display())]
    MissingTensor {
        /// The checkpoint directory.
        dir: PathBuf,
        /// The tensor's full name, or the names tried.
        name: String,
    },
    /// A tensor has another shape than the configuration implies.
    #[error("tensor `{name}` in {} has shape {found:?}, but config.json implies {expected:?}", path.display())]
    TensorShape {
        /// The weight file.
        path: PathBuf,
        /// The tensor's name.
        name: String,
        /// The shape that follows from the configuration.
        expected: Vec<usize>,
        /// The shape stored.
        found: Vec<usize>,
    },
    /// A tensor is stored in a number format that cannot be widened to f32 without loss.
    #[error("tensor `{name}` in {} is stored as {found}; supported are F32, F16 and BF16", path.display())]
    TensorType {
        /// The weight file.
        path: PathBuf,
        /// The tensor's name.
        name: String,
        /// The format stored.
        found: String,
    },
    /// `tokenizer.json` cannot be used.
    #[error("{} cannot be used as a tokenizer: {reason}", path.display())]
    Tokenizer {
        /// The tokenizer file.
        path: PathBuf,
        /// The tokenizer library's explanation.
        reason: String,
    },
    /// A text could not be turned into tokens.
    #[error("the tokenizer failed on a text: {reason}")]
    Tokenize {
        /// The tokenizer library's explanation.
        reason: String,
    },
    /// A token limit that leaves no room beside the special tokens.
    #[error(
        "a limit of {max_tokens} tokens leaves no room beside the {special} special tokens of the tokenizer"
    )]
    TokenLimit {
        /// The limit asked for.
        max_tokens: usize,
        /// The special tokens that every text gets.
        special: usize,
    },
    /// A token id that has no embedding.
    #[error("sequence {sequence}, position {position}: token id {id} is outside the vocabulary of {vocab}")]
    TokenOutOfVocabulary {
        /// Index of the sequence in the batch.
        sequence: usize,
        /// Index of the token in the sequence.
        position: usize,
        /// The id.
        id: u32,
        /// Rows of the embedding table.
        vocab: usize,
    },
    /// A token type (segment) id that has no embedding.
    #[error(
        "sequence {sequence}, position {position}: token type {id} is outside the {types} types of the model"
    )]
    TypeOutOfRange {
        /// Index of the sequence in the batch.
        sequence: usize,
        /// Index of the token in the sequence.
        position: usize,
        /// The type id.
        id: u32,
        /// Rows of the type table.
        types: usize,
    },
    /// A sequence longer than the model has positions.
    #[error(
        "sequence {sequence} has {tokens} tokens, but the model has positions for {max_positions}: position \
         {max_positions} is the first without one; truncate the text"
    )]
    SequenceTooLong {
        /// Index of the sequence in the batch.
        sequence: usize,
        /// Its length.
        tokens: usize,
        /// The longest length the model can take.
        max_positions: usize,
    },
    /// The receiver of the hidden states failed.
    #[error("the hidden states of layer {layer} were not taken")]
    Sink {
        /// The layer offered.
        layer: usize,
        /// The receiver's error.
        source: SinkError,
    },
    /// A device that cannot be used.
    #[error("the device {device} cannot be used: {reason}")]
    Device {
        /// The device asked for.
        device: DeviceName,
        /// The driver's explanation, or what this program lacks.
        reason: String,
    },
    /// A tensor operation failed.
    #[error("a tensor operation failed while {step}")]
    Compute {
        /// What was being done.
        step: &'static str,
        /// The tensor library's error.
        source: candle_core::Error,
    },
}

impl EncoderError {
    /// Tells whether the memory of a device was full, so that a smaller batch may pass.
    #[must_use]
    pub fn is_out_of_memory(&self) -> bool {
        match self {
            Self::Compute { source, .. } => out_of_memory(source),
            // Sinks fold on the device, too.
            Self::Sink { source, .. } => source.downcast_ref::<Self>().is_some_and(Self::is_out_of_memory),
            _ => false,
        }
    }
}

#[cfg(feature = "cuda")]
fn out_of_memory(error: &candle_core::Error) -> bool {
    isoscope_cuda::is_out_of_memory(error)
}

#[cfg(not(feature = "cuda"))]
fn out_of_memory(_: &candle_core::Error) -> bool {
    false
}
