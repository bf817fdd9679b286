//! Layer normalisation (Ba, Kiros & Hinton 2016, arXiv 1607.06450), alone and fused with the residual sum before it.

#[cfg(feature = "cuda")]
use candle_core::CudaStorage;
use candle_core::{CpuStorage, CustomOp2, CustomOp3, Layout, Result, Shape, Tensor, bail};
use multiversion::multiversion;

use super::storage::{store_as, values};

/// The parameters of a layer normalisation of width H.
pub(crate) struct NormWeights {
    /// 2×H: the scale γ, then the shift β; f32 whatever the format of the rows.
    pub(crate) scale_shift: Tensor,
    /// Added to the variance.
    pub(crate) epsilon: f64,
}

/// Normalises every row of the T×H tensor `x`.
pub(crate) fn layer_norm(x: &Tensor, weights: &NormWeights) -> Result<Tensor> {
    x.apply_op2_no_bwd(&weights.scale_shift, &LayerNorm { epsilon: weights.epsilon })
}

/// Normalises every row of `x + residual`, both T×H.
pub(crate) fn residual_layer_norm(x: &Tensor, residual: &Tensor, weights: &NormWeights) -> Result<Tensor> {
    x.apply_op3_no_bwd(residual, &weights.scale_shift, &LayerNorm { epsilon: weights.epsilon })
}

struct LayerNorm {
    epsilon: f64,
}

#[cfg(feature = "cuda")]
impl LayerNorm {
    fn form(&self) -> isoscope_cuda::NormForm {
        isoscope_cuda::NormForm { epsilon: self.epsilon, centred: true }
    }
}

impl CustomOp2 for LayerNorm {
    fn name(&self) -> &'static str {
        "layer_norm"
    }

    fn cpu_fwd(
        &self,
        x: &CpuStorage,
        x_layout: &Layout,
        w: &CpuStorage,
        w_layout: &Layout,
    ) -> Result<(CpuStorage, Shape)> {
        let mut y = values("layer_norm", x, x_layout)?.into_owned();
        let width = width(x_layout, w_layout)?;
        normalise(&mut y, &values("layer_norm", w, w_layout)?, width, self.epsilon);
        Ok((store_as(x, y), x_layout.shape().clone()))
    }

    #[cfg(feature = "cuda")]
    fn cuda_fwd(
        &self,
        x: &CudaStorage,
        x_layout: &Layout,
        w: &CudaStorage,
        w_layout: &Layout,
    ) -> Result<(CudaStorage, Shape)> {
        let y = isoscope_cuda::norm((x, x_layout), None, (w, w_layout), self.form())?;
        Ok((y, x_layout.shape().clone()))
    }
}

impl CustomOp3 for LayerNorm {
    fn name(&self) -> &'static str {
        "residual_layer_norm"
    }

    fn cpu_fwd(
        &self,
        x: &CpuStorage,
        x_layout: &Layout,
        residual: &CpuStorage,
        residual_layout: &Layout,
        w: &CpuStorage,
        w_layout: &Layout,
    ) -> Result<(CpuStorage, Shape)> {
        const NAME: &str = "residual_layer_norm";
        let width = width(x_layout, w_layout)?;
        if residual_layout.shape() != x_layout.shape() {
            bail!("{NAME} cannot add {:?} to {:?}", residual_layout.shape(), x_layout.shape());
        }
        let (terms, residual) = (values(NAME, x, x_layout)?, values(NAME, residual, residual_layout)?);
        let mut y: Vec<f32> = terms.iter().zip(residual.iter()).map(|(a, b)| a + b).collect();
        normalise(&mut y, &values(NAME, w, w_layout)?, width, self.epsilon);
        Ok((store_as(x, y), x_layout.shape().clone()))
    }

    #[cfg(feature = "cuda")]
    fn cuda_fwd(
        &self,
        x: &CudaStorage,
        x_layout: &Layout,
        residual: &CudaStorage,
        residual_layout: &Layout,
        w: &CudaStorage,
        w_layout: &Layout,
    ) -> Result<(CudaStorage, Shape)> {
        let residual = Some((residual, residual_layout));
        let y = isoscope_cuda::norm((x, x_layout), residual, (w, w_layout), self.form())?;
        Ok((y, x_layout.shape().clone()))
    }
}

fn width(x: &Layout, weights: &Layout) -> Result<usize> {
    let (_, width) = x.shape().dims2()?;
    if weights.shape().dims2()? != (2, width) {
        bail!("layer_norm needs 2x{width} weights, not {:?}", weights.shape());
    }
    Ok(width)
}

/// Partial sums kept side by side: fixed, so that the order of a sum does not depend on the instruction set.
const LANES: usize = 16;

/// Normalises rows of `width` values in place; moments and the affine map are in f64, rounded once.
#[multiversion(targets("x86_64+avx512f+avx512bw+avx512dq+avx512vl", "x86_64+avx2"))]
fn normalise(rows: &mut [f32], scale_shift: &[f32], width: usize, epsilon: f64) {
    let (scale, shift) = scale_shift.split_at(width);
    for row in rows.chunks_exact_mut(width) {
        let mean = sum(row, |v| v) / width as f64;
        let variance = sum(row, |v| (v - mean) * (v - mean)) / width as f64;
        let inverse = 1.0 / (variance + epsilon).sqrt();
        for ((v, g), b) in row.iter_mut().zip(scale).zip(shift) {
            *v = ((f64::from(*v) - mean) * inverse * f64::from(*g) + f64::from(*b)) as f32;
        }
    }
}

/// Sums a term over the values of a row.
#[inline(always)]
#[allow(clippy::inline_always)] // only an inlined body is compiled for the caller's instruction set
pub(super) fn sum(row: &[f32], term: impl Fn(f64) -> f64) -> f64 {
    let mut lanes = [0.0_f64; LANES];
    let chunks = row.chunks_exact(LANES);
    let rest = chunks.remainder();
    for chunk in chunks {
        for (lane, v) in lanes.iter_mut().zip(chunk) {
            *lane += term(f64::from(*v));
        }
    }
    for (lane, v) in lanes.iter_mut().zip(rest) {
        *lane += term(f64::from(*v));
    }
    lanes.iter().sum()
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used)]

    use candle_core::Device;

    use super::*;

    fn weights(width: usize, epsilon: f64) -> NormWeights {
        let values: Vec<f32> = (0..2 * width).map(|i| 0.5 + (i as f32 * 0.37).cos()).collect();
        NormWeights { scale_shift: Tensor::from_vec(values, (2, width), &Device::Cpu).unwrap(), epsilon }
    }

    #[test]
    fn rows_are_normalised_as_the_formula_says_for_a_width_that_is_no_multiple_of_the_lanes() {
        let (rows, width, epsilon) = (3, 37, 1e-5);
        let w = weights(width, epsilon);
        let x: Vec<f32> = (0..rows * width).map(|i| 100.0 + (i as f32 * 0.61).sin()).collect();
        let r: Vec<f32> = (0..rows * width).map(|i| (i as f32 * 0.17).sin()).collect();
        let tensor = |v: &[f32]| Tensor::from_slice(v, (rows, width), &Device::Cpu).unwrap();
        let y = residual_layer_norm(&tensor(&x), &tensor(&r), &w).unwrap().to_vec2::<f32>().unwrap();
        let parameters = w.scale_shift.to_vec2::<f32>().unwrap();
        for (i, y) in y.iter().enumerate() {
            let row: Vec<f64> = (i * width..(i + 1) * width).map(|j| f64::from(x[j] + r[j])).collect();
            let mean = row.iter().sum::<f64>() / width as f64;
            let variance = row.iter().map(|v| (v - mean).powi(2)).sum::<f64>() / width as f64;
            for j in 0..width {
                let expected = (row[j] - mean) / (variance + epsilon).sqrt() * f64::from(parameters[0][j])
                    + f64::from(parameters[1][j]);
                assert!((f64::from(y[j]) - expected).abs() < 1e-6, "row {i}, column {j}");
            }
        }
    }

    #[test]
    fn a_constant_row_gives_the_shift() {
        let w = weights(8, 1e-12);
        let y = layer_norm(&Tensor::full(3.25_f32, (1, 8), &Device::Cpu).unwrap(), &w).unwrap();
        assert_eq!(y.to_vec2::<f32>().unwrap()[0], w.scale_shift.to_vec2::<f32>().unwrap()[1]);
    }
}
