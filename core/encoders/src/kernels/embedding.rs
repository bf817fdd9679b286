//! The sum of embeddings: one row of each table for every token.

#[cfg(feature = "cuda")]
use candle_core::CudaStorage;
use candle_core::{CpuStorage, CustomOp1, CustomOp2, CustomOp3, Layout, Result, Shape, Tensor, bail};

use super::storage::{store_as, values};

/// One table of embeddings and what is read from it.
#[derive(Clone, Copy)]
pub(crate) struct Lookup<'a> {
    /// rows×H.
    pub(crate) table: &'a Tensor,
    /// The row of each of the T tokens.
    pub(crate) rows: &'a [u32],
}

/// Adds up the rows that every token has in one, two or three tables, in their order; the result is T×H.
pub(crate) fn embed(lookups: &[Lookup<'_>]) -> Result<Tensor> {
    let op = Embedding { rows: lookups.iter().map(|lookup| lookup.rows).collect() };
    match lookups {
        [a] => a.table.apply_op1_no_bwd(&op),
        [a, b] => a.table.apply_op2_no_bwd(b.table, &op),
        [a, b, c] => a.table.apply_op3_no_bwd(b.table, c.table, &op),
        _ => bail!("{NAME} cannot add up {} tables", lookups.len()),
    }
}

const NAME: &str = "embedding";

struct Embedding<'a> {
    /// Per table, the row of each token.
    rows: Vec<&'a [u32]>,
}

impl CustomOp1 for Embedding<'_> {
    fn name(&self) -> &'static str {
        NAME
    }

    fn cpu_fwd(&self, a: &CpuStorage, a_layout: &Layout) -> Result<(CpuStorage, Shape)> {
        self.sum(&[(a, a_layout)])
    }

    #[cfg(feature = "cuda")]
    fn cuda_fwd(&self, a: &CudaStorage, a_layout: &Layout) -> Result<(CudaStorage, Shape)> {
        self.sum_on_gpu(&[(a, a_layout)])
    }
}

impl CustomOp2 for Embedding<'_> {
    fn name(&self) -> &'static str {
        NAME
    }

    fn cpu_fwd(
        &self,
        a: &CpuStorage,
        a_layout: &Layout,
        b: &CpuStorage,
        b_layout: &Layout,
    ) -> Result<(CpuStorage, Shape)> {
        self.sum(&[(a, a_layout), (b, b_layout)])
    }

    #[cfg(feature = "cuda")]
    fn cuda_fwd(
        &self,
        a: &CudaStorage,
        a_layout: &Layout,
        b: &CudaStorage,
        b_layout: &Layout,
    ) -> Result<(CudaStorage, Shape)> {
        self.sum_on_gpu(&[(a, a_layout), (b, b_layout)])
    }
}

impl CustomOp3 for Embedding<'_> {
    fn name(&self) -> &'static str {
        NAME
    }

    fn cpu_fwd(
        &self,
        a: &CpuStorage,
        a_layout: &Layout,
        b: &CpuStorage,
        b_layout: &Layout,
        c: &CpuStorage,
        c_layout: &Layout,
    ) -> Result<(CpuStorage, Shape)> {
        self.sum(&[(a, a_layout), (b, b_layout), (c, c_layout)])
    }

    #[cfg(feature = "cuda")]
    fn cuda_fwd(
        &self,
        a: &CudaStorage,
        a_layout: &Layout,
        b: &CudaStorage,
        b_layout: &Layout,
        c: &CudaStorage,
        c_layout: &Layout,
    ) -> Result<(CudaStorage, Shape)> {
        self.sum_on_gpu(&[(a, a_layout), (b, b_layout), (c, c_layout)])
    }
}

impl Embedding<'_> {
    fn sum(&self, tables: &[(&CpuStorage, &Layout)]) -> Result<(CpuStorage, Shape)> {
        let (tokens, (_, width)) = (self.rows[0].len(), tables[0].1.shape().dims2()?);
        let mut y = vec![0.0_f32; tokens * width];
        for (i, ((table, layout), rows)) in tables.iter().zip(&self.rows).enumerate() {
            if layout.shape().dims2()?.1 != width || rows.len() != tokens {
                bail!("{NAME} needs tables of one width and a row in each for every token");
            }
            for (y, &index) in y.chunks_exact_mut(width).zip(*rows) {
                // Of a table of another format only the rows that are needed are widened.
                let row = values(NAME, table, &row(layout, index as usize)?)?;
                if i == 0 {
                    y.copy_from_slice(&row);
                } else {
                    y.iter_mut().zip(row.iter()).for_each(|(y, v)| *y += v);
                }
            }
        }
        Ok((store_as(tables[0].0, y), Shape::from((tokens, width))))
    }

    #[cfg(feature = "cuda")]
    fn sum_on_gpu(&self, tables: &[(&CudaStorage, &Layout)]) -> Result<(CudaStorage, Shape)> {
        let lookups: Vec<_> = tables.iter().copied().zip(self.rows.iter().copied()).collect();
        let y = isoscope_cuda::embed(&lookups)?;
        Ok((y, Shape::from((self.rows[0].len(), tables[0].1.shape().dims2()?.1))))
    }
}

/// Returns where a row of a table lies.
fn row(table: &Layout, index: usize) -> Result<Layout> {
    let (rows, _) = table.shape().dims2()?;
    if index >= rows {
        bail!("{NAME} row {index} is outside a table of {rows}");
    }
    table.narrow(0, index, 1)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used)]

    use candle_core::Device;

    use super::*;

    fn table(rows: usize, scale: f32) -> Tensor {
        let values: Vec<f32> = (0..rows * 2).map(|i| i as f32 * scale).collect();
        Tensor::from_vec(values, (rows, 2), &Device::Cpu).unwrap()
    }

    fn sum(lookups: &[(&Tensor, &[u32])]) -> Result<Vec<Vec<f32>>> {
        let lookups: Vec<_> = lookups.iter().map(|&(table, rows)| Lookup { table, rows }).collect();
        embed(&lookups)?.to_vec2()
    }

    #[test]
    fn the_rows_of_one_two_or_three_tables_are_added_up() {
        let (a, b, c) = (table(4, 1.0), table(2, 100.0), table(2, 1000.0));
        let (words, types, places): (&[u32], &[u32], &[u32]) = (&[3, 1, 2], &[0, 0, 1], &[0, 1, 0]);
        let one = sum(&[(&a, words)]).unwrap();
        assert_eq!(one, [[6.0, 7.0], [2.0, 3.0], [4.0, 5.0]]);
        let two = sum(&[(&a, words), (&c, types)]).unwrap();
        assert_eq!(two, [[6.0, 1007.0], [2.0, 1003.0], [2004.0, 3005.0]]);
        let three = sum(&[(&a, words), (&c, types), (&b, places)]).unwrap();
        assert_eq!(three, [[6.0, 1107.0], [202.0, 1303.0], [2004.0, 3105.0]]);
    }

    #[test]
    fn what_does_not_fit_together_is_an_error() {
        let (a, b) = (table(4, 1.0), table(2, 1.0));
        let wide = Tensor::zeros((2, 3), candle_core::DType::F32, &Device::Cpu).unwrap();
        let message = sum(&[(&a, &[4])]).unwrap_err().to_string();
        assert!(message.contains("row 4 is outside a table of 4"), "{message}");
        assert!(sum(&[(&a, &[0]), (&wide, &[0])]).is_err());
        assert!(sum(&[(&a, &[0, 1]), (&b, &[0])]).is_err());
        assert!(sum(&[]).is_err());
    }
}
