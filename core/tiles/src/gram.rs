//! Products of a matrix with its own transpose.

use crate::Rows;
use crate::tile::{Onto, TILE_ROWS, TILE_VECTORS, store, tile, tile_columns};
use pulp::{Arch, Simd, WithSimd};
use std::cell::RefCell;

/// Rows of the matrix that are taken at a time, and so terms of a chain: the columns of a block, 288 KiB of so many rows, take about
/// half a second cache.
const DEPTH: usize = 192;

/// Columns of a block.
const BLOCK_COLUMNS: usize = 32 * TILE_ROWS;

/// Rows that are packed at a time, so that what is read of a row stays in the caches until the next columns of it are wanted.
const PACKED_ROWS: usize = 16;

/// Adds (X − 1cᵀ)ᵀ(X − 1cᵀ) to the lower triangle of `gram`, d×d row by row, for X of n×d and a centre c of d values. What stands
/// above the diagonal may change too, and means nothing.
///
/// # Panics
/// When `gram` or `centre` is not of the width of the rows.
pub fn add_gram(rows: Rows<'_, f64>, centre: &[f64], gram: &mut [f64]) {
    thread_local! {
        /// Kept, because its pages would be fetched anew for every product.
        static SCRATCH: RefCell<Scratch> = RefCell::default();
    }
    let d = rows.width;
    assert_eq!((centre.len(), gram.len()), (d, d * d), "centre and product must be as wide as the rows");
    SCRATCH.with_borrow_mut(|scratch| Arch::new().dispatch(AddGram { rows, centre, gram, scratch }));
}

/// The same rows of a matrix, laid out twice.
#[derive(Default)]
pub(crate) struct Scratch {
    /// As many columns together as a tile has rows.
    strips: Vec<f64>,
    /// As many columns together as a tile has columns.
    panels: Vec<f64>,
}

pub(crate) struct AddGram<'a> {
    pub(crate) rows: Rows<'a, f64>,
    pub(crate) centre: &'a [f64],
    pub(crate) gram: &'a mut [f64],
    pub(crate) scratch: &'a mut Scratch,
}

impl WithSimd for AddGram<'_> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(self, simd: S) {
        let Self { rows, centre, gram, scratch: Scratch { strips, panels } } = self;
        let (d, panel_width) = (rows.width, tile_columns::<f64, S>());
        for rows in rows.blocks(DEPTH) {
            let steps = rows.count();
            pack_columns::<TILE_ROWS>(rows, centre, strips);
            match panel_width {
                16 => pack_columns::<16>(rows, centre, panels),
                8 => pack_columns::<8>(rows, centre, panels),
                4 => pack_columns::<4>(rows, centre, panels),
                _ => pack_columns::<TILE_VECTORS>(rows, centre, panels),
            }
            let blocks = strips.chunks(BLOCK_COLUMNS * steps).zip((0..d).step_by(BLOCK_COLUMNS));
            for (strips, first) in blocks {
                let last = (first + BLOCK_COLUMNS).min(d);
                let panels = panels.chunks_exact(panel_width * steps).zip((0..last).step_by(panel_width));
                for (panel, from) in panels {
                    let to = (from + panel_width).min(d);
                    let strips = strips.chunks_exact(TILE_ROWS * steps).zip((first..d).step_by(TILE_ROWS));
                    // A strip whose last row ends before the panel begins lies above the diagonal.
                    for (strip, top) in strips.filter(|(_, top)| top + TILE_ROWS > from) {
                        let tile = tile(simd, strip, panel);
                        for (sums, result) in tile.iter().zip(gram[top * d..].chunks_mut(d)) {
                            store(simd, *sums, Onto::Result, &mut result[from..to]);
                        }
                    }
                }
            }
        }
    }
}

/// Lays out the columns of centred rows in groups of `W`, a row of a group together. What a last group lacks is left as it was:
/// nothing that is computed of it is stored.
#[inline(always)]
fn pack_columns<const W: usize>(rows: Rows<'_, f64>, centre: &[f64], groups: &mut Vec<f64>) {
    let (d, n) = (rows.width, rows.count());
    let length = d.div_ceil(W) * W * n;
    if groups.len() < length {
        groups.resize(length, 0.0);
    }
    for (part, some) in rows.blocks(PACKED_ROWS).enumerate() {
        let places = groups.chunks_exact_mut(W * n).zip((0..d).step_by(W));
        for (group, from) in places {
            let (steps, _) = group[part * PACKED_ROWS * W..].as_chunks_mut::<W>();
            if let Some(centre) = centre[from..].first_chunk::<W>() {
                for (step, row) in steps.iter_mut().zip(some.iter()) {
                    if let Some(x) = row[from..].first_chunk::<W>() {
                        *step = std::array::from_fn(|j| x[j] - centre[j]);
                    }
                }
            } else {
                for (step, row) in steps.iter_mut().zip(some.iter()) {
                    for ((value, x), centre) in step.iter_mut().zip(&row[from..]).zip(&centre[from..]) {
                        *value = x - centre;
                    }
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sample(count: usize) -> Vec<f64> {
        (0..count).map(|i| (i as f64 * 0.37).sin() + ((i * 31) % 23) as f64 * 0.1).collect()
    }

    #[test]
    fn every_size_around_tiles_blocks_and_depths_gives_the_product() {
        for n in [1, 2, PACKED_ROWS + 1, DEPTH, DEPTH + 5] {
            for d in [1, 5, 6, 7, 8, 9, 17, BLOCK_COLUMNS, BLOCK_COLUMNS + 13] {
                let (x, centre) = (sample(n * d), sample(d));
                let mut gram = vec![0.5; d * d];
                add_gram(Rows::contiguous(&x, d), &centre, &mut gram);
                let at = |i: usize, j: usize| x[i * d + j] - centre[j];
                // All pairs of a narrow matrix, and those near the ends of a wide one.
                let ends = |i: &usize| *i < 20 || *i + 20 > d;
                for i in (0..d).filter(ends) {
                    for j in (0..=i).filter(ends) {
                        let expected = 0.5 + (0..n).map(|k| at(k, i) * at(k, j)).sum::<f64>();
                        assert!(
                            (gram[i * d + j] - expected).abs() < 1e-12 * n as f64 * 10.0,
                            "{n}x{d}: {i}, {j}"
                        );
                    }
                }
            }
        }
    }

    #[test]
    fn a_number_is_one_chain_of_fused_multiply_adds_for_each_depth_of_rows() {
        let (n, d) = (2 * DEPTH + 3, 13);
        let (x, centre) = (sample(n * d), sample(d));
        let mut gram = vec![0.0; d * d];
        add_gram(Rows::contiguous(&x, d), &centre, &mut gram);
        for i in 0..d {
            for j in 0..=i {
                let chain = |rows: &[f64]| {
                    rows.chunks(d)
                        .fold(0.0, |sum: f64, row| (row[i] - centre[i]).mul_add(row[j] - centre[j], sum))
                };
                let expected = x.chunks(DEPTH * d).map(chain).fold(0.0, |sum, chain| sum + chain);
                assert_eq!(gram[i * d + j].to_bits(), expected.to_bits(), "{i}, {j}");
            }
        }
    }

    #[test]
    fn no_rows_add_nothing_and_rows_of_a_wider_matrix_are_read_where_they_are() {
        let mut gram = [1.0; 4];
        add_gram(Rows { values: &[], stride: 2, width: 2 }, &[3.0, 4.0], &mut gram);
        assert_eq!(gram.map(f64::to_bits), [1.0_f64.to_bits(); 4]);
        let rows = Rows { values: &[1.0, 2.0, 9.0, 3.0, 5.0], stride: 3, width: 2 };
        add_gram(rows, &[1.0, 1.0], &mut gram);
        assert_eq!([gram[0], gram[2], gram[3]].map(f64::to_bits), [5.0_f64, 9.0, 18.0].map(f64::to_bits));
    }
}
