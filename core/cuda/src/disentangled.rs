//! Disentangled self-attention over packed sequences.

use candle_core::backend::BackendStorage;
use candle_core::cuda_backend::cudarc::driver::{LaunchConfig, PushKernelArg};
use candle_core::cuda_backend::{CudaStorage, WrapErr};
use candle_core::{Result, bail};

use crate::format::{Format, Operand, by_format, view};
use crate::launch::{DISENTANGLED, kernel};
use crate::tiles::{QUERIES, tiles};

/// What disentangled attention adds to softmax(Q·Kᵀ)·V.
#[derive(Clone, Copy)]
pub struct DisentangledForm<'a> {
    /// Number of heads.
    pub heads: usize,
    /// Factor on the sum of the scores.
    pub scale: f32,
    /// Row of the tables for query i and key j, in place R−1 + (j − i) of 2R−1.
    pub places: &'a [u32],
    /// P×H: the key of every relative position, which queries score.
    pub keys: Option<Operand<'a>>,
    /// P×H: the query of every relative position, which scores keys.
    pub queries: Option<Operand<'a>>,
}

/// The most columns of a head.
const MAX_DEPTH: usize = 128;
/// Threads of a block: eight a query.
const THREADS: u32 = 128;
/// Shared memory that a block has without asking for more.
const SHARED_BYTES: usize = 48 << 10;
/// Keys at a time that kernels are compiled for.
const KEYS: [usize; 2] = [32, 8];

/// Counts the bytes of shared memory that a block needs: the rows of queries, keys, values and both kinds of positions, and the weights.
fn shared_bytes(keys: usize, depth: usize) -> usize {
    let offsets = QUERIES + keys - 1;
    let rows = QUERIES + 2 * keys + 2 * offsets;
    (rows * (depth + 1) + QUERIES * (keys + 1)) * size_of::<f32>()
}

/// Computes softmax(scale·(Q·Kᵀ + Q·keysᵀ + K·queriesᵀ))·V for every head of every sequence; of the last two products the score
/// of query i and key j takes the column of their relative position.
///
/// `qkv` is T×3H; `offsets` are the cumulative lengths of the sequences, from 0 to T; the result is T×H.
///
/// # Errors
/// When shapes or number formats do not fit, heads are wider than 128 columns, a sequence is longer than the relative positions or
/// the launch fails.
pub fn disentangled_attention(
    qkv: Operand<'_>,
    offsets: &[usize],
    form: DisentangledForm<'_>,
) -> Result<CudaStorage> {
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
    if longest(offsets) > form.places.len().div_ceil(2) {
        bail!("attention has no relative positions for a sequence of {} tokens", longest(offsets));
    }
    let needed = form.places.iter().max().map_or(0, |&place| place as usize + 1);
    for (_, layout) in form.keys.iter().chain(&form.queries) {
        let (rows, columns) = layout.shape().dims2()?;
        if rows < needed || columns != width {
            bail!(
                "attention of rows of {width} needs {needed}x{width} relative positions, not {rows}x{columns}"
            );
        }
    }
    by_format!(qkv.0, "attention", run(qkv, offsets, form))
}

fn longest(offsets: &[usize]) -> usize {
    offsets.windows(2).map(|bounds| bounds[1] - bounds[0]).max().unwrap_or(0)
}

fn run<T: Format>(qkv: Operand<'_>, offsets: &[usize], form: DisentangledForm<'_>) -> Result<CudaStorage> {
    let device = qkv.0.device.clone();
    let (rows, width3) = qkv.1.shape().dims2()?;
    let (width, heads) = (width3 / 3, form.heads);
    let depth = width / heads;
    let values = view::<T>("attention", qkv)?;
    let keys = form.keys.map(|table| view::<T>("attention", table)).transpose()?;
    let queries = form.queries.map(|table| view::<T>("attention", table)).transpose()?;
    // Of all distances only those of this batch are sent.
    let (middle, reach) = (form.places.len() / 2, longest(offsets));
    if reach == 0 {
        bail!("attention needs rows");
    }
    let places = device.clone_htod(&form.places[middle + 1 - reach..middle + reach])?;
    let tiles = tiles(offsets);
    let blocks = (tiles.len() / 3) as u32;
    let tiles = device.clone_htod(&tiles)?;
    // SAFETY: the kernel below writes every element before anything reads one: the sequences cover all rows.
    let mut out = unsafe { device.alloc::<T>(rows * width)? };
    let Some(at_a_time) = KEYS.into_iter().find(|&keys| shared_bytes(keys, depth) <= SHARED_BYTES) else {
        bail!("attention has no kernel for heads of {depth} columns");
    };
    let config = LaunchConfig {
        grid_dim: (blocks, heads as u32, 1),
        block_dim: (THREADS, 1, 1),
        shared_mem_bytes: shared_bytes(at_a_time, depth) as u32,
    };
    let function = kernel(&device, DISENTANGLED, &format!("disentangled_{at_a_time}_{}", T::NAME))?;
    let (none, width_arg, depth_arg, reach) = (0_u64, width as i32, depth as i32, reach as i32);
    let mut builder = function.builder();
    builder.arg(&values).arg(&mut out).arg(&tiles).arg(&width_arg).arg(&depth_arg).arg(&form.scale);
    for table in [&keys, &queries] {
        match table {
            Some(table) => builder.arg(table),
            None => builder.arg(&none),
        };
    }
    builder.arg(&places).arg(&reach);
    // SAFETY: the kernels take (const T*, T*, const Tile*, int, int, float, const T* or null twice, const uint32_t*, int); a tile is three
    // uint32_t, lies inside its sequence and that inside the rows; there are 2·reach − 1 places, the kernel reads no others, and
    // each is a row of the tables; shared memory is counted as the kernel divides it.
    unsafe { builder.launch(config) }.w()?;
    Ok(CudaStorage { slice: T::wrap(out), device })
}
