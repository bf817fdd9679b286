//! Matrix products, a tile of the result at a time.
//!
//! Each number of a result is one chain of fused multiply-adds per [`DEPTH`] terms, in their order, and the chains are added in
//! theirs. So a row of a result depends on its own row alone, whatever rows stand beside it, and has the same bits on every processor
//! that has fused multiply-add, whatever the width of its vectors.
//!
//! The blocking is that of Goto & van de Geijn (2008, ACM TOMS 34(3), §4): a tile of the result in registers, a panel of the right
//! matrix in the first cache, a block of rows of the left one in the second.
#![allow(clippy::inline_always)] // only an inlined body is compiled for the instruction set of its caller

use pulp::{Arch, Simd, WithSimd};

/// Rows of a tile. With [`TILE_VECTORS`] vectors each they fill 12 registers; two more hold a step of a panel and one a value of a
/// row: 15 of the 16 that AVX2 has.
const TILE_ROWS: usize = 6;

/// Vectors in a row of a tile.
const TILE_VECTORS: usize = 2;

/// Terms taken at a time: as many steps of a panel, 24 KiB under AVX2, stay in the first cache while the rows of a block go by.
pub(super) const DEPTH: usize = 384;

/// Rows of a block: [`DEPTH`] terms of them take 288 KiB, about half a second cache.
pub(super) const BLOCK_ROWS: usize = 32 * TILE_ROWS;

/// Steps that are written out in the inner loop, so that counting takes a small share of its instructions.
const UNROLL: usize = 4;

/// Vectors narrower than this mean a processor without fused multiply-add.
const LEAST_LANES: usize = 4;

/// Rows of `width` values that begin every `stride` values.
#[derive(Clone, Copy)]
pub(super) struct Rows<'a> {
    pub(super) values: &'a [f32],
    pub(super) stride: usize,
    pub(super) width: usize,
}

impl<'a> Rows<'a> {
    fn iter(self) -> impl Iterator<Item = &'a [f32]> {
        self.values.chunks(self.stride).map(move |row| &row[..self.width])
    }

    pub(super) fn count(self) -> usize {
        self.values.len().div_ceil(self.stride)
    }

    /// The rows in blocks of `count`.
    fn blocks(self, count: usize) -> impl Iterator<Item = Self> {
        self.values.chunks(count * self.stride).map(move |values| Self { values, ..self })
    }
}

/// Tells whether tiles pay on this processor.
pub(super) fn pay() -> bool {
    Arch::new().dispatch(Lanes) >= LEAST_LANES
}

/// Asks for the number of f32 in a vector.
struct Lanes;

impl WithSimd for Lanes {
    type Output = usize;

    fn with_simd<S: Simd>(self, _: S) -> usize {
        S::F32_LANES
    }
}

/// The columns of a panel.
pub(super) const fn panel_width<S: Simd>() -> usize {
    TILE_VECTORS * S::F32_LANES
}

/// Lays out the transpose of `right` in panels of as many of its rows as a tile has columns, step by step; the last panel is filled up
/// with zeros.
#[inline(always)]
pub(super) fn pack_transposed<S: Simd>(right: Rows<'_>, panels: &mut Vec<f32>) {
    let width = panel_width::<S>();
    panels.clear();
    panels.resize(right.count().div_ceil(width) * width * right.width, 0.0);
    let blocks = panels.chunks_exact_mut(width * right.width).zip(right.blocks(width));
    for (panel, rows) in blocks {
        for (group, rows) in rows.blocks(4).enumerate() {
            let column = 4 * group;
            let mut rows = rows.iter();
            let four = [rows.next(), rows.next(), rows.next(), rows.next()];
            if let [Some(a), Some(b), Some(c), Some(d)] = four {
                let values = a.iter().zip(b).zip(c).zip(d);
                for (step, (((a, b), c), d)) in panel.chunks_exact_mut(width).zip(values) {
                    step[column..column + 4].copy_from_slice(&[*a, *b, *c, *d]);
                }
            } else {
                for (place, row) in four.into_iter().flatten().enumerate() {
                    for (step, value) in panel.chunks_exact_mut(width).zip(row) {
                        step[column + place] = *value;
                    }
                }
            }
        }
    }
}

/// Lays out `right` in panels of as many of its columns as a tile has, step by step; the last panel is filled up with zeros.
#[inline(always)]
pub(super) fn pack_plain<S: Simd>(right: Rows<'_>, panels: &mut Vec<f32>) {
    let width = panel_width::<S>();
    panels.clear();
    panels.resize(right.width.div_ceil(width) * width * right.count(), 0.0);
    for (panel, from) in panels.chunks_exact_mut(width * right.count()).zip((0..right.width).step_by(width)) {
        for (step, row) in panel.chunks_exact_mut(width).zip(right.iter()) {
            let columns = &row[from..];
            if columns.len() >= width {
                step.copy_from_slice(&columns[..width]);
            } else {
                step[..columns.len()].copy_from_slice(columns);
            }
        }
    }
}

/// What the first sums are added to.
#[derive(Clone, Copy)]
pub(super) enum Base<'a> {
    /// Nothing: they replace what stands in the result.
    Nothing,
    /// A value for each column of the panels.
    Bias(&'a [f32]),
    /// What stands in the result.
    Result,
}

/// The product of rows with a packed matrix.
pub(super) struct Multiply<'a> {
    pub(super) left: Rows<'a>,
    /// As the packing functions lay them out, of as many steps as the rows have values.
    pub(super) panels: &'a [f32],
    pub(super) base: Base<'a>,
    /// Its rows begin every `stride` values, and those of the product are `columns` wide.
    pub(super) result: &'a mut [f32],
    pub(super) stride: usize,
    pub(super) columns: usize,
    /// Where a block of rows is packed.
    pub(super) block: &'a mut Vec<f32>,
}

impl WithSimd for Multiply<'_> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(self, simd: S) {
        let Self { left, panels, base, result, stride, columns, block } = self;
        let panel_width = panel_width::<S>();
        for (rows, result) in left.blocks(BLOCK_ROWS).zip(result.chunks_mut(BLOCK_ROWS * stride)) {
            pack_rows(rows, block);
            let strips = rows.count().div_ceil(TILE_ROWS);
            for (panel, steps) in panels.chunks_exact(panel_width * left.width).enumerate() {
                let from = panel * panel_width;
                let width = panel_width.min(columns - from);
                let mut packed = &block[..];
                for (part, steps) in steps.chunks(panel_width * DEPTH).enumerate() {
                    let base = match base {
                        _ if part > 0 => Base::Result,
                        Base::Bias(bias) => Base::Bias(&bias[from..from + panel_width]),
                        other => other,
                    };
                    let strip = steps.len() / panel_width * TILE_ROWS;
                    let (rows, rest) = packed.split_at(strips * strip);
                    packed = rest;
                    for (rows, result) in rows.chunks_exact(strip).zip(result.chunks_mut(TILE_ROWS * stride))
                    {
                        let tile = tile(simd, rows, steps);
                        for (sums, result) in tile.iter().zip(result.chunks_mut(stride)) {
                            store(simd, *sums, base, &mut result[from..from + width]);
                        }
                    }
                }
            }
        }
    }
}

/// Packs the rows of a block: [`DEPTH`] values of all of them after each other, and there strip by strip of [`TILE_ROWS`] rows, a
/// column of a strip together. What a last strip lacks is left as it was: nothing that is computed of it is stored.
#[inline(always)]
fn pack_rows(rows: Rows<'_>, block: &mut Vec<f32>) {
    let length = rows.count().div_ceil(TILE_ROWS) * TILE_ROWS * rows.width;
    if block.len() < length {
        block.resize(length, 0.0);
    }
    let mut free = &mut block[..];
    for from in (0..rows.width).step_by(DEPTH) {
        let steps = DEPTH.min(rows.width - from);
        for strip in rows.blocks(TILE_ROWS) {
            let (packed, rest) = free.split_at_mut(steps * TILE_ROWS);
            free = rest;
            let (columns, _) = packed.as_chunks_mut::<TILE_ROWS>();
            let mut parts = strip.iter().map(|row| &row[from..from + steps]);
            if strip.count() == TILE_ROWS {
                let parts: [&[f32]; TILE_ROWS] = std::array::from_fn(|_| parts.next().unwrap_or_default());
                let [a, b, c, d, e, f] = parts;
                let values = a.iter().zip(b).zip(c).zip(d).zip(e).zip(f);
                for (column, (((((a, b), c), d), e), f)) in columns.iter_mut().zip(values) {
                    *column = [*a, *b, *c, *d, *e, *f];
                }
            } else {
                for (place, part) in parts.enumerate() {
                    for (column, value) in columns.iter_mut().zip(part) {
                        column[place] = *value;
                    }
                }
            }
        }
    }
}

/// Multiplies a packed strip of rows by the same steps of a panel.
#[inline(always)]
fn tile<S: Simd>(simd: S, rows: &[f32], panel: &[f32]) -> [[S::f32s; TILE_VECTORS]; TILE_ROWS] {
    let (rows, _) = rows.as_chunks::<TILE_ROWS>();
    let (panel, _) = S::as_simd_f32s(panel);
    let (panel, _) = panel.as_chunks::<TILE_VECTORS>();
    let (rows, last_rows) = rows.as_chunks::<UNROLL>();
    let (panel, last_panel) = panel.as_chunks::<UNROLL>();
    let mut tile = [[simd.splat_f32s(0.0); TILE_VECTORS]; TILE_ROWS];
    for (rows, panel) in rows.iter().zip(panel) {
        for step in 0..UNROLL {
            add_outer_product(simd, &mut tile, &rows[step], &panel[step]);
        }
    }
    for (rows, panel) in last_rows.iter().zip(last_panel) {
        add_outer_product(simd, &mut tile, rows, panel);
    }
    tile
}

#[inline(always)]
fn add_outer_product<S: Simd>(
    simd: S,
    tile: &mut [[S::f32s; TILE_VECTORS]; TILE_ROWS],
    rows: &[f32; TILE_ROWS],
    panel: &[S::f32s; TILE_VECTORS],
) {
    for row in 0..TILE_ROWS {
        let value = simd.splat_f32s(rows[row]);
        for vector in 0..TILE_VECTORS {
            tile[row][vector] = simd.mul_add_f32s(value, panel[vector], tile[row][vector]);
        }
    }
}

/// Writes the sums of a row of a tile, added to their base; a last panel may have fewer columns.
#[inline(always)]
fn store<S: Simd>(simd: S, sums: [S::f32s; TILE_VECTORS], base: Base<'_>, result: &mut [f32]) {
    if result.len() == TILE_VECTORS * S::F32_LANES {
        let (result, _) = S::as_mut_simd_f32s(result);
        for vector in 0..TILE_VECTORS {
            result[vector] = match base {
                Base::Nothing => sums[vector],
                Base::Bias(bias) => simd.add_f32s(sums[vector], S::as_simd_f32s(bias).0[vector]),
                Base::Result => simd.add_f32s(sums[vector], result[vector]),
            };
        }
        return;
    }
    for (vector, (sums, result)) in sums.into_iter().zip(result.chunks_mut(S::F32_LANES)).enumerate() {
        let sums = match base {
            Base::Nothing => sums,
            Base::Bias(bias) => {
                let bias = &bias[vector * S::F32_LANES..][..result.len()];
                simd.add_f32s(sums, simd.partial_load_f32s(bias))
            }
            Base::Result => simd.add_f32s(sums, simd.partial_load_f32s(result)),
        };
        simd.partial_store_f32s(result, sums);
    }
}
