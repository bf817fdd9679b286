//! The tensors of an encoder: stored or drawn, and what an adapter makes of them. Headers are checked when a checkpoint is opened;
//! tensors are read one at a time when it is loaded.

mod adapter;
mod adapter_config;
mod adapter_error;
mod adapter_names;
mod collection;
mod drawn;
mod file;
mod merge;
mod stored;
mod widen;

pub(crate) use adapter::Adapter;
pub(crate) use adapter_config::{base_name, is_adapter, named_base};
pub use adapter_error::AdapterError;
pub(crate) use collection::{TensorSpec, Weights};
pub(crate) use drawn::{DrawnTensors, InitialValues};
