//! H₁ of the Vietoris–Rips filtration by persistent cohomology.

use std::cmp::Reverse;
use std::collections::{BTreeSet, BinaryHeap, HashMap};

use isoscope_plugin_sdk::prelude::*;

/// A loop that appears at one scale and is filled at another.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Interval {
    /// Scale at which it appears.
    pub birth: f64,
    /// Scale at which it is filled.
    pub death: f64,
}

impl Interval {
    /// Returns how long the loop persists.
    #[must_use]
    pub fn length(self) -> f64 {
        self.death - self.birth
    }
}

/// A simplex as the filtration orders it: the bits of its diameter, which order like the number because it is not negative,
/// then its vertices.
type Key = (u64, u64);

/// The edges and triangles of a filtration up to the radius at which it becomes a cone.
struct Filtration<'a> {
    distances: &'a Array2<f64>,
    radius: f64,
}

impl Filtration<'_> {
    fn len(&self) -> u64 {
        self.distances.nrows() as u64
    }

    /// Returns the vertices of an edge, ascending.
    fn ends(&self, edge: Key) -> (usize, usize) {
        ((edge.1 / self.len()) as usize, (edge.1 % self.len()) as usize)
    }

    /// Lists the edges in the order in which they appear.
    fn edges(&self) -> Vec<Key> {
        let n = self.distances.nrows();
        let pairs = (0..n).flat_map(|a| (a + 1..n).map(move |b| (a, b)));
        let mut edges: Vec<Key> = pairs
            .filter(|pair| self.distances[*pair] <= self.radius)
            .map(|(a, b)| (self.distances[(a, b)].to_bits(), (a * n + b) as u64))
            .collect();
        edges.sort_unstable();
        edges
    }

    /// Visits the triangles that contain an edge.
    fn triangles(&self, edge: Key, mut visit: impl FnMut(Key)) {
        let (a, b) = self.ends(edge);
        let own = f64::from_bits(edge.0);
        for c in (0..self.distances.nrows()).filter(|c| *c != a && *c != b) {
            let diameter = own.max(self.distances[(a, c)]).max(self.distances[(b, c)]);
            if diameter <= self.radius {
                let (x, y, z) = if c < a {
                    (c, a, b)
                } else if c < b {
                    (a, c, b)
                } else {
                    (a, b, c)
                };
                let n = self.len();
                visit((diameter.to_bits(), (x as u64 * n + y as u64) * n + z as u64));
            }
        }
    }

    fn first_triangle(&self, edge: Key) -> Option<Key> {
        let mut first = None;
        self.triangles(edge, |triangle| {
            first = Some(first.map_or(triangle, |first: Key| first.min(triangle)));
        });
        first
    }
}

/// Computes the intervals of positive length of H₁ with coefficients modulo 2, longest first, from the n×n distances.
///
/// Edges that join two components pair with H₀ and are left out (clearing). The coboundaries of the others are reduced from
/// the last edge to the first; the pivot of a column is its first triangle. A column whose first triangle is nobody's pivot is
/// reduced as it stands and is never written down. Beyond the smallest radius about a row that contains all rows, the
/// complex is a cone and nothing happens.
pub(crate) fn loops(distances: &Array2<f64>) -> Vec<Interval> {
    let farthest = |row: ArrayView1<'_, f64>| row.iter().copied().fold(0.0, f64::max);
    let radius = distances.rows().into_iter().map(farthest).fold(f64::INFINITY, f64::min);
    let filtration = Filtration { distances, radius };
    let edges = filtration.edges();
    let cycles = without_spanning_forest(&filtration, &edges);
    // Pivot triangle → the edge of its column; edge → the further edges whose coboundaries were added to it.
    let mut owners: HashMap<Key, Key> = HashMap::new();
    let mut chains: HashMap<Key, Vec<Key>> = HashMap::new();
    let mut intervals = Vec::new();
    for edge in cycles.into_iter().rev() {
        let pivot = match filtration.first_triangle(edge) {
            Some(first) if owners.contains_key(&first) => reduce(&filtration, edge, &owners, &mut chains),
            first => first,
        };
        if let Some(triangle) = pivot {
            owners.insert(triangle, edge);
            let (birth, death) = (f64::from_bits(edge.0), f64::from_bits(triangle.0));
            if death > birth {
                intervals.push(Interval { birth, death });
            }
        }
    }
    intervals.sort_by(|a, b| b.length().total_cmp(&a.length()).then(a.birth.total_cmp(&b.birth)));
    intervals
}

/// Adds the columns of other edges to that of an edge until its first triangle is no other column's pivot.
fn reduce(
    filtration: &Filtration<'_>,
    edge: Key,
    owners: &HashMap<Key, Key>,
    chains: &mut HashMap<Key, Vec<Key>>,
) -> Option<Key> {
    let mut column = BinaryHeap::new();
    let mut chain = BTreeSet::new();
    filtration.triangles(edge, |triangle| column.push(Reverse(triangle)));
    let pivot = loop {
        let Some(pivot) = pop(&mut column) else { break None };
        let Some(owner) = owners.get(&pivot) else { break Some(pivot) };
        // The pivot was taken off; the owner's column brings it back once more, so put it back to cancel.
        column.push(Reverse(pivot));
        let further = chains.get(owner).map_or(&[][..], Vec::as_slice);
        for added in core::iter::once(owner).chain(further) {
            if !chain.remove(added) {
                chain.insert(*added);
            }
            filtration.triangles(*added, |triangle| column.push(Reverse(triangle)));
        }
    };
    chains.insert(edge, chain.into_iter().collect());
    pivot
}

/// Takes off the first triangle that is there an odd number of times.
fn pop(column: &mut BinaryHeap<Reverse<Key>>) -> Option<Key> {
    while let Some(Reverse(first)) = column.pop() {
        let mut odd = true;
        while column.peek() == Some(&Reverse(first)) {
            column.pop();
            odd = !odd;
        }
        if odd {
            return Some(first);
        }
    }
    None
}

/// Keeps the edges that close a cycle when they appear (Kruskal).
fn without_spanning_forest(filtration: &Filtration<'_>, edges: &[Key]) -> Vec<Key> {
    let mut parents: Vec<usize> = (0..filtration.distances.nrows()).collect();
    let mut root = |mut vertex: usize, join: Option<usize>| {
        while parents[vertex] != vertex {
            parents[vertex] = parents[parents[vertex]];
            vertex = parents[vertex];
        }
        if let Some(other) = join {
            parents[vertex] = other;
        }
        vertex
    };
    let closes = |edge: &&Key| {
        let (a, b) = filtration.ends(**edge);
        let (a, b) = (root(a, None), root(b, None));
        root(a, Some(b));
        a == b
    };
    edges.iter().filter(closes).copied().collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Reduces the whole boundary matrix of triangles, column by column.
    fn by_boundary_matrix(distances: &Array2<f64>) -> Vec<Interval> {
        let filtration = Filtration { distances, radius: f64::INFINITY };
        let edges = filtration.edges();
        let mut triangles = BTreeSet::new();
        for edge in &edges {
            filtration.triangles(*edge, |triangle| _ = triangles.insert(triangle));
        }
        let n = filtration.len();
        let place = |a: u64, b: u64| edges.iter().position(|edge| edge.1 == a * n + b).unwrap_or(usize::MAX);
        let mut columns: HashMap<usize, BTreeSet<usize>> = HashMap::new();
        let mut intervals = Vec::new();
        for triangle in triangles {
            let (a, b, c) = (triangle.1 / n / n, triangle.1 / n % n, triangle.1 % n);
            let mut column = BTreeSet::from([place(a, b), place(a, c), place(b, c)]);
            while let Some(other) = column.last().and_then(|last| columns.get(last)) {
                column = column.symmetric_difference(other).copied().collect();
            }
            if let Some(last) = column.last().copied() {
                let (birth, death) = (f64::from_bits(edges[last].0), f64::from_bits(triangle.0));
                columns.insert(last, column);
                if death > birth {
                    intervals.push(Interval { birth, death });
                }
            }
        }
        intervals.sort_by(|a, b| b.length().total_cmp(&a.length()).then(a.birth.total_cmp(&b.birth)));
        intervals
    }

    fn distances(points: &[(f64, f64)]) -> Array2<f64> {
        Array2::from_shape_fn((points.len(), points.len()), |(i, j)| {
            (points[i].0 - points[j].0).hypot(points[i].1 - points[j].1)
        })
    }

    fn cloud(n: usize, seed: u64) -> Vec<(f64, f64)> {
        let mut state = seed;
        let mut draw = || {
            state = state.wrapping_mul(0x5851_F42D_4C95_7F2D).wrapping_add(0x1405_7B7E_F767_814F);
            (state >> 11) as f64 / (1_u64 << 53) as f64
        };
        (0..n).map(|_| (draw(), draw())).collect()
    }

    #[test]
    fn random_clouds_have_the_loops_of_the_boundary_matrix() {
        let mut total = 0;
        for seed in 0..25 {
            let distances = distances(&cloud(18, seed));
            let found = loops(&distances);
            assert_eq!(found, by_boundary_matrix(&distances), "seed {seed}");
            total += found.len();
        }
        assert!(total > 20, "{total}");
    }

    #[test]
    fn grids_full_of_ties_have_the_loops_of_the_boundary_matrix() {
        let grid: Vec<(f64, f64)> = (0..20).map(|i| (f64::from(i % 5), f64::from(i / 5))).collect();
        let distances = distances(&grid);
        let found = loops(&distances);
        assert_eq!(found, by_boundary_matrix(&distances));
        // One loop for every cell, from its side to its diagonal.
        assert_eq!(found.len(), 12);
        assert!(found.iter().all(|l| l.birth.to_bits() == 1.0_f64.to_bits()), "{found:?}");
    }

    #[test]
    fn the_corners_of_a_square_make_a_loop_from_side_to_diagonal() {
        let found = loops(&distances(&[(0.0, 0.0), (1.0, 0.0), (1.0, 1.0), (0.0, 1.0)]));
        assert_eq!(found, [Interval { birth: 1.0, death: 2.0_f64.sqrt() }]);
        assert_eq!(loops(&distances(&[(0.0, 0.0), (1.0, 0.0), (0.5, 0.8)])), []);
    }
}
