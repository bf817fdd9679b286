//! Moments as plugins see them, with eigen-decompositions computed once for all ops of a cloud.

use crate::eigh;
use isoscope_core::linalg::Eigen;
use isoscope_core::moments::{Moments, Second};
use isoscope_plugin_host::{DirectionView, EigenOf, EigenSource, MomentsView, ShapeView};
use ndarray::{Array2, ArrayView2};
use std::sync::OnceLock;

/// The moments of one cloud, ready to be lent to ops.
pub struct LentMoments {
    moments: Moments,
    scatter: Array2<f64>,
    mean: Vec<f64>,
    covariance: OnceLock<Option<Eigen>>,
    second_moment: OnceLock<Option<Eigen>>,
}

impl LentMoments {
    /// Prepares moments for lending.
    #[must_use]
    pub fn new(moments: Moments) -> Self {
        let scatter = moments.second.as_ref().map_or_else(|| Array2::zeros((0, 0)), Second::scatter);
        let mean = moments.second.as_ref().map_or_else(Vec::new, |s| s.mean.to_vec());
        Self { moments, scatter, mean, covariance: OnceLock::new(), second_moment: OnceLock::new() }
    }

    /// The moments themselves.
    #[must_use]
    pub fn moments(&self) -> &Moments {
        &self.moments
    }

    /// Lends them to a plugin.
    #[must_use]
    pub fn view(&self) -> MomentsView<'_> {
        MomentsView {
            n: self.moments.n(),
            mean: &self.mean,
            scatter: self.scatter.as_slice().unwrap_or(&[]),
            group: "",
            direction: self.moments.direction.as_ref().map(|d| DirectionView {
                zero_rows: d.zero_rows,
                unit_sum: &d.unit_sum,
                unit_square_sum: &d.unit_square_sum,
                norm_sum: d.norm_mean * d.n as f64,
                norm_min: d.norm_min,
                norm_max: d.norm_max,
                norm_scatter: d.norm_scatter,
            }),
            shape: self.moments.shape.as_ref().map(|s| ShapeView {
                dim_min: &s.min,
                dim_max: &s.max,
                cube_sum: &s.cube_sum,
                fourth_sum: &s.fourth_sum,
            }),
            eigen: self,
        }
    }

    /// Lends them as those of the group of rows of this key.
    #[must_use]
    pub fn view_of_group<'a>(&'a self, group: &'a str) -> MomentsView<'a> {
        MomentsView { group, ..self.view() }
    }

    /// The scatter, d×d; 0×0 without second moments.
    pub(crate) fn scatter(&self) -> ArrayView2<'_, f64> {
        self.scatter.view()
    }

    /// The matrix that is decomposed, d×d; none when it is not defined.
    fn matrix(&self, which: EigenOf) -> Option<Array2<f64>> {
        let second = self.moments.second.as_ref()?;
        match which {
            EigenOf::Covariance if second.n < 2 => None,
            EigenOf::Covariance => Some(&self.scatter / (second.n as f64 - 1.0)),
            EigenOf::SecondMoment => Some(second.second_moment()),
        }
    }

    fn decompose(&self, which: EigenOf) -> Option<Eigen> {
        eigh(self.matrix(which)?.view()).ok()
    }
}

impl EigenSource for LentMoments {
    fn eigen(&self, which: EigenOf) -> Option<(&[f64], &[f64])> {
        let cell = match which {
            EigenOf::Covariance => &self.covariance,
            EigenOf::SecondMoment => &self.second_moment,
        };
        let eigen = cell.get_or_init(|| self.decompose(which)).as_ref()?;
        Some((eigen.values.as_slice()?, eigen.vectors.as_slice()?))
    }
}
