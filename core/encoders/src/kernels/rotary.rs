//! Rotary position embeddings (Su et al. 2021, arXiv 2104.09864): queries and keys turned by angles that grow with the position.

#[cfg(feature = "cuda")]
use candle_core::CudaStorage;
use candle_core::{CpuStorage, Device, InplaceOp2, Layout, Result, Tensor, bail};
use multiversion::multiversion;

use super::attention::Sequences;
use super::storage::{store_as, values};

/// The angles of a model's positions.
#[derive(Clone, Debug)]
pub(crate) struct Rotary {
    /// Number of heads, H/heads wide each.
    pub(crate) heads: usize,
    /// Positions×D in f32: the D/2 cosines of a position, then its D/2 sines. D columns of every head are turned, the others stay.
    pub(crate) table: Tensor,
}

impl Rotary {
    /// Prepares `positions` positions: column c of the first D/2 turns with column c + D/2 by position·base^(−2c/D).
    ///
    /// The steps are rounded to f32 as the models are trained with them: at position 8000 the exact angle would lie 5e-4 away.
    pub(crate) fn new(
        heads: usize,
        dimensions: usize,
        base: f64,
        positions: usize,
        device: &Device,
    ) -> Result<Self> {
        let half = dimensions / 2;
        let steps: Vec<f32> = (0..half)
            .map(|c| {
                let exponent = 2.0 * c as f32 / dimensions as f32;
                1.0 / base.powf(f64::from(exponent)) as f32
            })
            .collect();
        let mut table = Vec::with_capacity(positions * dimensions);
        for position in 0..positions {
            let angles = steps.iter().map(|step| f64::from(position as f32 * step));
            table.extend(angles.clone().map(|angle| angle.cos() as f32));
            table.extend(angles.map(|angle| angle.sin() as f32));
        }
        Ok(Self { heads, table: Tensor::from_vec(table, (positions, 2 * half), device)? })
    }
}

/// Turns the queries and keys of T×3H rows `qkv`, in their storage: the caller must hold the only use of it.
///
/// Queries, keys and values lie side by side, the heads of each side by side; positions count from 0 within every sequence.
pub(crate) fn rotate(qkv: Tensor, sequences: &Sequences, rotary: &Rotary) -> Result<Tensor> {
    qkv.inplace_op2(&rotary.table, &Rotate { sequences, heads: rotary.heads })?;
    Ok(qkv)
}

struct Rotate<'a> {
    sequences: &'a Sequences,
    heads: usize,
}

const NAME: &str = "rotate";

impl InplaceOp2 for Rotate<'_> {
    fn name(&self) -> &'static str {
        NAME
    }

    fn cpu_fwd(
        &self,
        qkv: &mut CpuStorage,
        qkv_layout: &Layout,
        table: &CpuStorage,
        table_layout: &Layout,
    ) -> Result<()> {
        let depth = self.head_width(qkv_layout, table_layout)?;
        let (Some((start, end)), table) =
            (qkv_layout.contiguous_offsets(), values(NAME, table, table_layout)?)
        else {
            bail!("{NAME} needs contiguous rows");
        };
        let (_, turned) = table_layout.shape().dims2()?;
        if let CpuStorage::F32(rows) = qkv {
            self.turn_all(&mut rows[start..end], &table, depth, turned);
        } else {
            let mut wide = values(NAME, qkv, qkv_layout)?.into_owned();
            self.turn_all(&mut wide, &table, depth, turned);
            *qkv = store_as(qkv, wide);
        }
        Ok(())
    }

    #[cfg(feature = "cuda")]
    fn cuda_fwd(
        &self,
        qkv: &mut CudaStorage,
        qkv_layout: &Layout,
        table: &CudaStorage,
        table_layout: &Layout,
    ) -> Result<()> {
        self.head_width(qkv_layout, table_layout)?;
        isoscope_cuda::rotate(qkv, qkv_layout, (table, table_layout), &self.sequences.0, self.heads)
    }
}

impl Rotate<'_> {
    /// Returns the width of a head when everything fits together.
    fn head_width(&self, qkv: &Layout, table: &Layout) -> Result<usize> {
        let (rows, width3) = qkv.shape().dims2()?;
        let (positions, turned) = table.shape().dims2()?;
        if self.heads == 0 || !width3.is_multiple_of(3 * self.heads) {
            bail!(
                "{NAME} cannot split rows of {width3} into queries, keys and values of {} heads",
                self.heads
            );
        }
        let depth = width3 / 3 / self.heads;
        if turned > depth || turned == 0 || !turned.is_multiple_of(2) {
            bail!("{NAME} cannot turn {turned} columns of heads {depth} wide");
        }
        if self.sequences.0.last().is_some_and(|&end| end != rows) {
            bail!("{NAME} got {rows} rows for sequences that end elsewhere");
        }
        let longest = self.sequences.0.windows(2).map(|bounds| bounds[1] - bounds[0]).max();
        match longest.filter(|&longest| longest > positions) {
            Some(longest) => bail!("{NAME} has no angles for a sequence of {longest} tokens"),
            None => Ok(depth),
        }
    }

    /// Turns the queries and keys of all rows, whose heads are `depth` columns wide; the table is `turned` columns wide.
    fn turn_all(&self, qkv: &mut [f32], table: &[f32], depth: usize, turned: usize) {
        let width = self.heads * depth;
        for bounds in self.sequences.0.windows(2) {
            let rows = qkv[bounds[0] * 3 * width..bounds[1] * 3 * width].chunks_exact_mut(3 * width);
            for (row, angles) in rows.zip(table.chunks_exact(turned)) {
                turn(&mut row[..2 * width], angles, depth);
            }
        }
    }
}

/// Turns the first columns of every head, `depth` columns wide, of one row's queries and keys.
#[multiversion(targets("x86_64+avx512f+avx512bw+avx512dq+avx512vl", "x86_64+avx2"))]
fn turn(queries_keys: &mut [f32], angles: &[f32], depth: usize) {
    let half = angles.len() / 2;
    let (cosines, sines) = angles.split_at(half);
    for head in queries_keys.chunks_exact_mut(depth) {
        let (first, rest) = head.split_at_mut(half);
        for (((a, b), cos), sin) in first.iter_mut().zip(rest).zip(cosines).zip(sines) {
            let (x, y) = (*a, *b);
            *a = x * cos - y * sin;
            *b = y * cos + x * sin;
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used)]

    use super::*;

    fn ramp(rows: usize, width: usize) -> Vec<f32> {
        (0..rows * width).map(|i| (i as f32 * 0.731).sin()).collect()
    }

    #[test]
    fn queries_and_keys_turn_by_position_and_values_stay() {
        let (heads, depth, turned, base) = (2, 6, 4, 100.0_f64);
        let width = heads * depth;
        let offsets = [0, 3, 3, 7];
        let x = ramp(7, 3 * width);
        let tensor = Tensor::from_slice(&x, (7, 3 * width), &Device::Cpu).unwrap();
        let rotary = Rotary::new(heads, turned, base, 4, &Device::Cpu).unwrap();
        let y = rotate(tensor, &Sequences::new(&offsets), &rotary).unwrap().to_vec2::<f32>().unwrap();
        for bounds in offsets.windows(2) {
            for (position, row) in (bounds[0]..bounds[1]).enumerate() {
                for (column, found) in y[row].iter().enumerate() {
                    let at = |c: usize| f64::from(x[row * 3 * width + c]);
                    let within = column % depth;
                    let expected = if column >= 2 * width || within >= turned {
                        at(column)
                    } else {
                        let pair = within % (turned / 2);
                        let angle = position as f64 * base.powf(-2.0 * pair as f64 / turned as f64);
                        if within < turned / 2 {
                            at(column) * angle.cos() - at(column + turned / 2) * angle.sin()
                        } else {
                            at(column) * angle.cos() + at(column - turned / 2) * angle.sin()
                        }
                    };
                    assert!((f64::from(*found) - expected).abs() < 1e-6, "row {row}, column {column}");
                }
            }
        }
    }

    #[test]
    fn a_sequence_without_enough_angles_is_refused() {
        let rotary = Rotary::new(1, 2, 10.0, 2, &Device::Cpu).unwrap();
        let x = Tensor::from_slice(&ramp(3, 6), (3, 6), &Device::Cpu).unwrap();
        let message = rotate(x, &Sequences::new(&[0, 3]), &rotary).unwrap_err().to_string();
        assert!(message.contains("no angles for a sequence of 3 tokens"), "{message}");
    }

    #[test]
    fn more_angles_than_a_head_is_wide_are_refused() {
        let rotary = Rotary::new(2, 4, 10.0, 3, &Device::Cpu).unwrap();
        let x = Tensor::from_slice(&ramp(3, 12), (3, 12), &Device::Cpu).unwrap();
        assert!(rotate(x, &Sequences::new(&[0, 3]), &rotary).is_err());
    }
}
