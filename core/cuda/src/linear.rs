//! Dense layers.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, OnceLock, PoisonError};

use candle_core::backend::BackendStorage;
use candle_core::cuda_backend::cudarc::cublaslt::{CudaBlasLT, Matmul, MatmulConfig};
use candle_core::cuda_backend::cudarc::driver::PushKernelArg;
use candle_core::cuda_backend::{CudaStorage, CudaStorageSlice, DeviceId, WrapErr};
use candle_core::{CudaDevice, Error, Result, bail};
use half::{bf16, f16};

use crate::format::{Format, Operand, by_format, view};
use crate::launch::{ELEMENTWISE, kernel, library_call, over};

/// Computes x·Wᵀ + b for T×in rows `x`, out×in weights and out biases; the result is T×out.
///
/// # Errors
/// When shapes do not fit, number formats differ or a launch fails.
pub fn linear(x: Operand<'_>, weight: Operand<'_>, bias: Option<Operand<'_>>) -> Result<CudaStorage> {
    let (rows, inputs) = x.1.shape().dims2()?;
    let (outputs, weight_inputs) = weight.1.shape().dims2()?;
    if inputs != weight_inputs {
        bail!("linear cannot apply {outputs}x{weight_inputs} weights to rows of {inputs}");
    }
    if let Some((_, layout)) = bias
        && layout.shape().dims1()? != outputs
    {
        bail!("linear cannot add a bias of {:?} to rows of {outputs}", layout.shape());
    }
    let sizes = Sizes { rows, inputs, outputs };
    match (&x.0.slice, bias) {
        (CudaStorageSlice::F16(_), Some(bias)) => with_bias::<f16>(x, weight, bias, sizes),
        (CudaStorageSlice::BF16(_), Some(bias)) => with_bias::<bf16>(x, weight, bias, sizes),
        (_, bias) => {
            let transposed = weight.1.transpose(0, 1)?;
            let launching = library_call();
            let mut y = x.0.matmul(weight.0, (1, rows, outputs, inputs), x.1, &transposed)?;
            drop(launching);
            if let Some(bias) = bias {
                add_bias(&mut y, bias, sizes)?;
            }
            Ok(y)
        }
    }
}

#[derive(Clone, Copy)]
struct Sizes {
    rows: usize,
    inputs: usize,
    outputs: usize,
}

/// Half formats: the bias enters in the product's epilogue. (For f32 this interface would use TF32.)
fn with_bias<T: Format>(
    x: Operand<'_>,
    weight: Operand<'_>,
    bias: Operand<'_>,
    sizes: Sizes,
) -> Result<CudaStorage>
where
    CudaBlasLT: Matmul<T>,
{
    let device = x.0.device.clone();
    let (a, b) = (view::<T>("linear", weight)?, view::<T>("linear", x)?);
    let bias = view::<T>("linear", bias)?;
    let Sizes { rows, inputs, outputs } = sizes;
    // SAFETY: the product below writes every element before anything reads one.
    let mut y = unsafe { device.alloc::<T>(rows * outputs)? };
    // The library thinks in columns: yᵀ = W·xᵀ, and row-major W and x are their transposes.
    let config = MatmulConfig {
        transa: true,
        transb: false,
        transc: false,
        m: outputs as u64,
        n: rows as u64,
        k: inputs as u64,
        alpha: 1.0,
        lda: inputs as i64,
        ldb: inputs as i64,
        beta: 0.0,
        ldc: outputs as i64,
        stride_a: None,
        stride_b: None,
        stride_c: None,
        stride_bias: None,
        batch_size: None,
    };
    let library = library(&device)?;
    let _launching = library_call();
    // SAFETY: the sizes of the configuration are those of the views, which their layouts vouch for, and of `y`.
    unsafe { library.matmul(config, &a, &b, &mut y, Some(&bias), None) }.map_err(Error::wrap)?;
    Ok(CudaStorage { slice: T::wrap(y), device })
}

fn add_bias(y: &mut CudaStorage, bias: Operand<'_>, sizes: Sizes) -> Result<()> {
    fn run<T: Format>(y: &mut CudaStorage, bias: Operand<'_>, sizes: Sizes) -> Result<()> {
        let function = kernel(&y.device.clone(), ELEMENTWISE, &format!("add_bias_{}", T::NAME))?;
        let bias = view::<T>("linear", bias)?;
        let (n, columns) = (sizes.rows * sizes.outputs, sizes.outputs as i32);
        let values = y.as_cuda_slice_mut::<T>()?;
        let mut builder = function.builder();
        builder.arg(values).arg(&bias).arg(&n).arg(&columns);
        // SAFETY: the kernel takes (T*, const T*, size_t, int); `values` has n elements and `bias` as many as there are columns.
        unsafe { builder.launch(over(n, 256)) }.w()?;
        Ok(())
    }
    by_format!(y, "linear", run(y, bias, sizes))
}

/// Returns the matrix product library's handle of a device; one serves all threads, for all launch on one stream.
fn library(device: &CudaDevice) -> Result<Arc<CudaBlasLT>> {
    static HANDLES: OnceLock<Mutex<HashMap<DeviceId, Arc<CudaBlasLT>>>> = OnceLock::new();
    let mut handles = HANDLES.get_or_init(Mutex::default).lock().unwrap_or_else(PoisonError::into_inner);
    if let Some(found) = handles.get(&device.id()) {
        return Ok(Arc::clone(found));
    }
    let made = Arc::new(CudaBlasLT::new(device.cuda_stream()).map_err(Error::wrap)?);
    handles.insert(device.id(), Arc::clone(&made));
    Ok(made)
}
