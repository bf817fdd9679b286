//! Cholesky factors of symmetric positive definite matrices.

use isoscope_plugin_sdk::prelude::*;

/// The lower factor L of A = L Lᵀ, p×p.
pub(crate) struct Cholesky {
    lower: Array2<f64>,
}

impl Cholesky {
    /// Factors a symmetric p×p matrix, of which the lower half is read; `None` when it is not positive definite.
    pub(crate) fn of(mut a: Array2<f64>) -> Option<Self> {
        let p = a.nrows();
        for j in 0..p {
            for i in j..p {
                let sum = {
                    let (row_i, row_j) = (a.row(i), a.row(j));
                    a[[i, j]] - (0..j).map(|k| row_i[k] * row_j[k]).sum::<f64>()
                };
                a[[i, j]] = match i == j {
                    true if sum > 0.0 && sum.is_finite() => sum.sqrt(),
                    true => return None,
                    false => sum / a[[j, j]],
                };
            }
        }
        Some(Self { lower: a })
    }

    /// Factors a positive semidefinite matrix whose rounding may have made it indefinite, with as little as needed, a
    /// share of each element, added to its diagonal.
    pub(crate) fn lifted(a: &Array2<f64>) -> Option<Self> {
        [0.0, 1e-14, 1e-12, 1e-10, 1e-8, 1e-6].iter().find_map(|share| {
            let mut lifted = a.clone();
            lifted.diag_mut().mapv_inplace(|x| x * (1.0 + share));
            Self::of(lifted)
        })
    }

    /// Solves A x = b.
    pub(crate) fn solve(&self, b: &[f64]) -> Vec<f64> {
        let p = b.len();
        let mut x = b.to_vec();
        for i in 0..p {
            let known: f64 = (0..i).map(|k| self.lower[[i, k]] * x[k]).sum();
            x[i] = (x[i] - known) / self.lower[[i, i]];
        }
        for i in (0..p).rev() {
            x[i] /= self.lower[[i, i]];
            let solved = x[i];
            (0..i).for_each(|k| x[k] -= self.lower[[i, k]] * solved);
        }
        x
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_known_system_is_solved() {
        let a = ndarray::array![[4.0, 2.0, 0.0], [2.0, 5.0, 1.0], [0.0, 1.0, 3.0]];
        let x = Cholesky::of(a).unwrap().solve(&[8.0, 15.0, 11.0]);
        for (found, wanted) in x.iter().zip([1.0, 2.0, 3.0]) {
            assert!((found - wanted).abs() < 1e-14);
        }
    }

    #[test]
    fn an_indefinite_matrix_has_no_factor() {
        assert!(Cholesky::of(ndarray::array![[1.0, 2.0], [2.0, 1.0]]).is_none());
        assert!(Cholesky::lifted(&ndarray::array![[1.0, 1.0], [1.0, 1.0]]).is_some());
    }
}
