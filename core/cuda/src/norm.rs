//! Normalisation of rows.

use candle_core::backend::BackendStorage;
use candle_core::cuda_backend::cudarc::driver::PushKernelArg;
use candle_core::cuda_backend::{CudaStorage, WrapErr};
use candle_core::{Result, bail};

use crate::format::{Format, Operand, by_format, view};
use crate::launch::{NORM, grid, kernel};

/// What a norm does.
#[derive(Clone, Copy, Debug)]
pub struct NormForm {
    /// Added to the mean square.
    pub epsilon: f64,
    /// Whether the mean is taken off first: layer norm; else RMS norm.
    pub centred: bool,
}

/// Rows of a block; a warp each.
const WARPS: usize = 4;
/// Columns that a warp takes at a time.
const CHUNK: usize = 32 * 8;
/// Numbers of chunks that kernels are compiled for.
const CHUNKS: [usize; 5] = [1, 2, 3, 4, 6];

/// Normalises every row of x, or of x + residual, both T×H; `weights` are f32: 2×H, scale
/// and shift, or H, scale alone.
///
/// # Errors
/// When shapes do not fit, number formats differ or the launch fails.
pub fn norm(
    x: Operand<'_>,
    residual: Option<Operand<'_>>,
    weights: Operand<'_>,
    form: NormForm,
) -> Result<CudaStorage> {
    fn run<T: Format>(
        x: Operand<'_>,
        residual: Option<Operand<'_>>,
        weights: Operand<'_>,
        form: NormForm,
    ) -> Result<CudaStorage> {
        let device = x.0.device.clone();
        let (rows, width) = x.1.shape().dims2()?;
        let values = view::<T>("norm", x)?;
        let added = residual.map(|residual| view::<T>("norm", residual)).transpose()?;
        let parameters = view::<f32>("norm", weights)?;
        let scale = parameters.slice(..width);
        let shift = (weights.1.dims().len() == 2).then(|| parameters.slice(width..));
        // SAFETY: the kernel below writes every element before anything reads one.
        let mut y = unsafe { device.alloc::<T>(rows * width)? };
        let variant = match CHUNKS.into_iter().find(|chunks| width <= chunks * CHUNK) {
            Some(chunks) if width % 8 == 0 => format!("c{chunks}"),
            _ => "any".to_owned(),
        };
        let function = kernel(&device, NORM, &format!("norm_{variant}_{}", T::NAME))?;
        let (none, rows_arg, width_arg) = (0_u64, rows as i32, width as i32);
        let (epsilon, centred) = (form.epsilon as f32, i32::from(form.centred));
        let mut builder = function.builder();
        builder.arg(&values);
        match &added {
            Some(added) => builder.arg(added),
            None => builder.arg(&none),
        };
        builder.arg(&scale);
        match &shift {
            Some(shift) => builder.arg(shift),
            None => builder.arg(&none),
        };
        builder.arg(&mut y).arg(&rows_arg).arg(&width_arg).arg(&epsilon).arg(&centred);
        let blocks = rows.div_ceil(WARPS).max(1) as u32;
        // SAFETY: the kernel takes (const T*, const T* or null, const float*, const float* or null, T*, int, int,
        // float, int); the views have
        // rows×width elements and the parameters width each. Its packs are aligned: width is a multiple of 8 in those variants, and
        // tensors start where the allocator put them or at a row's start.
        unsafe { builder.launch(grid((blocks, 1), 32 * WARPS as u32)) }.w()?;
        Ok(CudaStorage { slice: T::wrap(y), device })
    }
    let (_, width) = x.1.shape().dims2()?;
    if ![&[2, width][..], &[width]].contains(&weights.1.dims()) {
        bail!("norm needs 2x{width} or {width} weights, not {:?}", weights.1.shape());
    }
    if residual.is_some_and(|(_, layout)| layout.shape() != x.1.shape()) {
        bail!("norm cannot add a residual of another shape to {:?}", x.1.shape());
    }
    by_format!(x.0, "norm", run(x, residual, weights, form))
}
