//! The right matrix of a product, laid out in the order in which tiles take it.

use crate::Rows;
use crate::number::Number;
use crate::tile::tile_columns;
use pulp::{Arch, Simd, WithSimd};

/// A matrix in panels of as many of its columns as a tile has, step by step. What a last panel has beyond the columns means nothing:
/// what is computed of it is not stored. A matrix can be laid out anew in the same memory.
#[derive(Debug, Clone)]
pub struct Panels<T> {
    /// Rows of the matrix.
    pub(crate) depth: usize,
    /// Columns of the matrix.
    pub(crate) columns: usize,
    pub(crate) values: Vec<T>,
}

impl<T> Default for Panels<T> {
    fn default() -> Self {
        Self { depth: 0, columns: 0, values: Vec::new() }
    }
}

impl<T: Number> Panels<T> {
    /// Rows of the matrix: the length of the rows that it can be multiplied by.
    #[must_use]
    pub fn depth(&self) -> usize {
        self.depth
    }

    /// Columns of the matrix: the length of the rows of a product.
    #[must_use]
    pub fn columns(&self) -> usize {
        self.columns
    }

    /// Lays out a matrix as it stands.
    pub fn fill(&mut self, matrix: Rows<'_, T>) {
        (self.depth, self.columns) = (matrix.count(), matrix.width);
        Arch::new().dispatch(Plain(matrix, &mut self.values));
    }

    /// Lays out the transpose of a matrix.
    pub fn fill_transposed(&mut self, matrix: Rows<'_, T>) {
        (self.depth, self.columns) = (matrix.width, matrix.count());
        Arch::new().dispatch(Transposed(matrix, &mut self.values));
    }
}

pub(crate) struct Plain<'a, T>(pub(crate) Rows<'a, T>, pub(crate) &'a mut Vec<T>);

impl<T: Number> WithSimd for Plain<'_, T> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(self, _: S) {
        let Self(matrix, panels) = self;
        let width = tile_columns::<T, S>();
        panels.resize(matrix.width.div_ceil(width) * width * matrix.count(), T::ZERO);
        let from = (0..matrix.width).step_by(width);
        for (panel, from) in panels.chunks_exact_mut(width * matrix.count().max(1)).zip(from) {
            for (step, row) in panel.chunks_exact_mut(width).zip(matrix.iter()) {
                let columns = &row[from..];
                if columns.len() >= width {
                    step.copy_from_slice(&columns[..width]);
                } else {
                    step[..columns.len()].copy_from_slice(columns);
                }
            }
        }
    }
}

/// Rows that are read side by side; a panel is a multiple of so many columns wide, or narrower.
const FOUR: usize = 4;

pub(crate) struct Transposed<'a, T>(pub(crate) Rows<'a, T>, pub(crate) &'a mut Vec<T>);

impl<T: Number> WithSimd for Transposed<'_, T> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(self, _: S) {
        let Self(matrix, panels) = self;
        let width = tile_columns::<T, S>();
        panels.resize(matrix.count().div_ceil(width) * width * matrix.width, T::ZERO);
        let blocks = panels.chunks_exact_mut(width * matrix.width.max(1)).zip(matrix.blocks(width));
        for (panel, rows) in blocks {
            for (group, rows) in rows.blocks(FOUR).enumerate() {
                let column = FOUR * group;
                let mut rows = rows.iter();
                let mut last: &[T] = &[];
                let four: [&[T]; FOUR] = std::array::from_fn(|_| {
                    last = rows.next().unwrap_or(last);
                    last
                });
                let [a, b, c, d] = four;
                let values = a.iter().zip(b).zip(c).zip(d);
                for (step, (((a, b), c), d)) in panel.chunks_exact_mut(width).zip(values) {
                    let place = &mut step[column..(column + FOUR).min(width)];
                    place.copy_from_slice(&[*a, *b, *c, *d][..place.len()]);
                }
            }
        }
    }
}
