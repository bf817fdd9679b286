//! The numbers of a tensor on the CPU, whatever format they are stored in.

use std::borrow::Cow;

use candle_core::{CpuStorage, Layout, Result, bail};
use half::slice::HalfFloatSliceExt;
use half::{bf16, f16};

/// Returns the elements of a row-major tensor as f32; those of an f32 tensor without a copy.
pub(super) fn values<'a>(op: &str, storage: &'a CpuStorage, layout: &Layout) -> Result<Cow<'a, [f32]>> {
    let Some((start, end)) = layout.contiguous_offsets() else {
        bail!("{op} needs contiguous tensors, not strides {:?}", layout.stride());
    };
    match storage {
        CpuStorage::F32(values) => Ok(Cow::Borrowed(&values[start..end])),
        CpuStorage::F16(values) => Ok(Cow::Owned(values[start..end].to_f32_vec())),
        CpuStorage::BF16(values) => Ok(Cow::Owned(values[start..end].to_f32_vec())),
        _ => bail!("{op} takes f32, f16 and bf16 tensors only"),
    }
}

/// Stores the result of an op in the number format of its operand, rounded once.
pub(super) fn store_as(operand: &CpuStorage, result: Vec<f32>) -> CpuStorage {
    match operand {
        CpuStorage::F16(_) => {
            let mut narrow = vec![f16::ZERO; result.len()];
            narrow.convert_from_f32_slice(&result);
            CpuStorage::F16(narrow)
        }
        CpuStorage::BF16(_) => {
            let mut narrow = vec![bf16::ZERO; result.len()];
            narrow.convert_from_f32_slice(&result);
            CpuStorage::BF16(narrow)
        }
        _ => CpuStorage::F32(result),
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use candle_core::{DType, Device, Storage, Tensor};

    use super::*;

    #[test]
    fn half_formats_come_and_go_rounded_to_nearest() {
        // One above 1 by less than half a step of either format, and a value that both hold.
        let x = Tensor::from_slice(&[1.0001_f32, -2.5], 2, &Device::Cpu).unwrap();
        for format in [DType::F16, DType::BF16] {
            let narrow = x.to_dtype(format).unwrap();
            let (storage, layout) = narrow.storage_and_layout();
            let Storage::Cpu(storage) = &*storage else { panic!("a tensor of the CPU") };
            assert_eq!(*values("test", storage, layout).unwrap(), [1.0, -2.5]);
            let stored = store_as(storage, vec![1.0001, -2.5]);
            assert!(stored.as_slice::<f32>().is_err());
            assert_eq!(*values("test", &stored, layout).unwrap(), [1.0, -2.5]);
        }
    }
}
