//! Weight files: headers checked when a checkpoint is opened, tensors read one at a time when it is loaded.

mod collection;
mod file;
mod widen;

pub(crate) use collection::{TensorSpec, Weights};
