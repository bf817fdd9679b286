//! The residual sum of layers that normalise before a block instead of after it.

#[cfg(feature = "cuda")]
use candle_core::CudaStorage;
use candle_core::{CpuStorage, InplaceOp2, Layout, Result, Tensor, bail};

use super::storage::{store_as, values};

/// Adds `residual` to `x`, both T×H, in the storage of `x`: the caller must hold the only use of it.
pub(crate) fn residual_add(x: Tensor, residual: &Tensor) -> Result<Tensor> {
    x.inplace_op2(residual, &ResidualAdd)?;
    Ok(x)
}

struct ResidualAdd;

const NAME: &str = "residual_add";

impl InplaceOp2 for ResidualAdd {
    fn name(&self) -> &'static str {
        NAME
    }

    fn cpu_fwd(
        &self,
        x: &mut CpuStorage,
        x_layout: &Layout,
        residual: &CpuStorage,
        residual_layout: &Layout,
    ) -> Result<()> {
        if residual_layout.shape() != x_layout.shape() {
            bail!("{NAME} cannot add {:?} to {:?}", residual_layout.shape(), x_layout.shape());
        }
        let Some((start, end)) = x_layout.contiguous_offsets() else {
            bail!("{NAME} needs a contiguous tensor");
        };
        let residual = values(NAME, residual, residual_layout)?;
        let add = |sums: &mut [f32]| sums.iter_mut().zip(residual.iter()).for_each(|(x, r)| *x += r);
        if let CpuStorage::F32(sums) = x {
            add(&mut sums[start..end]);
        } else {
            let mut wide = values(NAME, x, x_layout)?.into_owned();
            add(&mut wide);
            *x = store_as(x, wide);
        }
        Ok(())
    }

    #[cfg(feature = "cuda")]
    fn cuda_fwd(
        &self,
        x: &mut CudaStorage,
        x_layout: &Layout,
        residual: &CudaStorage,
        residual_layout: &Layout,
    ) -> Result<()> {
        isoscope_cuda::add(x, x_layout, (residual, residual_layout))
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used)]

    use candle_core::Device;

    use super::*;

    #[test]
    fn sums_are_taken_element_by_element_and_only_of_one_shape() {
        let tensor = |values: &[f32]| Tensor::from_slice(values, (1, values.len()), &Device::Cpu).unwrap();
        let y = residual_add(tensor(&[1.0, 2.0]), &tensor(&[0.5, -2.0])).unwrap();
        assert_eq!(y.to_vec2::<f32>().unwrap(), [[1.5, 0.0]]);
        let message = residual_add(tensor(&[1.0, 2.0]), &tensor(&[0.5])).unwrap_err().to_string();
        assert!(message.contains("[1, 1] to [1, 2]"), "{message}");
    }
}
