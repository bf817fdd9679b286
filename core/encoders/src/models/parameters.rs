//! Parts of a model by their names in the checkpoint: what tensors they need, and how they are read.

use candle_core::{DType, Tensor};

use crate::device::Placement;
use crate::error::EncoderError;
use crate::kernels::{DenseTensors, LinearWeights, NormWeights};
use crate::weights::{TensorSpec, Weights};

/// A table of `rows` embeddings.
#[derive(Clone, Copy)]
pub(super) struct Table {
    pub(super) name: &'static str,
    pub(super) rows: usize,
    pub(super) width: usize,
}

impl Table {
    /// Names the tensor.
    pub(super) fn tensor(self) -> TensorSpec {
        TensorSpec { name: format!("{}.weight", self.name), shape: vec![self.rows, self.width] }
    }

    /// Reads the table.
    pub(super) fn load(self, weights: &Weights, placement: &Placement) -> Result<Tensor, EncoderError> {
        weights.stored(&format!("{}.weight", self.name), placement)
    }
}

/// A dense layer.
#[derive(Clone, Copy)]
pub(super) struct Dense {
    pub(super) name: &'static str,
    pub(super) outputs: usize,
    pub(super) inputs: usize,
    pub(super) bias: bool,
}

impl Dense {
    /// Names the tensors; those of a layer begin with its `scope`.
    pub(super) fn tensors(self, scope: &str) -> impl Iterator<Item = TensorSpec> + use<> {
        let name = format!("{scope}{}", self.name);
        let bias = self.bias.then(|| TensorSpec { name: format!("{name}.bias"), shape: vec![self.outputs] });
        let shape = vec![self.outputs, self.inputs];
        std::iter::once(TensorSpec { name: format!("{name}.weight"), shape }).chain(bias)
    }

    /// Reads the tensors.
    pub(super) fn read(
        self,
        weights: &Weights,
        scope: &str,
        placement: &Placement,
    ) -> Result<DenseTensors, EncoderError> {
        let tensor = |part: &str| weights.stored(&format!("{scope}{}.{part}", self.name), placement);
        let bias = self.bias.then(|| tensor("bias")).transpose()?;
        Ok(DenseTensors { weight: tensor("weight")?, bias })
    }

    /// Reads the weights.
    pub(super) fn load(
        self,
        weights: &Weights,
        scope: &str,
        placement: &Placement,
    ) -> Result<LinearWeights, EncoderError> {
        prepare(Ok(self.read(weights, scope, placement)?))
    }
}

/// Reads dense layers that see the same rows as one.
pub(super) fn load_stacked(
    parts: &[Dense],
    weights: &Weights,
    scope: &str,
    placement: &Placement,
) -> Result<LinearWeights, EncoderError> {
    let parts: Vec<DenseTensors> =
        parts.iter().map(|part| part.read(weights, scope, placement)).collect::<Result<_, _>>()?;
    prepare(DenseTensors::stack(&parts))
}

/// Makes tensors, once they are as the forward pass needs them, ready to multiply by.
pub(super) fn prepare(tensors: candle_core::Result<DenseTensors>) -> Result<LinearWeights, EncoderError> {
    tensors
        .and_then(LinearWeights::new)
        .map_err(|source| EncoderError::Compute { step: "preparing the weights of a dense layer", source })
}

/// A layer norm.
#[derive(Clone, Copy)]
pub(super) struct Norm {
    pub(super) name: &'static str,
    pub(super) width: usize,
    /// Whether it shifts what it has scaled.
    pub(super) shift: bool,
    pub(super) epsilon: f64,
}

impl Norm {
    /// Names the tensors; those of a layer begin with its `scope`.
    pub(super) fn tensors(self, scope: &str) -> impl Iterator<Item = TensorSpec> + use<> {
        let name = format!("{scope}{}", self.name);
        let tensor = move |part| TensorSpec { name: format!("{name}.{part}"), shape: vec![self.width] };
        ["weight", "bias"].into_iter().filter(move |part| self.shift || *part == "weight").map(tensor)
    }

    /// Reads the weights.
    pub(super) fn load(
        self,
        weights: &Weights,
        scope: &str,
        placement: &Placement,
    ) -> Result<NormWeights, EncoderError> {
        let tensor = |part: &str| weights.exact(&format!("{scope}{}.{part}", self.name), placement);
        let failed = |source| EncoderError::Compute { step: "joining the layer norm weights", source };
        let shift = if self.shift {
            tensor("bias")?
        } else {
            Tensor::zeros(self.width, DType::F32, &placement.device).map_err(failed)?
        };
        let scale_shift = Tensor::stack(&[tensor("weight")?, shift], 0).map_err(failed)?;
        Ok(NormWeights { scale_shift, epsilon: self.epsilon })
    }
}
