//! Uniformity on the unit sphere over all pairs.

use isoscope_plugin_sdk::prelude::*;
use ndarray::{Axis, Slice};

use crate::cosines::unit_rows;

/// Rows of one side of a block of pairs.
const BLOCK: usize = 512;
const UNIFORMITY: &str = "pairs.uniformity_t2";
const ZERO_ROWS: &str = "pairs.uniformity_zero_rows";

params! {
    /// Size of the sample.
    pub struct UniformityParams {
        /// Most rows of the sample; the time grows with its square.
        rows: u64 = 5000;
    }
}

/// The logarithm of the mean Gaussian potential of the pairs of directions.
pub struct Uniformity {
    linalg: Linalg,
}

impl SampleMetric for Uniformity {
    const META: OpMeta = OpMeta {
        id: "pairs.uniformity_t2",
        kind: Kind::Metric,
        version: 1,
        needs: Needs::Sample,
        outputs: &[
            Output::scalar(UNIFORMITY).range("[-8, 0]").better(Better::Lower).invariant(&[
                Invariance::Rotation,
                Invariance::Scale,
                Invariance::Permutation,
            ]),
            Output::scalar(ZERO_ROWS).unit("rows").range("0..").better(Better::Lower).invariant(&[
                Invariance::Rotation,
                Invariance::Scale,
                Invariance::Permutation,
            ]),
        ],
        doc: "Uniformity loss at t = 2: logarithm of the mean Gaussian potential over all pairs of distinct unit rows of the \
              sample, exact. 0 when all rows have the same direction; about -4 for rows spread evenly over a sphere of many \
              dimensions. Rows of norm 0 are left out and counted.",
        formula: "\\ln \\frac{2}{m (m - 1)} \\sum_{i < j} e^{-2 \\|\\hat u_i - \\hat u_j\\|^2}, \\quad \\hat u_i = x_i / \\|x_i\\|",
        reference: "Wang & Isola 2020 (ICML), eq. 3, over pairs i < j as in the released code; ReSi (Klabunde et al. 2024) \
                    keeps norms and the pairs i = j",
        ..OpMeta::DEFAULT
    };
    type Params = UniformityParams;

    fn open(_: UniformityParams, _: &Input, linalg: Linalg) -> Result<Self> {
        Ok(Self { linalg })
    }

    fn measure(&self, sample: &Sample, out: &mut Out<'_>) -> Result<()> {
        let units: Vec<Array1<f64>> = unit_rows(sample.rows()).into_iter().flatten().collect();
        let zero_rows = sample.len() - units.len();
        out.set_n(units.len() as u64);
        if units.len() < 2 {
            out.null(UNIFORMITY, "fewer than 2 rows of non-zero norm")?;
        } else {
            out.value(UNIFORMITY, self.uniformity(&units, sample.rows().ncols())?)?;
        }
        out.set_n(sample.len() as u64);
        out.value(ZERO_ROWS, zero_rows as f64)
    }
}

impl Uniformity {
    /// Computes the value for two or more unit rows.
    ///
    /// The potential lies in `[e⁻⁸, 1]`, so its mean needs no rescaling; as `ln(1 + mean(e^x − 1))` the value keeps its
    /// digits when all directions nearly agree, and so do squared distances of rows from which the mean was taken.
    fn uniformity(&self, units: &[Array1<f64>], d: usize) -> Result<f64> {
        let n = units.len();
        let mut mean = Array1::<f64>::zeros(d);
        for unit in units {
            mean += unit;
        }
        mean /= n as f64;
        let mut centred = Array2::zeros((n, d));
        for (mut row, unit) in centred.rows_mut().into_iter().zip(units) {
            row.assign(&(unit - &mean));
        }
        let squares: Vec<f64> =
            centred.rows().into_iter().map(|row| row.iter().map(|x| x * x).sum()).collect();
        let mut total = 0.0;
        for first in (0..n).step_by(BLOCK) {
            let a = centred.slice_axis(Axis(0), Slice::from(first..n.min(first + BLOCK)));
            for second in (first..n).step_by(BLOCK) {
                let b = centred.slice_axis(Axis(0), Slice::from(second..n.min(second + BLOCK)));
                let products = self.linalg.matmul(a, b.t())?;
                for (i, products) in products.rows().into_iter().enumerate() {
                    // On the diagonal, every pair once.
                    let skip = if first == second { i + 1 } else { 0 };
                    let pairs = products.iter().zip(&squares[second..]).skip(skip);
                    let square = squares[first + i];
                    total += pairs
                        .map(|(product, other)| (-2.0 * (square + other - 2.0 * product).max(0.0)).exp_m1())
                        .sum::<f64>();
                }
            }
        }
        let pairs = n as f64 * (n - 1) as f64 / 2.0;
        Ok((total / pairs).ln_1p())
    }
}
