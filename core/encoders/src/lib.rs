//! Encoders that yield every hidden state of a transformers checkpoint, exactly and on one thread.
//!
//! The families are BERT and its relatives with the same layers (RoBERTa, XLM-RoBERTa, CamemBERT, DistilBERT, MPNet, ELECTRA,
//! ALBERT), DeBERTa and its versions 2 and 3, ModernBERT, NomicBERT, and the encoder of T5; [`model_types`] lists what `config.json` may name. What a family's configuration can ask for
//! and is not computed here is refused by the name of its field. Hidden states are those that transformers 5 returns as
//! `hidden_states`: the output of the embeddings, then one of every layer.
//!
//! [`Checkpoint::open`] reads a directory as transformers or sentence-transformers write it; [`Checkpoint::load`] gives an
//! [`Encoder`], [`Checkpoint::tokenizer`] a [`TextTokenizer`]. An encoder takes a [`TokenBatch`], packed without padding, and
//! pushes one layer after the other into a [`HiddenStateSink`], so that nobody holds all layers of a corpus.
//!
//! [`Checkpoint::open_with`] takes a low-rank adapter with its base, or an architecture whose weights are drawn at random.
//!
//! Weights and hidden states are f32, or f16 or bf16 where that is asked for ([`Precision`]); norms accumulate in f64 on the CPU,
//! exact activations stay exact. Nothing here starts a thread; BLAS
//! must be told so by the process (`OPENBLAS_NUM_THREADS=1` or its function of the same meaning).
#![forbid(unsafe_code)]

mod batch;
mod checkpoint;
mod device;
mod encoder;
mod error;
mod facts;
mod files;
mod kernels;
mod models;
mod modules;
mod on_device;
mod tokenizer;
mod weights;

pub use batch::TokenBatch;
pub use checkpoint::{Checkpoint, Opening, adapter_base};
pub use device::{ComputeDevice, DeviceName, Precision};
pub use encoder::{Encoder, HiddenStateSink, SinkError};
pub use error::EncoderError;
pub use facts::CheckpointFacts;
pub use isoscope_cuda::{DirectionSums, FoldedSums, SecondSums};
pub use models::model_types;
pub use modules::{PoolingMode, SentenceModules};
pub use on_device::{DeviceMoments, DeviceStates};
pub use tokenizer::{EncodedText, TextTokenizer};
pub use weights::AdapterError;
