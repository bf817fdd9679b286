//! Streaming log-sum-exp over the columns of a matrix, for both signs at once (METHODS: the partition function).
//!
//! For every column of the projections `P = X Uᵀ` the state holds `Z(+u) = Σ e^p` and `Z(-u) = Σ e^-p` as a sum and a
//! binary exponent, `Z = r 2^k`, where `2^k` is within a factor of √2 of the largest term. So nothing overflows
//! (`e^p` does at 709), and changing `k` when a larger term arrives is exact.

use isoscope_plugin_sdk::prelude::*;
use multiversion::multiversion;

use crate::exp_pair::{LARGEST, exp_pair, exponent, power_of_two};

/// Sums of exponentials of the columns of a matrix and of its negative.
///
/// Merging is associative up to the rounding of the sums; the exponents merge exactly.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct LogSumExp {
    /// Rows absorbed.
    n: u64,
    /// Binary exponent per column, for `+` and for `-`; minus infinity stands for "no rows" and is stored as such.
    k_plus: Vec<f64>,
    k_minus: Vec<f64>,
    /// Scaled sum per column, at least 0.7 once a row has been absorbed.
    r_plus: Vec<f64>,
    r_minus: Vec<f64>,
    /// Whether a projection was too large, or not finite, so that its exponential carries no information.
    out_of_range: bool,
}

impl LogSumExp {
    /// Builds the empty state for `cols` columns.
    #[must_use]
    pub fn new(cols: usize) -> Self {
        Self {
            n: 0,
            k_plus: vec![f64::NEG_INFINITY; cols],
            k_minus: vec![f64::NEG_INFINITY; cols],
            r_plus: vec![0.0; cols],
            r_minus: vec![0.0; cols],
            out_of_range: false,
        }
    }

    /// Returns the number of columns.
    #[must_use]
    pub fn cols(&self) -> usize {
        self.r_plus.len()
    }

    /// Returns the number of rows absorbed.
    #[must_use]
    pub fn n(&self) -> u64 {
        self.n
    }

    /// Returns whether every projection was small enough (magnitude at most 1e12) for its exponential to mean something.
    #[must_use]
    pub fn in_range(&self) -> bool {
        !self.out_of_range
    }

    /// Absorbs a block of projections (rows × columns, both row-major and contiguous).
    ///
    /// # Errors
    /// Refuses a block whose width is not that of the state, or that is not contiguous.
    pub fn absorb(&mut self, block: &ArrayView2<'_, f64>) -> Result<()> {
        let cols = self.cols();
        if block.ncols() != cols {
            return Err(Error::invalid(format!(
                "the projections have {} columns, the state has {cols}",
                block.ncols()
            )));
        }
        if block.nrows() == 0 || cols == 0 {
            self.n += block.nrows() as u64;
            return Ok(());
        }
        let values = block.to_slice().ok_or_else(|| Error::failed("the projections are not contiguous"))?;
        let (mut low, mut high) = (vec![f64::INFINITY; cols], vec![f64::NEG_INFINITY; cols]);
        if !extremes(values, &mut low, &mut high) {
            self.out_of_range = true;
        }
        self.n += block.nrows() as u64;
        if self.out_of_range {
            return Ok(());
        }
        for j in 0..cols {
            raise(&mut self.k_plus[j], &mut self.r_plus[j], exponent(high[j]));
            raise(&mut self.k_minus[j], &mut self.r_minus[j], -exponent(low[j]));
        }
        accumulate(values, &self.k_plus, &self.k_minus, &mut self.r_plus, &mut self.r_minus);
        Ok(())
    }

    /// Adds the sums of another state over the same columns.
    ///
    /// # Errors
    /// Refuses a state of another width.
    pub fn merge(&mut self, other: &Self) -> Result<()> {
        if self.cols() != other.cols() {
            return Err(Error::invalid(format!(
                "a state over {} columns does not merge into one over {}",
                other.cols(),
                self.cols()
            )));
        }
        self.n += other.n;
        self.out_of_range |= other.out_of_range;
        for j in 0..self.cols() {
            add(&mut self.k_plus[j], &mut self.r_plus[j], other.k_plus[j], other.r_plus[j]);
            add(&mut self.k_minus[j], &mut self.r_minus[j], other.k_minus[j], other.r_minus[j]);
        }
        Ok(())
    }

    /// Computes `log Z(+u)` per column; minus infinity where no row was absorbed.
    #[must_use]
    pub fn log_plus(&self) -> Vec<f64> {
        logs(&self.k_plus, &self.r_plus)
    }

    /// Computes `log Z(-u)` per column; minus infinity where no row was absorbed.
    #[must_use]
    pub fn log_minus(&self) -> Vec<f64> {
        logs(&self.k_minus, &self.r_minus)
    }
}

/// Natural logarithms of `r 2^k`.
fn logs(k: &[f64], r: &[f64]) -> Vec<f64> {
    k.iter()
        .zip(r)
        .map(|(k, r)| if *r > 0.0 { k * std::f64::consts::LN_2 + r.ln() } else { f64::NEG_INFINITY })
        .collect()
}

/// Moves a sum to a larger exponent; exact unless the sum falls below the smallest normal number.
fn raise(k: &mut f64, r: &mut f64, to: f64) {
    if to > *k {
        *r *= power_of_two(*k - to);
        *k = to;
    }
}

/// Adds `r 2^k` of another sum.
fn add(k: &mut f64, r: &mut f64, other_k: f64, other_r: f64) {
    if other_r > 0.0 {
        raise(k, r, other_k);
        *r += other_r * power_of_two(other_k - *k);
    }
}

/// Takes the least and greatest entry per column; returns whether every entry is finite and of usable magnitude.
#[multiversion(targets("x86_64+avx512f+avx512dq", "x86_64+avx2"))]
fn extremes(values: &[f64], low: &mut [f64], high: &mut [f64]) -> bool {
    let cols = low.len();
    let high = &mut high[..cols];
    let mut bad = 0_u64;
    for row in values.chunks_exact(cols) {
        for j in 0..cols {
            let p = row[j];
            // A NaN is of no magnitude, and the comparisons below would lose it.
            let usable = p.abs() <= LARGEST;
            bad |= u64::from(!usable);
            low[j] = if p < low[j] { p } else { low[j] };
            high[j] = if p > high[j] { p } else { high[j] };
        }
    }
    bad == 0
}

/// Adds the scaled exponentials of every entry and of its negative to the sums of its column.
#[multiversion(targets("x86_64+avx512f+avx512dq", "x86_64+avx2"))]
fn accumulate(values: &[f64], k_plus: &[f64], k_minus: &[f64], r_plus: &mut [f64], r_minus: &mut [f64]) {
    let cols = k_plus.len();
    // Equal lengths, stated once, let the inner loop run without bounds checks.
    let (k_minus, r_plus, r_minus) = (&k_minus[..cols], &mut r_plus[..cols], &mut r_minus[..cols]);
    for row in values.chunks_exact(cols) {
        for j in 0..cols {
            let (k, up, down) = exp_pair(row[j]);
            r_plus[j] += up * power_of_two(k - k_plus[j]);
            r_minus[j] += down * power_of_two(-k - k_minus[j]);
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used)]
    use ndarray::{Axis, Slice};

    use super::*;

    /// Direct evaluation with the largest term taken out.
    fn reference(x: &ArrayView2<'_, f64>, sign: f64) -> Vec<f64> {
        x.columns()
            .into_iter()
            .map(|c| {
                let m = c.iter().map(|p| sign * p).fold(f64::NEG_INFINITY, f64::max);
                m + c.iter().map(|p| (sign * p - m).exp()).sum::<f64>().ln()
            })
            .collect()
    }

    fn sample(rows: usize, cols: usize, scale: f64) -> Array2<f64> {
        Array2::from_shape_fn((rows, cols), |(i, j)| {
            scale * (((i * 7919 + j * 104_729) % 2003) as f64 / 1001.0 - 1.0) * (1.0 + j as f64)
        })
    }

    fn close(ours: &[f64], theirs: &[f64]) {
        for (a, b) in ours.iter().zip(theirs) {
            assert!((a - b).abs() <= 1e-14 * b.abs().max(1.0), "{a} against {b}");
        }
    }

    #[test]
    fn sums_agree_with_direct_evaluation_at_every_scale() {
        for scale in [1e-8, 0.1, 3.0, 400.0, 1e5] {
            let x = sample(301, 11, scale);
            let mut state = LogSumExp::new(11);
            state.absorb(&x.view()).unwrap();
            close(&state.log_plus(), &reference(&x.view(), 1.0));
            close(&state.log_minus(), &reference(&x.view(), -1.0));
        }
    }

    #[test]
    fn parts_merge_to_the_whole_in_any_order() {
        let x = sample(200, 7, 300.0);
        let mut whole = LogSumExp::new(7);
        whole.absorb(&x.view()).unwrap();
        let part = |a: usize, b: usize| {
            let mut state = LogSumExp::new(7);
            state.absorb(&x.slice_axis(Axis(0), Slice::from(a..b))).unwrap();
            state
        };
        for order in [[0, 1, 2], [2, 0, 1]] {
            let parts = [part(0, 60), part(60, 61), part(61, 200)];
            let mut merged = LogSumExp::new(7);
            for i in order {
                merged.merge(&parts[i]).unwrap();
            }
            merged.merge(&LogSumExp::new(7)).unwrap();
            assert_eq!(merged.n(), 200);
            close(&merged.log_plus(), &whole.log_plus());
            close(&merged.log_minus(), &whole.log_minus());
        }
    }

    #[test]
    fn a_column_of_zeros_sums_to_the_number_of_rows() {
        let mut state = LogSumExp::new(2);
        state.absorb(&Array2::zeros((37, 2)).view()).unwrap();
        assert_eq!(state.log_plus(), vec![37.0_f64.ln(); 2]);
        assert_eq!(state.log_minus(), vec![37.0_f64.ln(); 2]);
    }

    #[test]
    fn values_without_a_meaningful_exponential_mark_the_state() {
        for bad in [f64::NAN, f64::INFINITY, -1e300] {
            let mut x = sample(5, 3, 1.0);
            x[[1, 1]] = bad;
            let mut state = LogSumExp::new(3);
            state.absorb(&x.view()).unwrap();
            assert!(!state.in_range());
            let mut other = LogSumExp::new(3);
            other.merge(&state).unwrap();
            assert!(!other.in_range());
        }
    }
}
