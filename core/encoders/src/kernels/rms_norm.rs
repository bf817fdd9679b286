//! Root mean square normalisation (Zhang & Sennrich 2019, arXiv 1910.07467): layer normalisation without a mean or a shift.

#[cfg(feature = "cuda")]
use candle_core::CudaStorage;
use candle_core::{CpuStorage, CustomOp2, Layout, Result, Shape, Tensor, bail};
use multiversion::multiversion;

use super::layer_norm::sum;
use super::storage::{store_as, values};

/// The parameters of a root mean square normalisation of width H.
pub(crate) struct RmsNormWeights {
    /// H: the scale γ; f32 whatever the format of the rows.
    pub(crate) scale: Tensor,
    /// Added to the mean square.
    pub(crate) epsilon: f64,
}

/// Divides every row of the T×H tensor `x` by its root mean square and multiplies it by γ.
pub(crate) fn rms_norm(x: &Tensor, weights: &RmsNormWeights) -> Result<Tensor> {
    x.apply_op2_no_bwd(&weights.scale, &RmsNorm { epsilon: weights.epsilon })
}

struct RmsNorm {
    epsilon: f64,
}

const NAME: &str = "rms_norm";

impl CustomOp2 for RmsNorm {
    fn name(&self) -> &'static str {
        NAME
    }

    fn cpu_fwd(
        &self,
        x: &CpuStorage,
        x_layout: &Layout,
        scale: &CpuStorage,
        scale_layout: &Layout,
    ) -> Result<(CpuStorage, Shape)> {
        let (_, width) = x_layout.shape().dims2()?;
        if scale_layout.shape().dims1()? != width {
            bail!("{NAME} needs {width} weights, not {:?}", scale_layout.shape());
        }
        let mut y = values(NAME, x, x_layout)?.into_owned();
        normalise(&mut y, &values(NAME, scale, scale_layout)?, self.epsilon);
        Ok((store_as(x, y), x_layout.shape().clone()))
    }

    #[cfg(feature = "cuda")]
    fn cuda_fwd(
        &self,
        x: &CudaStorage,
        x_layout: &Layout,
        scale: &CudaStorage,
        scale_layout: &Layout,
    ) -> Result<(CudaStorage, Shape)> {
        let form = isoscope_cuda::NormForm { epsilon: self.epsilon, centred: false };
        let y = isoscope_cuda::norm((x, x_layout), None, (scale, scale_layout), form)?;
        Ok((y, x_layout.shape().clone()))
    }
}

/// Normalises rows as wide as `scale` in place; the mean square and the scaling are in f64, rounded once.
#[multiversion(targets("x86_64+avx512f+avx512bw+avx512dq+avx512vl", "x86_64+avx2"))]
fn normalise(rows: &mut [f32], scale: &[f32], epsilon: f64) {
    for row in rows.chunks_exact_mut(scale.len()) {
        let mean_square = sum(row, |v| v * v) / scale.len() as f64;
        let inverse = 1.0 / (mean_square + epsilon).sqrt();
        for (v, g) in row.iter_mut().zip(scale) {
            *v = (f64::from(*v) * inverse * f64::from(*g)) as f32;
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used)]

    use candle_core::Device;

    use super::*;

    #[test]
    fn rows_are_normalised_as_the_formula_says_for_a_width_that_is_no_multiple_of_the_lanes() {
        let (rows, width, epsilon) = (3, 37, 1e-6);
        let x: Vec<f32> = (0..rows * width).map(|i| 3.0 + (i as f32 * 0.61).sin()).collect();
        let g: Vec<f32> = (0..width).map(|i| 0.5 + (i as f32 * 0.37).cos()).collect();
        let weights = RmsNormWeights { scale: Tensor::from_slice(&g, width, &Device::Cpu).unwrap(), epsilon };
        let y = rms_norm(&Tensor::from_slice(&x, (rows, width), &Device::Cpu).unwrap(), &weights).unwrap();
        for (i, y) in y.to_vec2::<f32>().unwrap().iter().enumerate() {
            let row = &x[i * width..(i + 1) * width];
            let mean_square = row.iter().map(|v| f64::from(*v).powi(2)).sum::<f64>() / width as f64;
            for j in 0..width {
                let expected = f64::from(row[j]) / (mean_square + epsilon).sqrt() * f64::from(g[j]);
                assert!((f64::from(y[j]) - expected).abs() < 1e-6, "row {i}, column {j}");
            }
        }
    }

    #[test]
    fn a_row_of_zeros_stays_zero_and_weights_of_another_width_are_refused() {
        let ones = |width| RmsNormWeights {
            scale: Tensor::ones(width, candle_core::DType::F32, &Device::Cpu).unwrap(),
            epsilon: 1e-6,
        };
        let x = Tensor::zeros((1, 4), candle_core::DType::F32, &Device::Cpu).unwrap();
        assert_eq!(rms_norm(&x, &ones(4)).unwrap().to_vec2::<f32>().unwrap(), [[0.0; 4]]);
        assert!(rms_norm(&x, &ones(3)).is_err());
    }
}
