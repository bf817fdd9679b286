//! Sums of rows with twice the working precision, so that means have the same bits for every order of the rows.

use multiversion::multiversion;
use serde::{Deserialize, Serialize};

/// Sums, each as an unevaluated sum of two doubles.
///
/// Rows of single-precision numbers are summed without any error unless their magnitudes span more than 60 binary
/// orders, so the sum does not depend on how the rows were cut or merged. Other rows are summed with a relative error of
/// about `n ε²`, which a mean that is rounded to double precision does not show.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub(crate) struct ExactSums {
    high: Vec<f64>,
    low: Vec<f64>,
}

impl ExactSums {
    /// Builds `len` sums of nothing.
    pub(crate) fn new(len: usize) -> Self {
        Self { high: vec![0.0; len], low: vec![0.0; len] }
    }

    /// Adds the entries of a row to the sums from `start` on; a row that reaches beyond them is cut.
    pub(crate) fn add(&mut self, start: usize, row: &[f64]) {
        let end = self.high.len().min(start + row.len());
        if start < end {
            add_row(&mut self.high[start..end], &mut self.low[start..end], row);
        }
    }

    /// Adds the sums of another part.
    pub(crate) fn merge(&mut self, other: &Self) {
        add_row(&mut self.high, &mut self.low, &other.high);
        self.low.iter_mut().zip(&other.low).for_each(|(mine, more)| *mine += more);
    }

    /// Divides the `len` sums from `start` on by `n`, correctly rounded but for about one in 2⁵⁰ cases.
    pub(crate) fn means(&self, start: usize, len: usize, n: u64) -> impl Iterator<Item = f64> {
        let n = n as f64;
        let sums = self.high.iter().zip(&self.low).skip(start).take(len);
        sums.map(move |(high, low)| {
            let (sum, rest) = two_sum(*high, *low);
            let quotient = sum / n;
            quotient + (f64::mul_add(-quotient, n, sum) + rest) / n
        })
    }

    /// Returns the sum at `index`, rounded.
    pub(crate) fn total(&self, index: usize) -> f64 {
        self.high.get(index).copied().unwrap_or(0.0) + self.low.get(index).copied().unwrap_or(0.0)
    }
}

/// Splits `a + b` into its rounded value and the rounding error (Knuth).
#[inline(always)]
#[allow(clippy::inline_always)] // must inline into the caller's instruction set to be vectorised
fn two_sum(a: f64, b: f64) -> (f64, f64) {
    let sum = a + b;
    let part = sum - a;
    (sum, (a - (sum - part)) + (b - part))
}

#[multiversion(targets("x86_64+avx512f+avx512dq", "x86_64+avx2"))]
fn add_row(high: &mut [f64], low: &mut [f64], row: &[f64]) {
    for ((high, low), x) in high.iter_mut().zip(low).zip(row) {
        let (sum, error) = two_sum(*high, *x);
        *high = sum;
        *low += error;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rows() -> Vec<[f64; 3]> {
        (0..500_i32)
            .map(|i| {
                let x = f64::from((f64::from(i) * 0.37).sin() as f32);
                [x, x * 1e6 + 1e4, f64::from((f64::from(i) * 1.1).cos() as f32) * 1e-6]
            })
            .collect()
    }

    fn sums(rows: impl IntoIterator<Item = [f64; 3]>) -> ExactSums {
        let mut sums = ExactSums::new(3);
        rows.into_iter().for_each(|row| sums.add(0, &row));
        sums
    }

    #[test]
    fn means_have_the_same_bits_for_every_order_and_cut() {
        let bits = |sums: &ExactSums| sums.means(0, 3, 500).map(f64::to_bits).collect::<Vec<_>>();
        let whole = sums(rows());
        assert_eq!(bits(&whole), bits(&sums(rows().into_iter().rev())));
        for cut in [1, 250, 499] {
            let (mut later, earlier) = (sums(rows()[cut..].to_vec()), sums(rows()[..cut].to_vec()));
            later.merge(&earlier);
            assert_eq!(bits(&whole), bits(&later));
        }
    }

    #[test]
    fn the_mean_of_equal_rows_is_the_row() {
        for n in [1, 3, 7, 1000] {
            let row = [0.1, -1.0 / 3.0, 1e10 / 7.0];
            let found: Vec<f64> = sums(std::iter::repeat_n(row, n)).means(0, 3, n as u64).collect();
            assert_eq!(found, row);
        }
    }

    #[test]
    fn parts_of_the_sums_are_added_to_and_read() {
        let mut sums = ExactSums::new(4);
        sums.add(2, &[1.0, 2.0]);
        sums.add(3, &[0.5, 9.0]);
        assert_eq!(sums.means(2, 2, 1).collect::<Vec<_>>(), vec![1.0, 2.5]);
        assert!((sums.total(3) - 2.5).abs() < 1e-15);
    }
}
