//! Activations of feed-forward layers, applied in place.

#[cfg(feature = "cuda")]
use candle_core::CudaStorage;
use candle_core::{CpuStorage, InplaceOp1, Layout, Result, Tensor, bail};
use multiversion::multiversion;

use super::elementary::{exp_of_negative, tail_moment};
use super::storage::{store_as, values};

/// The activation between the two dense layers of a feed-forward block.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Activation {
    /// x·Φ(x) with the exact normal distribution function (Hendrycks & Gimpel 2016, arXiv 1606.08415, §2).
    Gelu,
    /// x/2·(1 + tanh(√(2/π)·(x + 0.044715·x³))), the same paper's approximation.
    GeluTanh,
    /// max(x, 0).
    Relu,
    /// x / (1 + e⁻ˣ) (Elfwing, Uchibe & Doya 2018, arXiv 1702.03118).
    Silu,
    /// The hyperbolic tangent.
    Tanh,
}

impl Activation {
    /// The names of activations that are understood.
    pub(crate) const NAMES: &'static str = "gelu, gelu_new, gelu_pytorch_tanh, relu, silu, tanh";

    #[cfg(feature = "cuda")]
    pub(super) fn on_gpu(self) -> isoscope_cuda::Activation {
        match self {
            Self::Gelu => isoscope_cuda::Activation::Gelu,
            Self::GeluTanh => isoscope_cuda::Activation::GeluTanh,
            Self::Relu => isoscope_cuda::Activation::Relu,
            Self::Silu => isoscope_cuda::Activation::Silu,
            Self::Tanh => isoscope_cuda::Activation::Tanh,
        }
    }

    /// Reads a name of transformers; `None` when the name is not among [`Self::NAMES`].
    pub(crate) fn from_name(name: &str) -> Option<Self> {
        match name {
            "gelu" => Some(Self::Gelu),
            "gelu_new" | "gelu_pytorch_tanh" => Some(Self::GeluTanh),
            "relu" => Some(Self::Relu),
            "silu" => Some(Self::Silu),
            "tanh" => Some(Self::Tanh),
            _ => None,
        }
    }
}

/// Applies the activation to every element of `x`, in the storage of `x`: the caller must hold the only use of it.
pub(super) fn activate(x: Tensor, activation: Activation) -> Result<Tensor> {
    x.inplace_op1(&Activate(activation))?;
    Ok(x)
}

struct Activate(Activation);

impl InplaceOp1 for Activate {
    fn name(&self) -> &'static str {
        "activation"
    }

    fn cpu_fwd(&self, storage: &mut CpuStorage, layout: &Layout) -> Result<()> {
        let Some((start, end)) = layout.contiguous_offsets() else {
            bail!("activation needs a contiguous tensor");
        };
        if let CpuStorage::F32(values) = storage {
            apply(self.0, &mut values[start..end]);
        } else {
            let mut wide = values(self.name(), storage, layout)?.into_owned();
            apply(self.0, &mut wide);
            *storage = store_as(storage, wide);
        }
        Ok(())
    }

    #[cfg(feature = "cuda")]
    fn cuda_fwd(&self, storage: &mut CudaStorage, layout: &Layout) -> Result<()> {
        isoscope_cuda::activate(storage, layout, self.0.on_gpu())
    }
}

/// Applies the activation to every value.
pub(super) fn apply(activation: Activation, values: &mut [f32]) {
    match activation {
        Activation::Gelu => gelu(values),
        Activation::GeluTanh => gelu_tanh(values),
        Activation::Relu => relu(values),
        Activation::Silu => silu(values),
        Activation::Tanh => tanh(values),
    }
}

#[multiversion(targets("x86_64+avx512f+avx512bw+avx512dq+avx512vl", "x86_64+avx2"))]
fn gelu(values: &mut [f32]) {
    for x in values {
        // x·Φ(x) = max(x, 0) − |x|·Φ(−|x|): on the left nothing is left of a difference from 1.
        let positive = if *x < 0.0 { 0.0 } else { *x };
        *x = positive - 0.5 * tail_moment(x.abs());
    }
}

#[multiversion(targets("x86_64+avx512f+avx512bw+avx512dq+avx512vl", "x86_64+avx2"))]
fn gelu_tanh(values: &mut [f32]) {
    /// √(2/π).
    const SCALE: f32 = 0.797_884_6;
    for x in values {
        let u = SCALE * (*x + 0.044_715 * *x * *x * *x);
        *x = 0.5 * *x * (1.0 + tanh_of(u));
    }
}

#[multiversion(targets("x86_64+avx512f+avx512bw+avx512dq+avx512vl", "x86_64+avx2"))]
fn relu(values: &mut [f32]) {
    for x in values {
        *x = if *x < 0.0 { 0.0 } else { *x };
    }
}

#[multiversion(targets("x86_64+avx512f+avx512bw+avx512dq+avx512vl", "x86_64+avx2"))]
fn silu(values: &mut [f32]) {
    for x in values {
        // With e^(−|x|) the logistic function is 1/(1 + e) on the right and e/(1 + e) on the left; neither overflows.
        let e = exp_of_negative(-x.abs());
        let numerator = if *x < 0.0 { e } else { 1.0 };
        *x *= numerator / (1.0 + e);
    }
}

#[multiversion(targets("x86_64+avx512f+avx512bw+avx512dq+avx512vl", "x86_64+avx2"))]
fn tanh(values: &mut [f32]) {
    for x in values {
        *x = tanh_of(*x);
    }
}

/// Computes tanh|u| as (1 − e^(−2|u|)) / (1 + e^(−2|u|)), which never overflows.
#[inline(always)]
#[allow(clippy::inline_always)] // only an inlined body is compiled for the caller's instruction set
fn tanh_of(u: f32) -> f32 {
    let e = exp_of_negative(-2.0 * u.abs());
    ((1.0 - e) / (1.0 + e)).copysign(u)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used)]

    use candle_core::Device;

    use super::*;

    fn activated(activation: Activation, x: &[f32]) -> Vec<f32> {
        let x = Tensor::from_slice(x, x.len(), &Device::Cpu).unwrap();
        activate(x, activation).unwrap().to_vec1().unwrap()
    }

    #[test]
    fn gelu_matches_values_of_the_exact_definition() {
        // x·Φ(x) from the normal distribution table: Φ(1) = 0.8413447460685429, Φ(2) = 0.9772498680518208.
        let y = activated(Activation::Gelu, &[-2.0, -1.0, 0.0, 1.0, 2.0, 30.0, -30.0]);
        let expected = [-0.045_500_264, -0.158_655_25, 0.0, 0.841_344_8, 1.954_499_7, 30.0, 0.0];
        for (y, e) in y.iter().zip(expected) {
            assert!((y - e).abs() < 2e-7, "{y} is not {e}");
        }
    }

    #[test]
    fn gelu_follows_its_definition_in_f64() {
        let x: Vec<f32> = (-4000..=4000).map(|i| i as f32 * 2.5e-3).collect();
        for (x, y) in x.iter().zip(activated(Activation::Gelu, &x)) {
            let v = f64::from(*x);
            let expected = 0.5 * v * libm::erfc(-v / std::f64::consts::SQRT_2);
            // Half a unit in the last place is what storing the value takes.
            let bound = 8e-8 + expected.abs() * f64::from(f32::EPSILON) / 2.0;
            assert!((f64::from(y) - expected).abs() <= bound, "{x}: {y} is not {expected}");
        }
    }

    #[test]
    fn gelu_of_what_is_not_finite_is_its_limit() {
        let y = activated(Activation::Gelu, &[f32::INFINITY, f32::NEG_INFINITY, f32::NAN]);
        assert!(y[0].is_infinite() && y[0] > 0.0 && y[1].abs() < 1e-36 && y[2].is_nan(), "{y:?}");
    }

    #[test]
    fn tanh_gelu_follows_its_formula_in_f64() {
        let x: Vec<f32> = (-4000..=4000).map(|i| i as f32 * 2.5e-3).collect();
        for (x, y) in x.iter().zip(activated(Activation::GeluTanh, &x)) {
            let v = f64::from(*x);
            let u = (2.0 / std::f64::consts::PI).sqrt() * (v + 0.044_715 * v.powi(3));
            let expected = 0.5 * v * (1.0 + u.tanh());
            assert!((f64::from(y) - expected).abs() < 4e-7 * (1.0 + v.abs()), "{x}: {y} is not {expected}");
        }
    }

    #[test]
    fn relu_keeps_positive_values_only() {
        assert_eq!(activated(Activation::Relu, &[-1.5, 0.0, 2.5]), [0.0, 0.0, 2.5]);
    }

    #[test]
    fn silu_and_tanh_follow_their_formulas_in_f64() {
        let x: Vec<f32> = (-4000..=4000).map(|i| i as f32 * 2.5e-2).collect();
        for (x, y) in x.iter().zip(activated(Activation::Silu, &x)) {
            let v = f64::from(*x);
            let expected = v / (1.0 + (-v).exp());
            assert!((f64::from(y) - expected).abs() < 4e-7 * (1.0 + v.abs()), "{x}: {y} is not {expected}");
        }
        for (x, y) in x.iter().zip(activated(Activation::Tanh, &x)) {
            assert!((f64::from(y) - f64::from(*x).tanh()).abs() < 4e-7, "{x}: {y}");
        }
    }

    #[test]
    fn unknown_activation_names_are_not_guessed() {
        assert_eq!(Activation::from_name("gelu_fast"), None);
        for name in Activation::NAMES.split(", ") {
            assert!(Activation::from_name(name).is_some(), "{name}");
        }
    }
}
