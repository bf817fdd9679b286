//! The rows that may still be among the k nearest of one row.

use crate::cloud::Cloud;

/// A row and its squared distance, exact or within the slack of the product.
#[derive(Clone, Copy, Default)]
struct Candidate {
    square: f64,
    index: u32,
    exact: bool,
}

impl Candidate {
    fn upper(self, cloud: &Cloud<'_>, row: usize) -> f64 {
        if self.exact { self.square } else { self.square + cloud.slack(row, self.index as usize) }
    }

    fn lower(self, cloud: &Cloud<'_>, row: usize) -> f64 {
        if self.exact { self.square } else { self.square - cloud.slack(row, self.index as usize) }
    }
}

/// Rows that are compared with all others before the next are read.
const TILE: usize = 1024;

/// Computes the squared distance of a candidate exactly.
fn compute(cloud: &Cloud<'_>, row: usize, candidate: &mut Candidate) {
    if !candidate.exact {
        candidate.square = cloud.exact(row, candidate.index as usize);
        candidate.exact = true;
    }
}

/// The candidates of all rows, at most `capacity` a row.
///
/// A candidate leaves only when k others are certainly as near: its lower bound exceeds the k-th smallest upper bound. When
/// too many stay because the bounds overlap, their distances are computed exactly and k remain. So memory is bounded, and no
/// true neighbour is lost to rounding.
pub(crate) struct Candidates {
    k: usize,
    capacity: usize,
    slots: Vec<Candidate>,
    lens: Vec<u32>,
    /// Per row: `least upper bound of the k-th distance − own share of the lower bound`. A pair with
    /// `share of the other − 2ab` below it is a candidate.
    limits: Vec<f64>,
    scratch: Vec<f64>,
}

impl Candidates {
    pub(crate) fn new(rows: usize, k: usize) -> Self {
        let capacity = 2 * k + 32;
        Self {
            k,
            capacity,
            slots: vec![Candidate::default(); rows * capacity],
            lens: vec![0; rows],
            limits: vec![f64::INFINITY; rows],
            scratch: Vec::with_capacity(capacity),
        }
    }

    /// Returns the limits of all rows.
    pub(crate) fn limits(&self) -> &[f64] {
        &self.limits
    }

    /// Adds a candidate of a row; candidates come in ascending order of their index.
    pub(crate) fn push(&mut self, cloud: &Cloud<'_>, row: usize, index: usize, square: f64) {
        let len = self.lens[row] as usize;
        self.slots[row * self.capacity + len] = Candidate { square, index: index as u32, exact: false };
        self.lens[row] += 1;
        if len + 1 == self.capacity {
            self.shrink(cloud, row);
        }
    }

    /// Drops what is certainly not among the k nearest, and lowers the limit.
    fn shrink(&mut self, cloud: &Cloud<'_>, row: usize) {
        let kept = self.certain(cloud, row);
        let kth = if kept > self.k + (self.capacity - self.k) / 2 {
            self.settle(cloud, row, kept);
            self.slots[row * self.capacity..][..self.k].iter().map(|c| c.square).fold(0.0, f64::max)
        } else {
            self.lens[row] = kept as u32;
            self.scratch[self.k - 1]
        };
        // Nothing is nearer than 0, and an equally near row with a greater index does not replace one that is kept.
        self.limits[row] = if kth <= 0.0 { f64::NEG_INFINITY } else { kth - cloud.lower_share(row) };
    }

    /// Moves to the front what may be among the k nearest, and answers how many these are. The k-th smallest upper bound
    /// is at `scratch[k − 1]`.
    fn certain(&mut self, cloud: &Cloud<'_>, row: usize) -> usize {
        let len = self.lens[row] as usize;
        let slots = &mut self.slots[row * self.capacity..][..len];
        self.scratch.clear();
        self.scratch.extend(slots.iter().map(|c| c.upper(cloud, row)));
        let (_, kth, _) = self.scratch.select_nth_unstable_by(self.k - 1, f64::total_cmp);
        let kth = *kth;
        let mut kept = 0;
        for at in 0..len {
            if slots[at].lower(cloud, row) <= kth {
                slots[kept] = slots[at];
                kept += 1;
            }
        }
        kept
    }

    /// Computes the first `len` candidates of a row exactly and keeps the k nearest, of equally near ones those with the
    /// least indices.
    fn settle(&mut self, cloud: &Cloud<'_>, row: usize, len: usize) {
        let slots = &mut self.slots[row * self.capacity..][..len];
        for candidate in slots.iter_mut() {
            compute(cloud, row, candidate);
        }
        if len > self.k {
            slots.select_nth_unstable_by(self.k - 1, |a, b| {
                a.square.total_cmp(&b.square).then(a.index.cmp(&b.index))
            });
        }
        self.lens[row] = self.k.min(len) as u32;
    }

    /// Computes the distances of all that may be among the k nearest. The rows that are met stay in the cache: those of a
    /// tile are compared with all rows before the next tile is read.
    pub(crate) fn refine(&mut self, cloud: &Cloud<'_>) {
        let n = self.lens.len();
        let mut done = vec![0_usize; n];
        for row in 0..n {
            let kept = self.certain(cloud, row);
            self.slots[row * self.capacity..][..kept].sort_unstable_by_key(|c| c.index);
            self.lens[row] = kept as u32;
        }
        for end in (0..n + TILE).step_by(TILE).skip(1) {
            for (row, done) in done.iter_mut().enumerate() {
                let slots = &mut self.slots[row * self.capacity..][..self.lens[row] as usize];
                while let Some(candidate) = slots.get_mut(*done).filter(|c| (c.index as usize) < end) {
                    compute(cloud, row, candidate);
                    *done += 1;
                }
            }
        }
    }

    /// Writes the k nearest of a row in order, squared distances and indices, once all rows are refined.
    pub(crate) fn write(&mut self, cloud: &Cloud<'_>, row: usize, squares: &mut [f64], indices: &mut [u32]) {
        self.settle(cloud, row, self.lens[row] as usize);
        let nearest = &mut self.slots[row * self.capacity..][..self.k];
        nearest.sort_unstable_by(|a, b| a.square.total_cmp(&b.square).then(a.index.cmp(&b.index)));
        for ((square, index), nearest) in squares.iter_mut().zip(indices).zip(nearest) {
            (*square, *index) = (nearest.square, nearest.index);
        }
    }
}
