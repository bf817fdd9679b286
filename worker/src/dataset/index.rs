//! The sparse index from row to place in the file, built while the rows stream by.

use isoscope_core::facts::{Place, RowIndex};

/// Places kept at most. At 16 bytes each an index stays below 64 KiB, small enough to travel with a plan.
const PLACES: usize = 4096;

/// Keeps the place of every `stride`-th row; when there are too many, every second one is dropped.
pub(super) struct IndexBuilder {
    rows: u64,
    most: usize,
    index: RowIndex,
}

impl IndexBuilder {
    /// Begins an index of no rows.
    pub(super) fn new() -> Self {
        Self::with_places(PLACES)
    }

    /// Begins an index of no rows that keeps at most `most` places, an even number.
    pub(super) fn with_places(most: usize) -> Self {
        Self { rows: 0, most, index: RowIndex { stride: 1, places: Vec::new() } }
    }

    /// Notes where the next row begins.
    pub(super) fn push(&mut self, place: Place) {
        if self.rows.is_multiple_of(self.index.stride) {
            if self.index.places.len() == self.most {
                self.thin();
            }
            self.index.places.push(place);
        }
        self.rows += 1;
    }

    /// Returns the number of rows and the index.
    pub(super) fn finish(self) -> (u64, RowIndex) {
        (self.rows, self.index)
    }

    /// Doubles the stride. The row at hand is a multiple of the new stride too, because `most` is even.
    fn thin(&mut self) {
        let mut nth = 0_usize;
        self.index.places.retain(|_| {
            nth += 1;
            nth % 2 == 1
        });
        self.index.stride *= 2;
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn an_index_stays_small_and_every_place_is_that_of_its_row() {
        for rows in [0_u64, 1, 4096, 4097, 8192, 8193, 100_000] {
            let mut builder = IndexBuilder::new();
            for row in 0..rows {
                builder.push(Place { byte: row * 10, line: row + 1 });
            }
            let (counted, index) = builder.finish();
            assert_eq!(counted, rows);
            assert!(index.places.len() <= PLACES);
            assert!(
                rows <= 1 || index.places.len() as u64 * index.stride >= rows,
                "the index covers all rows"
            );
            for (i, place) in index.places.iter().enumerate() {
                assert_eq!(place.byte, i as u64 * index.stride * 10);
            }
            if rows > 0 {
                let (row, place) = index.at_or_before(rows - 1).unwrap();
                assert_eq!(place.line, row + 1);
                assert!(rows - 1 - row < index.stride);
            }
        }
    }
}
