//! A tile: a few rows and columns of a product, summed up in registers.

use crate::number::{Number, Vectors};
use pulp::Simd;

/// Rows of a tile. With [`TILE_VECTORS`] vectors each they fill 12 registers; two more hold a step of a panel and one a value of a
/// row: 15 of the 16 that AVX2 has.
pub(crate) const TILE_ROWS: usize = 6;

/// Vectors in a row of a tile.
pub(crate) const TILE_VECTORS: usize = 2;

/// Steps that are written out in the inner loop, so that counting takes a small share of its instructions.
const UNROLL: usize = 4;

/// The sums of a tile, by row.
pub(crate) type Tile<T, S> = [Sums<T, S>; TILE_ROWS];

/// The sums of a row of a tile.
pub(crate) type Sums<T, S> = [<T as Vectors>::Vector<S>; TILE_VECTORS];

/// The columns of a tile, and so of a panel.
#[inline(always)]
pub(crate) fn tile_columns<T: Number, S: Simd>() -> usize {
    TILE_VECTORS * T::lanes::<S>()
}

/// Multiplies a packed strip of rows by the same steps of a panel.
#[inline(always)]
pub(crate) fn tile<T: Number, S: Simd>(simd: S, rows: &[T], panel: &[T]) -> Tile<T, S> {
    let (rows, _) = rows.as_chunks::<TILE_ROWS>();
    let (panel, _) = T::vectors::<S>(panel).as_chunks::<TILE_VECTORS>();
    let (rows, last_rows) = rows.as_chunks::<UNROLL>();
    let (panel, last_panel) = panel.as_chunks::<UNROLL>();
    let mut tile = [[T::splat(simd, T::ZERO); TILE_VECTORS]; TILE_ROWS];
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
fn add_outer_product<T: Number, S: Simd>(
    simd: S,
    tile: &mut Tile<T, S>,
    rows: &[T; TILE_ROWS],
    panel: &Sums<T, S>,
) {
    for row in 0..TILE_ROWS {
        let value = T::splat(simd, rows[row]);
        for vector in 0..TILE_VECTORS {
            tile[row][vector] = T::mul_add(simd, value, panel[vector], tile[row][vector]);
        }
    }
}

/// What sums are added to.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Onto<'a, T> {
    /// Nothing: they replace what stands in the result.
    Nothing,
    /// A value for each column of the tile.
    Values(&'a [T]),
    /// What stands in the result.
    Result,
}

/// Writes the sums of a row of a tile; a last panel may have fewer columns.
#[inline(always)]
pub(crate) fn store<T: Number, S: Simd>(simd: S, sums: Sums<T, S>, onto: Onto<'_, T>, result: &mut [T]) {
    let lanes = T::lanes::<S>();
    if result.len() == TILE_VECTORS * lanes {
        let result = T::vectors_mut::<S>(result);
        for vector in 0..TILE_VECTORS {
            result[vector] = match onto {
                Onto::Nothing => sums[vector],
                Onto::Values(values) => T::add(simd, sums[vector], T::vectors::<S>(values)[vector]),
                Onto::Result => T::add(simd, sums[vector], result[vector]),
            };
        }
        return;
    }
    for (vector, (sums, result)) in sums.into_iter().zip(result.chunks_mut(lanes)).enumerate() {
        let sums = match onto {
            Onto::Nothing => sums,
            Onto::Values(values) => {
                let values = &values[vector * lanes..][..result.len()];
                T::add(simd, sums, T::load(simd, values))
            }
            Onto::Result => T::add(simd, sums, T::load(simd, result)),
        };
        T::store(simd, result, sums);
    }
}
