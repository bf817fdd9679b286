//! Sums of table rows.

use candle_core::backend::BackendStorage;
use candle_core::cuda_backend::cudarc::driver::PushKernelArg;
use candle_core::cuda_backend::{CudaStorage, WrapErr};
use candle_core::{Result, bail};

use crate::format::{Format, Operand, by_format, view};
use crate::launch::{EMBEDDING, grid, kernel};

/// One table of embeddings, and the row of each of the T tokens.
pub type Lookup<'a> = (Operand<'a>, &'a [u32]);

/// Tables that the kernel takes.
const MOST: usize = 3;

/// Adds up the rows that every token has in one, two or three tables, in their order; the result is T×H.
///
/// # Errors
/// When a row is outside its table, widths or number formats differ or the launch fails.
pub fn embed(lookups: &[Lookup<'_>]) -> Result<CudaStorage> {
    let Some(((first, layout), tokens)) = lookups.first().filter(|_| lookups.len() <= MOST) else {
        bail!("embedding cannot add up {} tables", lookups.len());
    };
    let width = layout.shape().dims2()?.1;
    for ((_, layout), rows) in lookups {
        let (count, table_width) = layout.shape().dims2()?;
        if table_width != width || rows.len() != tokens.len() {
            bail!("embedding needs tables of one width and a row in each for every token");
        }
        if let Some(row) = rows.iter().find(|&&row| row as usize >= count) {
            bail!("embedding row {row} is outside a table of {count}");
        }
    }
    by_format!(first, "embedding", run(lookups, tokens.len(), width))
}

fn run<T: Format>(lookups: &[Lookup<'_>], tokens: usize, width: usize) -> Result<CudaStorage> {
    let device = lookups[0].0.0.device.clone();
    let tables =
        lookups.iter().map(|(table, _)| view::<T>("embedding", *table)).collect::<Result<Vec<_>>>()?;
    let rows = lookups.iter().map(|(_, rows)| device.clone_htod(*rows)).collect::<Result<Vec<_>>>()?;
    // SAFETY: the kernel below writes every element before anything reads one.
    let mut y = unsafe { device.alloc::<T>(tokens * width)? };
    let function = kernel(&device, EMBEDDING, &format!("embed_{}", T::NAME))?;
    let (none, width_arg) = (0_u64, width as i32);
    let mut builder = function.builder();
    for i in 0..MOST {
        match (tables.get(i), rows.get(i)) {
            (Some(table), Some(rows)) => builder.arg(table).arg(rows),
            _ => builder.arg(&none).arg(&none),
        };
    }
    builder.arg(&mut y).arg(&width_arg);
    // SAFETY: the kernel takes three pairs of (const T*, const uint32_t*), null behind the last table, then (T*, int), one block a
    // token; every row that it reads was found inside its table.
    unsafe { builder.launch(grid((tokens as u32, 1), 128)) }.w()?;
    Ok(CudaStorage { slice: T::wrap(y), device })
}
