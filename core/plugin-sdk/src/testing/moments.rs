//! Moments of a matrix, computed plainly in two passes.

use super::product;
use std::sync::OnceLock;

use ndarray::{Array1, Array2, Axis};

use super::native::jacobi;
use crate::moments::{EigenOf, EigenSource};
use crate::{Direction, Eigen, Error, Moments, Result, ShapeSums};

type Decomposition = OnceLock<Option<(Array1<f64>, Array2<f64>)>>;

/// Moments that own their buffers; [`OwnedMoments::view`] gives what an op reads. All parts are present.
#[derive(Debug, Clone)]
pub struct OwnedMoments {
    n: u64,
    mean: Array1<f64>,
    scatter: Array2<f64>,
    group: String,
    zero_rows: u64,
    unit_sum: Array1<f64>,
    unit_square_sum: Array1<f64>,
    norms: [f64; 4],
    dim_min: Array1<f64>,
    dim_max: Array1<f64>,
    cube_sum: Array1<f64>,
    fourth_sum: Array1<f64>,
    covariance: Decomposition,
    second_moment: Decomposition,
}

/// Computes the moments of n×d rows. With no rows all sums and extrema are 0.
#[must_use]
pub fn moments_of(rows: &Array2<f64>) -> OwnedMoments {
    let (n, d) = rows.dim();
    let mean = rows.mean_axis(Axis(0)).unwrap_or_else(|| Array1::zeros(d));
    let centred = rows - &mean;
    let norms: Vec<f64> =
        rows.outer_iter().map(|row| row.iter().map(|x| x * x).sum::<f64>().sqrt()).collect();
    let norm_mean = norms.iter().sum::<f64>() / n.max(1) as f64;
    let mut unit_sum = Array1::zeros(d);
    let mut unit_square_sum = Array1::zeros(d);
    for (row, &norm) in rows.outer_iter().zip(&norms).filter(|(_, norm)| **norm > 0.0) {
        let unit = &row / norm;
        unit_square_sum += &(&unit * &unit);
        unit_sum += &unit;
    }
    let extremum = |pick: fn(f64, f64) -> f64| {
        let columns = rows.axis_iter(Axis(1));
        columns.map(|column| column.iter().copied().reduce(pick).unwrap_or(0.0)).collect()
    };
    OwnedMoments {
        n: n as u64,
        scatter: product(centred.t(), centred.view()),
        group: String::new(),
        zero_rows: norms.iter().filter(|norm| **norm <= 0.0).count() as u64,
        unit_sum,
        unit_square_sum,
        norms: [
            norms.iter().sum(),
            norms.iter().copied().reduce(f64::min).unwrap_or(0.0),
            norms.iter().copied().reduce(f64::max).unwrap_or(0.0),
            norms.iter().map(|norm| (norm - norm_mean).powi(2)).sum(),
        ],
        dim_min: extremum(f64::min),
        dim_max: extremum(f64::max),
        cube_sum: centred.mapv(|x| x.powi(3)).sum_axis(Axis(0)),
        fourth_sum: centred.mapv(|x| x.powi(4)).sum_axis(Axis(0)),
        mean,
        covariance: OnceLock::new(),
        second_moment: OnceLock::new(),
    }
}

impl OwnedMoments {
    /// Views the moments as an op reads them.
    #[must_use]
    pub fn view(&self) -> Moments<'_> {
        let [norm_sum, norm_min, norm_max, norm_scatter] = self.norms;
        Moments {
            n: self.n,
            mean: self.mean.view(),
            scatter: self.scatter.view(),
            group: &self.group,
            direction: Some(Direction {
                zero_rows: self.zero_rows,
                unit_sum: self.unit_sum.view(),
                unit_square_sum: self.unit_square_sum.view(),
                norm_sum,
                norm_min,
                norm_max,
                norm_scatter,
            }),
            shape: Some(ShapeSums {
                dim_min: self.dim_min.view(),
                dim_max: self.dim_max.view(),
                cube_sum: self.cube_sum.view(),
                fourth_sum: self.fourth_sum.view(),
            }),
            eigen: self,
        }
    }

    /// Sets the key of the group of rows.
    #[must_use]
    pub fn group(mut self, group: &str) -> Self {
        group.clone_into(&mut self.group);
        self
    }

    /// Returns the width d.
    #[must_use]
    pub fn cols(&self) -> usize {
        self.mean.len()
    }

    /// Returns the number of rows.
    #[must_use]
    pub const fn n(&self) -> u64 {
        self.n
    }

    fn matrix(&self, of: EigenOf) -> Array2<f64> {
        match of {
            EigenOf::Covariance => &self.scatter / (self.n as f64 - 1.0),
            EigenOf::SecondMoment => {
                let column = self.mean.view().insert_axis(Axis(1));
                &self.scatter + &(product(column, column.t()) * self.n as f64)
            }
        }
    }
}

impl EigenSource for OwnedMoments {
    fn eigen(&self, of: EigenOf) -> Result<Eigen<'_>> {
        let kept = match of {
            EigenOf::Covariance => &self.covariance,
            EigenOf::SecondMoment => &self.second_moment,
        };
        let found = kept.get_or_init(|| {
            let d = self.cols();
            let matrix: Vec<f64> = self.matrix(of).iter().copied().collect();
            let (mut values, mut vectors) = (vec![0.0; d], vec![0.0; d * d]);
            if !jacobi(d, &matrix, &mut values, &mut vectors) {
                return None;
            }
            Some((values.into(), Array2::from_shape_vec((d, d), vectors).ok()?))
        });
        let (values, vectors) =
            found.as_ref().ok_or_else(|| Error::failed("the eigen-decomposition of the moments failed"))?;
        Ok(Eigen { values: values.view(), vectors: vectors.view() })
    }
}
