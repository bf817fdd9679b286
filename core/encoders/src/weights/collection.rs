//! All tensors of an encoder, wherever their values come from.

use std::collections::BTreeMap;
use std::path::Path;

use candle_core::{Device, Tensor};
use sha2::{Digest, Sha256};

use super::adapter::Adapter;
use super::drawn::DrawnTensors;
use super::stored::StoredTensors;
use crate::device::Placement;
use crate::error::EncoderError;
use crate::files;

/// A tensor that an architecture needs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct TensorSpec {
    /// The name without the checkpoint's prefix.
    pub(crate) name: String,
    /// The shape that follows from the configuration.
    pub(crate) shape: Vec<usize>,
}

/// The tensors of an encoder. What an adapter changes is changed when a tensor is read, so families know nothing of it.
pub(crate) struct Weights {
    origin: Origin,
    adapter: Option<Adapter>,
}

/// Where values come from.
enum Origin {
    Stored(StoredTensors),
    Drawn(DrawnTensors),
}

impl Weights {
    /// Opens the weight files of a directory and checks their headers.
    pub(crate) fn open(dir: &Path) -> Result<Self, EncoderError> {
        Ok(Self { origin: Origin::Stored(StoredTensors::open(dir)?), adapter: None })
    }

    /// Takes tensors that are drawn.
    pub(crate) fn drawn(tensors: DrawnTensors) -> Self {
        Self { origin: Origin::Drawn(tensors), adapter: None }
    }

    /// Settles on the first of `prefixes` under which the tensor `anchor` is stored.
    pub(crate) fn find_prefix(&mut self, prefixes: &[&str], anchor: &str) -> Result<(), EncoderError> {
        match &mut self.origin {
            Origin::Stored(stored) => stored.find_prefix(prefixes, anchor),
            Origin::Drawn(_) => Ok(()),
        }
    }

    /// Says whether there is a tensor of this name.
    pub(crate) fn contains(&self, name: &str) -> bool {
        match &self.origin {
            Origin::Stored(stored) => stored.contains(name),
            Origin::Drawn(drawn) => drawn.contains(name),
        }
    }

    /// Checks that every tensor is there, in the right shape and a number format that can be widened; reads none.
    pub(crate) fn check(&self, specs: impl Iterator<Item = TensorSpec>) -> Result<(), EncoderError> {
        match &self.origin {
            Origin::Stored(stored) => stored.check(specs),
            // They were made from the very list.
            Origin::Drawn(_) => Ok(()),
        }
    }

    /// Puts an adapter on the tensors that an encoder needs, which were found to be there. The encoder may lie under any of
    /// `prefixes` in the adapter, wherever it lies here.
    pub(crate) fn adapt(
        &mut self,
        mut adapter: Adapter,
        prefixes: &[&str],
        specs: impl Iterator<Item = TensorSpec>,
    ) -> Result<(), EncoderError> {
        let specs: BTreeMap<String, Vec<usize>> = specs.map(|spec| (spec.name, spec.shape)).collect();
        let held = |name: &str| match &self.origin {
            Origin::Stored(stored) => stored.holds(name),
            Origin::Drawn(drawn) => drawn.contains(name),
        };
        adapter.fit(prefixes, &specs, &held)?;
        self.adapter = Some(adapter);
        Ok(())
    }

    /// Reads one tensor, as f32.
    pub(crate) fn tensor(&self, name: &str, device: &Device) -> Result<Tensor, EncoderError> {
        let (mut values, shape) = match &self.origin {
            Origin::Stored(stored) => stored.read(name)?,
            Origin::Drawn(drawn) => drawn.draw(name)?,
        };
        if let Some(adapter) = &self.adapter {
            values = adapter.apply(name, values, &shape)?;
        }
        Tensor::from_vec(values, shape, device)
            .map_err(|source| EncoderError::Compute { step: "reading the weights", source })
    }

    /// Reads one tensor in the number format of the encoder, onto its device.
    pub(crate) fn stored(&self, name: &str, placement: &Placement) -> Result<Tensor, EncoderError> {
        let wide = self.tensor(name, &Device::Cpu)?;
        wide.to_dtype(placement.format)
            .and_then(|narrow| narrow.to_device(&placement.device))
            .map_err(placing)
    }

    /// Reads one tensor as f32 whatever the format of the encoder, onto its device: scales of norms and biases of scores are few, and
    /// kernels compute with them in f32.
    pub(crate) fn exact(&self, name: &str, placement: &Placement) -> Result<Tensor, EncoderError> {
        self.tensor(name, &Device::Cpu)?.to_device(&placement.device).map_err(placing)
    }

    /// Hashes all that decides the values: the bytes of the weight files in the order of their names, or what tensors are drawn
    /// from, and after them the adapter.
    pub(crate) fn digest(&self) -> Result<String, EncoderError> {
        let mut hash = Sha256::new();
        match &self.origin {
            Origin::Stored(stored) => stored.hash(&mut hash)?,
            Origin::Drawn(drawn) => drawn.hash(&mut hash),
        }
        if let Some(adapter) = &self.adapter {
            adapter.hash(&mut hash)?;
        }
        Ok(files::digest(hash))
    }
}

fn placing(source: candle_core::Error) -> EncoderError {
    EncoderError::Compute { step: "placing the weights on the device", source }
}
