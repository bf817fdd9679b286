//! Rotary positions.

use candle_core::backend::BackendStorage;
use candle_core::cuda_backend::cudarc::driver::PushKernelArg;
use candle_core::cuda_backend::{CudaStorage, WrapErr};
use candle_core::{Layout, Result, bail};

use crate::format::{Format, Operand, by_format, view};
use crate::launch::{ROTARY, kernel, over};

/// Turns the queries and keys of T×3H rows, in place; positions count from 0 within every sequence.
///
/// `table` is positions×D in f32: the D/2 cosines of a position, then its D/2 sines. Column c of the first D/2 of every head turns with
/// column c + D/2. `offsets` are the cumulative lengths of the sequences, from 0 to T.
///
/// # Errors
/// When shapes do not fit, a sequence is longer than the table, the rows are not contiguous or the launch fails.
pub fn rotate(
    qkv: &mut CudaStorage,
    layout: &Layout,
    table: Operand<'_>,
    offsets: &[usize],
    heads: usize,
) -> Result<()> {
    let (rows, width3) = layout.shape().dims2()?;
    let (positions, turned) = table.1.shape().dims2()?;
    if heads == 0
        || width3 % (3 * heads) != 0
        || turned == 0
        || turned % 2 != 0
        || turned > width3 / 3 / heads
    {
        bail!("rotate cannot turn {turned} columns of the {heads} heads of rows of {width3}");
    }
    let longest = offsets.windows(2).map(|bounds| bounds[1] - bounds[0]).max().unwrap_or(0);
    if offsets.last().is_some_and(|&end| end != rows) || longest > positions {
        bail!("rotate got {rows} rows for sequences of up to {longest} tokens, and angles for {positions}");
    }
    by_format!(qkv, "rotate", run(qkv, layout, table, offsets, heads))
}

fn run<T: Format>(
    qkv: &mut CudaStorage,
    layout: &Layout,
    table: Operand<'_>,
    offsets: &[usize],
    heads: usize,
) -> Result<()> {
    let Some((start, end)) = layout.contiguous_offsets() else {
        bail!("rotate needs contiguous rows");
    };
    let device = qkv.device.clone();
    let (rows, width3) = layout.shape().dims2()?;
    let half = table.1.shape().dims2()?.1 / 2;
    let table = view::<f32>("rotate", table)?;
    let positions: Vec<u32> =
        offsets.windows(2).flat_map(|bounds| 0..(bounds[1] - bounds[0]) as u32).collect();
    if positions.is_empty() {
        return Ok(());
    }
    let positions = device.clone_htod(&positions)?;
    let function = kernel(&device, ROTARY, &format!("rotate_{}", T::NAME))?;
    let mut values = qkv.as_cuda_slice_mut::<T>()?.slice_mut(start..end);
    let n = rows * 2 * heads * half;
    let (heads_arg, depth, half) = (heads as i32, (width3 / 3 / heads) as i32, half as i32);
    let mut builder = function.builder();
    builder.arg(&mut values).arg(&table).arg(&positions).arg(&n).arg(&heads_arg).arg(&depth).arg(&half);
    // SAFETY: the kernel takes (T*, const float*, const uint32_t*, size_t, int, int, int). There is a position for every row, and all are
    // below the rows of the table. A thread has a pair of columns of its own, 2·half of them fit into a head, and the heads of
    // queries and keys into two thirds of a row.
    unsafe { builder.launch(over(n, 256)) }.w()?;
    Ok(())
}
