//! Dependency trees: distances from heads, and spanning trees from distances.

use std::collections::BTreeSet;

use isoscope_plugin_sdk::prelude::*;

/// A dependency tree over the words of a sentence.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Tree {
    /// Edges between places of words, the smaller first.
    pub(crate) edges: BTreeSet<(usize, usize)>,
    /// Number of edges between every two words, n×n.
    pub(crate) distances: Array2<f64>,
}

impl Tree {
    /// Reads heads: the place, from 1, of each word's head, 0 for the root. `None` unless they form one tree over all words.
    pub(crate) fn of(heads: &[i64]) -> Option<Self> {
        let n = heads.len();
        let mut edges = BTreeSet::new();
        let mut neighbours = vec![Vec::new(); n];
        for (word, &head) in heads.iter().enumerate() {
            if head == 0 {
                continue;
            }
            let head = usize::try_from(head - 1).ok().filter(|head| *head < n && *head != word)?;
            edges.insert((word.min(head), word.max(head)));
            neighbours[word].push(head);
            neighbours[head].push(word);
        }
        // n words are one tree when one is the root and n − 1 edges reach them all.
        if heads.iter().filter(|head| **head == 0).count() != 1 || edges.len() + 1 != n {
            return None;
        }
        let mut distances = Array2::from_elem((n, n), f64::NAN);
        for start in 0..n {
            distances[[start, start]] = 0.0;
            let mut reached = vec![start];
            let mut next = 0;
            while let Some(&word) = reached.get(next) {
                next += 1;
                for &other in &neighbours[word] {
                    if distances[[start, other]].is_nan() {
                        distances[[start, other]] = distances[[start, word]] + 1.0;
                        reached.push(other);
                    }
                }
            }
            if reached.len() < n {
                return None;
            }
        }
        Some(Self { edges, distances })
    }
}

/// Finds the minimum spanning tree of n×n distances, n above 0 (Prim 1957); among equal edges the first in order is taken.
pub(crate) fn minimum_spanning_tree(distances: ArrayView2<'_, f64>) -> BTreeSet<(usize, usize)> {
    let n = distances.nrows();
    let mut edges = BTreeSet::new();
    // The nearest word of the tree for every word that is not yet in it.
    let mut nearest = vec![Some(0); n];
    nearest[0] = None;
    for _ in 1..n {
        let open = (0..n).filter_map(|word| nearest[word].map(|near| (distances[[near, word]], near, word)));
        let Some((_, near, word)) = open.min_by(|a, b| a.0.total_cmp(&b.0)) else { break };
        edges.insert((near.min(word), near.max(word)));
        nearest[word] = None;
        for other in 0..n {
            if nearest[other].is_some_and(|near| distances[[word, other]] < distances[[near, other]]) {
                nearest[other] = Some(word);
            }
        }
    }
    edges
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn distances_count_edges() {
        // 1 ← 2 → 3 → 4
        let tree = Tree::of(&[2, 0, 2, 3]).unwrap();
        assert_eq!(tree.edges, BTreeSet::from([(0, 1), (1, 2), (2, 3)]));
        assert_eq!(tree.distances.row(0).to_vec(), [0.0, 1.0, 2.0, 3.0]);
    }

    #[test]
    fn heads_that_form_no_tree_are_refused() {
        for heads in [&[0, 0][..], &[2, 1], &[0, 5], &[0, -1], &[0, 2], &[0, 3, 2], &[]] {
            assert_eq!(Tree::of(heads), None, "{heads:?}");
        }
    }

    #[test]
    fn a_tree_is_recovered_from_its_own_distances() {
        let tree = Tree::of(&[3, 1, 0, 3, 4, 4, 6]).unwrap();
        assert_eq!(minimum_spanning_tree(tree.distances.view()), tree.edges);
        assert!(minimum_spanning_tree(Array2::zeros((1, 1)).view()).is_empty());
    }
}
