//! The joint moments of two row-aligned clouds: everything that the one-pass measures need.

use isoscope_plugin_sdk::prelude::*;
use ndarray::Axis;

use crate::{
    joint::{Centred, Joint},
    rows::{centred, squared_norms},
};

/// Rows that are centred and multiplied at a time; the copy of centred rows stays small.
const BLOCK: usize = 2048;

/// Count, means, and central sums of A (n×d₁), B (n×d₂) and of both together. Merging is associative up to
/// rounding.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct CrossMoments {
    n: u64,
    mean_a: Vec<f64>,
    mean_b: Vec<f64>,
    aa: Joint,
    bb: Joint,
    ab: Joint,
}

impl CrossMoments {
    /// Absorbs row-aligned rows, n×d₁ and n×d₂.
    ///
    /// # Errors
    /// [`Error::Invalid`] for rows of another width than before; [`Error::Failed`] when the host's product fails.
    pub(crate) fn absorb(
        &mut self,
        linalg: Linalg,
        a: ArrayView2<'_, f64>,
        b: ArrayView2<'_, f64>,
    ) -> Result<()> {
        for (a, b) in a.axis_chunks_iter(Axis(0), BLOCK).zip(b.axis_chunks_iter(Axis(0), BLOCK)) {
            self.merge(Self::of(linalg, a, b)?)?;
        }
        Ok(())
    }

    /// Takes the moments of some rows, at least one.
    fn of(linalg: Linalg, a: ArrayView2<'_, f64>, b: ArrayView2<'_, f64>) -> Result<Self> {
        let centre = |x: ArrayView2<'_, f64>| {
            let (mean, rows) = centred(x);
            let squares = squared_norms(&rows);
            (mean.to_vec(), Centred { rows, squares })
        };
        let ((mean_a, p), (mean_b, q)) = (centre(a), centre(b));
        let n = a.nrows() as u64;
        Ok(Self {
            n,
            mean_a,
            mean_b,
            aa: Joint::of(linalg, &p, &p)?,
            bb: Joint::of(linalg, &q, &q)?,
            ab: Joint::of(linalg, &p, &q)?,
        })
    }

    /// Adds the moments of other rows (Chan et al. 1979, carried to the fourth order).
    ///
    /// # Errors
    /// [`Error::Invalid`] for moments of other widths.
    pub(crate) fn merge(&mut self, mut other: Self) -> Result<()> {
        if other.n == 0 {
            return Ok(());
        }
        if self.n == 0 {
            *self = other;
            return Ok(());
        }
        if self.widths() != other.widths() {
            return Err(Error::invalid("the moments of two shards differ in their widths"));
        }
        let (mine, theirs) = (self.n as f64, other.n as f64);
        let total = mine + theirs;
        let apart = |a: &[f64], b: &[f64]| a.iter().zip(b).map(|(a, b)| b - a).collect::<Vec<f64>>();
        let (delta_a, delta_b) = (apart(&self.mean_a, &other.mean_a), apart(&self.mean_b, &other.mean_b));
        self.shift(&scaled(&delta_a, -theirs / total), &scaled(&delta_b, -theirs / total));
        other.shift(&scaled(&delta_a, mine / total), &scaled(&delta_b, mine / total));
        for (mean, delta) in [(&mut self.mean_a, &delta_a), (&mut self.mean_b, &delta_b)] {
            mean.iter_mut().zip(delta).for_each(|(mean, delta)| *mean += delta * theirs / total);
        }
        self.aa.add(&other.aa);
        self.bb.add(&other.bb);
        self.ab.add(&other.ab);
        self.n += other.n;
        Ok(())
    }

    /// Moves the centres of the sums, so that centred rows grow by e and f; the means stay as they are.
    fn shift(&mut self, e: &[f64], f: &[f64]) {
        let n = self.n as f64;
        let (squares_a, squares_b) = (self.aa.trace(), self.bb.trace());
        self.aa.shift(n, e, e, squares_a, squares_a);
        self.bb.shift(n, f, f, squares_b, squares_b);
        self.ab.shift(n, e, f, squares_a, squares_b);
    }

    /// Returns the number of rows.
    pub(crate) fn n(&self) -> u64 {
        self.n
    }

    /// Returns d₁ and d₂; zero before the first row.
    pub(crate) fn widths(&self) -> (usize, usize) {
        self.ab.widths()
    }

    /// Returns the means of A and B.
    pub(crate) fn means(&self) -> (&[f64], &[f64]) {
        (&self.mean_a, &self.mean_b)
    }

    /// Returns the central sums of A alone.
    pub(crate) fn aa(&self) -> &Joint {
        &self.aa
    }

    /// Returns the central sums of B alone.
    pub(crate) fn bb(&self) -> &Joint {
        &self.bb
    }

    /// Returns the central sums of A with B.
    pub(crate) fn ab(&self) -> &Joint {
        &self.ab
    }

    /// Returns whether every second moment and Σ|p|²|q|² is a finite number.
    pub(crate) fn is_finite(&self) -> bool {
        [&self.aa, &self.bb, &self.ab]
            .iter()
            .all(|joint| joint.norm().is_finite() && joint.fourth().is_finite())
    }
}

fn scaled(delta: &[f64], by: f64) -> Vec<f64> {
    delta.iter().map(|v| v * by).collect()
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use isoscope_plugin_sdk::testing::native_host;
    use ndarray::{Axis, Slice};

    use super::*;

    fn views() -> (Array2<f64>, Array2<f64>) {
        let entry =
            |i: usize, j: usize| ((i * 31 + j * 17) as f64 * 0.61).sin() * (1.0 + j as f64) + 0.05 * i as f64;
        (
            Array2::from_shape_fn((40, 3), |(i, j)| 20.0 + entry(i, j)),
            Array2::from_shape_fn((40, 5), |(i, j)| entry(i + 7, j + 2) - 3.0),
        )
    }

    fn of(range: core::ops::Range<usize>) -> CrossMoments {
        let (a, b) = views();
        let cut = |x: &Array2<f64>| x.slice_axis(Axis(0), Slice::from(range.clone())).to_owned();
        let mut moments = CrossMoments::default();
        moments.absorb(native_host().linalg(), cut(&a).view(), cut(&b).view()).unwrap();
        moments
    }

    #[test]
    fn parts_merge_to_the_sums_around_the_common_mean() {
        let whole = of(0..40);
        let mut merged = of(0..3);
        for part in [of(3..4), CrossMoments::default(), of(4..25), of(25..40)] {
            merged.merge(part).unwrap();
        }
        assert_eq!(merged.n(), 40);
        let close =
            |a: &[f64], b: &[f64]| a.iter().zip(b).all(|(a, b)| (a - b).abs() <= 1e-11 * (1.0 + b.abs()));
        assert!(close(merged.means().0, whole.means().0) && close(merged.means().1, whole.means().1));
        for (merged, whole) in [(&merged.aa, &whole.aa), (&merged.bb, &whole.bb), (&merged.ab, &whole.ab)] {
            let flat = |joint: &Joint| joint.scatter().unwrap().iter().copied().collect::<Vec<f64>>();
            assert!(close(&flat(merged), &flat(whole)));
            assert!(close(&[merged.fourth()], &[whole.fourth()]), "{} {}", merged.fourth(), whole.fourth());
        }
    }

    #[test]
    fn moments_of_other_widths_do_not_merge() {
        let mut narrow = CrossMoments::default();
        let x = Array2::from_elem((2, 1), 1.0);
        narrow.absorb(native_host().linalg(), x.view(), x.view()).unwrap();
        assert!(of(0..3).merge(narrow).unwrap_err().to_string().contains("widths"));
    }
}
