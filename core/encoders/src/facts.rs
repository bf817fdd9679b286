//! What is known of a checkpoint before its weights are loaded.

use serde::{Deserialize, Serialize};

/// Describes a checkpoint: its dimensions and the digests that identify its content.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct CheckpointFacts {
    /// The family, as `config.json` names it: one of [`crate::model_types`].
    pub model_type: String,
    /// Number of hidden states: the embedding output and one per layer.
    pub hidden_states: usize,
    /// Width of every hidden state, H.
    pub width: usize,
    /// Longest sequence the model can take, special tokens included.
    pub max_positions: usize,
    /// Number of token ids that have an embedding.
    pub vocab: usize,
    /// `sha256:` and the hex digest of the weight file's bytes; of several shards, of their bytes in the order of their names. An adapter
    /// adds its own bytes and what they change; of weights that are drawn it is that of `config.json` and the seed.
    pub weights_digest: String,
    /// `sha256:` and the hex digest of the bytes of `tokenizer.json`.
    pub tokenizer_digest: String,
}
