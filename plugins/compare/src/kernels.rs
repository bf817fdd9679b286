//! Nonlinear dependence of two clouds: CKA with radial basis functions, and distance correlation.

use isoscope_plugin_sdk::prelude::*;

use crate::{
    pair_distances::squared_distances,
    value::{Value, at_least, undefined, write},
};

const EVERY: &[Invariance] =
    &[Invariance::Rotation, Invariance::Translation, Invariance::Scale, Invariance::Permutation];

params! {
    /// Parameters of the kernel measures.
    pub struct KernelsParams {
        /// Most rows of the sample; time and memory grow with its square.
        rows: u64 = 2000;
    }
}

/// Similarity by kernels of the Euclidean distance.
pub struct Kernels {
    linalg: Linalg,
}

impl SampleMetric for Kernels {
    const META: OpMeta = OpMeta {
        id: "compare.kernels",
        kind: Kind::Comparison,
        version: 1,
        needs: Needs::Sample,
        views: 2,
        outputs: &[
            Output::scalar("compare.cka_rbf_median").range("[0, 1]").better(Better::Higher).invariant(EVERY),
            Output::scalar("compare.distance_correlation")
                .range("[0, 1]")
                .better(Better::Higher)
                .invariant(EVERY),
        ],
        doc: "Dependence of any form between the rows of A and of B, on a sample. cka_rbf_median is centred kernel alignment \
              with a Gaussian kernel on each side, as wide as the median distance of its rows. distance_correlation is \
              that of Szekely et al. with the biased (V-statistic) estimator; it tends to zero only for independent \
              clouds, but is well above it for few rows in many dimensions. Also invariant when one cloud alone is \
              rotated, shifted or scaled. Memory: about 32 bytes a pair, 64 MB at 2000 rows.",
        formula: "\\frac{\\langle HKH, HLH \\rangle}{\\|HKH\\| \\|HLH\\|}, \\quad K_{ij} = \
                  e^{-\\|a_i - a_j\\|^2 / 2\\sigma^2}; \\quad \\mathrm{dCor}^2 = \\frac{\\langle HDH, HEH \\rangle}\
                  {\\|HDH\\| \\|HEH\\|}",
        reference: "Kornblith et al. 2019, section 3 (CKA with RBF kernels); Szekely, Rizzo & Bakirov 2007, definition 5 \
                    (distance correlation)",
        ..OpMeta::DEFAULT
    };
    type Params = KernelsParams;

    fn open(_: KernelsParams, _: &Input, linalg: Linalg) -> Result<Self> {
        Ok(Self { linalg })
    }

    fn measure(&self, sample: &Sample, out: &mut Out<'_>) -> Result<()> {
        let n = sample.len();
        // Two rows have one distance, so any two clouds of two rows agree.
        if let Err(reason) = at_least(3, n as u64) {
            out.null("compare.cka_rbf_median", &reason)?;
            return out.null("compare.distance_correlation", &reason);
        }
        let mut a = squared_distances(self.linalg, sample.view(0))?;
        let mut b = squared_distances(self.linalg, sample.view(1))?;
        write(out, "compare.cka_rbf_median", &rbf(n, &a, &b))?;
        [&mut a, &mut b].into_iter().flatten().for_each(|value| *value = value.sqrt());
        let dependence = alignment(n, &a, &b, 0.0).map(|cosine| cosine.max(0.0).sqrt());
        write(out, "compare.distance_correlation", &dependence)
    }
}

/// Computes CKA with Gaussian kernels from the squared distances of all pairs.
fn rbf(n: usize, a: &[f64], b: &[f64]) -> Value {
    let kernel = |squares: &[f64]| {
        let width = median_distance(squares);
        if width <= 0.0 {
            return undefined("the median distance of a cloud is zero");
        }
        Ok(squares.iter().map(|square| (-0.5 * square / width / width).exp()).collect::<Vec<f64>>())
    };
    Ok(alignment(n, &kernel(a)?, &kernel(b)?, 1.0)?.max(0.0))
}

/// Computes the median of the distances from their squares; of an even number, the mean of the middle two.
fn median_distance(squares: &[f64]) -> f64 {
    let mut squares = squares.to_vec();
    let middle = squares.len() / 2;
    let odd = squares.len() % 2 == 1;
    let (below, upper, _) = squares.select_nth_unstable_by(middle, f64::total_cmp);
    let upper = upper.sqrt();
    if odd { upper } else { f64::midpoint(below.iter().copied().fold(0.0, f64::max).sqrt(), upper) }
}

/// Computes the cosine of two doubly centred symmetric n×n matrices from their elements i < j and the one
/// value of their diagonals.
fn alignment(n: usize, a: &[f64], b: &[f64], diagonal: f64) -> Value {
    let (mean_a, mean_b) = (Means::of(n, a, diagonal), Means::of(n, b, diagonal));
    let [mut aa, mut bb, mut ab] = [0.0; 3];
    let mut add = |times: f64, a: f64, b: f64| {
        aa += times * a * a;
        bb += times * b * b;
        ab += times * a * b;
    };
    let mut pairs = a.iter().zip(b);
    for i in 0..n {
        add(1.0, mean_a.centre(i, i, diagonal), mean_b.centre(i, i, diagonal));
        for (j, (a, b)) in (i + 1..n).zip(&mut pairs) {
            add(2.0, mean_a.centre(i, j, *a), mean_b.centre(i, j, *b));
        }
    }
    if aa <= 0.0 || bb <= 0.0 {
        return undefined("all rows of a cloud are equal");
    }
    Ok((ab / aa.sqrt() / bb.sqrt()).clamp(-1.0, 1.0))
}

/// Means of a symmetric matrix, by row and over all.
struct Means {
    rows: Vec<f64>,
    all: f64,
}

impl Means {
    fn of(n: usize, pairs: &[f64], diagonal: f64) -> Self {
        let mut rows = vec![diagonal; n];
        let mut pairs = pairs.iter();
        for i in 0..n {
            for (j, value) in (i + 1..n).zip(&mut pairs) {
                rows[i] += value;
                rows[j] += value;
            }
        }
        for sum in &mut rows {
            *sum /= n as f64;
        }
        let all = rows.iter().sum::<f64>() / n as f64;
        Self { rows, all }
    }

    fn centre(&self, i: usize, j: usize, value: f64) -> f64 {
        value - self.rows[i] - self.rows[j] + self.all
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_median_of_an_even_number_lies_between_the_middle_two() {
        assert!((median_distance(&[16.0, 1.0, 4.0]) - 2.0).abs() < 1e-15);
        assert!((median_distance(&[16.0, 1.0, 100.0, 4.0]) - 3.0).abs() < 1e-15);
    }

    #[test]
    fn a_matrix_is_aligned_with_itself_and_with_its_multiple() {
        let a = [1.0, 2.0, 2.5, 0.5, 1.5, 3.0];
        let twice = a.map(|v| 2.0 * v);
        assert!((alignment(4, &a, &a, 0.0).unwrap_or(0.0) - 1.0).abs() < 1e-15);
        assert!((alignment(4, &a, &twice, 0.0).unwrap_or(0.0) - 1.0).abs() < 1e-15);
    }
}
