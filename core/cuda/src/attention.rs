//! Self-attention over packed sequences.

use candle_core::backend::BackendStorage;
use candle_core::cuda_backend::cudarc::driver::{LaunchConfig, PushKernelArg};
use candle_core::cuda_backend::{CudaStorage, WrapErr};
use candle_core::{Result, bail};

use crate::format::{Format, Operand, by_format, view};
use crate::launch::{ATTENTION, kernel};
use crate::tiles::{QUERIES, tiles};

/// What self-attention does beside softmax(Q·Kᵀ)·V.
#[derive(Clone, Copy)]
pub struct AttentionForm<'a> {
    /// Number of heads.
    pub heads: usize,
    /// Factor on Q·Kᵀ.
    pub scale: f32,
    /// heads×(2R−1) in f32: added to a score by the distance of key and query, in column R−1 + (j − i).
    pub distance_bias: Option<Operand<'a>>,
    /// Largest distance at which a query sees a key.
    pub window: Option<usize>,
}

/// Keys that the general kernel holds at a time; the most columns of a head.
const KEYS: usize = 32;
const MAX_DEPTH: usize = 128;
/// Threads of the general kernel: eight a query.
const THREADS: u32 = 128;
/// Heads that a block of the kernel on tensor cores serves, a warp each.
const WARPS: u32 = 4;
/// Columns of a head that the kernel on tensor cores is compiled for.
const TENSOR_DEPTHS: [usize; 3] = [32, 64, 128];

/// Computes softmax(scale·Q·Kᵀ + bias)·V for every head of every sequence.
///
/// `qkv` is T×3H; `offsets` are the cumulative lengths of the sequences, from 0 to T; the result is T×H.
///
/// # Errors
/// When shapes do not fit, heads are wider than 128 columns, a sequence is longer than the bias or the launch fails.
pub fn attention(qkv: Operand<'_>, offsets: &[usize], form: AttentionForm<'_>) -> Result<CudaStorage> {
    let (rows, width3) = qkv.1.shape().dims2()?;
    let width = width3 / 3;
    if width * 3 != width3 || form.heads == 0 || width % form.heads != 0 {
        bail!(
            "attention cannot split rows of {width3} into queries, keys and values of {} heads",
            form.heads
        );
    }
    if width / form.heads > MAX_DEPTH {
        bail!("attention on a GPU takes heads of at most {MAX_DEPTH} columns, not {}", width / form.heads);
    }
    if offsets.last().is_some_and(|&end| end != rows) {
        bail!("attention got {rows} rows for sequences that end at {:?}", offsets.last());
    }
    if let Some((_, layout)) = form.distance_bias {
        let (heads, columns) = layout.shape().dims2()?;
        let longest = offsets.windows(2).map(|bounds| bounds[1] - bounds[0]).max().unwrap_or(0);
        if heads != form.heads || columns % 2 == 0 || longest > columns.div_ceil(2) {
            bail!(
                "attention of {} heads over {longest} tokens cannot add a bias of {heads}x{columns}",
                form.heads
            );
        }
    }
    by_format!(qkv.0, "attention", run(qkv, offsets, form))
}

fn run<T: Format>(qkv: Operand<'_>, offsets: &[usize], form: AttentionForm<'_>) -> Result<CudaStorage> {
    let device = qkv.0.device.clone();
    let (rows, width3) = qkv.1.shape().dims2()?;
    let (width, heads) = (width3 / 3, form.heads);
    let depth = width / heads;
    let values = view::<T>("attention", qkv)?;
    let bias = form.distance_bias.map(|bias| view::<f32>("attention", bias)).transpose()?;
    let tiles = tiles(offsets);
    let blocks = (tiles.len() / 3) as u32;
    let tiles = device.clone_htod(&tiles)?;
    // SAFETY: the kernel below writes every element before anything reads one: the sequences cover all rows.
    let mut out = unsafe { device.alloc::<T>(rows * width)? };
    let on_tensor_cores = T::NAME != "f32" && TENSOR_DEPTHS.contains(&depth);
    let (name, last, config) = if on_tensor_cores {
        let config = LaunchConfig {
            grid_dim: (blocks, (heads as u32).div_ceil(WARPS), 1),
            block_dim: (32 * WARPS, 1, 1),
            shared_mem_bytes: 0,
        };
        (format!("attend_{depth}_{}", T::NAME), heads as i32, config)
    } else {
        let shared = (QUERIES + 2 * KEYS) * (depth + 1) + QUERIES * (KEYS + 1);
        let config = LaunchConfig {
            grid_dim: (blocks, heads as u32, 1),
            block_dim: (THREADS, 1, 1),
            shared_mem_bytes: (shared * size_of::<f32>()) as u32,
        };
        (format!("attend_any_{}", T::NAME), depth as i32, config)
    };
    let function = kernel(&device, ATTENTION, &name)?;
    let reach =
        form.distance_bias.map_or(Ok(1), |(_, layout)| layout.shape().dims2().map(|(_, c)| c.div_ceil(2)))?;
    let (none, width_arg, reach) = (0_u64, width as i32, reach as i32);
    let window = form.window.map_or(-1, |window| window as i32);
    let mut builder = function.builder();
    builder.arg(&values).arg(&mut out).arg(&tiles).arg(&width_arg).arg(&last).arg(&form.scale);
    match &bias {
        Some(bias) => builder.arg(bias),
        None => builder.arg(&none),
    };
    builder.arg(&reach).arg(&window);
    // SAFETY: the kernels take (const T*, T*, const Tile*, int, int, float, const float* or null, int, int); a tile is three uint32_t,
    // lies inside its sequence and that inside the rows; the bias covers the longest sequence; the general kernel's shared
    // memory is 16 + 2·32 rows of depth + 1 floats and 16 of 33.
    unsafe { builder.launch(config) }.w()?;
    Ok(CudaStorage { slice: T::wrap(out), device })
}
