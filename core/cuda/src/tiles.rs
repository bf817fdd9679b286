//! How attention cuts packed sequences.

/// Queries that a block serves together.
pub(crate) const QUERIES: usize = 16;

/// Cuts sequences into tiles of queries: first query, begin and end of the sequence, three numbers a tile.
pub(crate) fn tiles(offsets: &[usize]) -> Vec<u32> {
    let mut tiles = Vec::new();
    for bounds in offsets.windows(2) {
        for first in (bounds[0]..bounds[1]).step_by(QUERIES) {
            tiles.extend([first as u32, bounds[0] as u32, bounds[1] as u32]);
        }
    }
    tiles
}
