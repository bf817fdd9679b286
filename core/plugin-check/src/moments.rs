//! Moments of a cloud as a worker lends them, eigen-decompositions computed once.

use std::sync::OnceLock;

use isoscope_core::catalogue::Part;
use isoscope_core::linalg::{Eigen, eigh};
use isoscope_core::moments::{Direction, Moments, Second, Shape};
use isoscope_plugin_host::{DirectionView, EigenOf, EigenSource, MomentsView, ShapeView};
use ndarray::{Array2, ArrayView2};

/// All moments of some rows.
pub(crate) struct LentMoments {
    second: Second,
    scatter: Array2<f64>,
    direction: Direction,
    shape: Shape,
    covariance: OnceLock<Option<Eigen>>,
    second_moment: OnceLock<Option<Eigen>>,
}

impl LentMoments {
    /// Folds the moments of n×d rows.
    pub(crate) fn of(rows: ArrayView2<'_, f64>) -> Self {
        let d = rows.ncols();
        let mut all = Moments::empty(&[Part::Second, Part::Direction, Part::Shape], d);
        all.absorb(rows);
        let second = all.second.unwrap_or_else(|| Second::empty(d));
        Self {
            scatter: second.scatter(),
            second,
            direction: all.direction.unwrap_or_else(|| Direction::empty(d)),
            shape: all.shape.unwrap_or_else(|| Shape::empty(d)),
            covariance: OnceLock::new(),
            second_moment: OnceLock::new(),
        }
    }

    /// Lends the parts that an op asks for.
    pub(crate) fn lend(&self, parts: &[Part]) -> MomentsView<'_> {
        let (direction, shape) = (&self.direction, &self.shape);
        MomentsView {
            n: self.second.n,
            mean: self.second.mean.as_slice().unwrap_or(&[]),
            scatter: self.scatter.as_slice().unwrap_or(&[]),
            group: "",
            direction: parts.contains(&Part::Direction).then_some(DirectionView {
                zero_rows: direction.zero_rows,
                unit_sum: &direction.unit_sum,
                unit_square_sum: &direction.unit_square_sum,
                norm_sum: direction.norm_mean * direction.n as f64,
                norm_min: direction.norm_min,
                norm_max: direction.norm_max,
                norm_scatter: direction.norm_scatter,
            }),
            shape: parts.contains(&Part::Shape).then_some(ShapeView {
                dim_min: &shape.min,
                dim_max: &shape.max,
                cube_sum: &shape.cube_sum,
                fourth_sum: &shape.fourth_sum,
            }),
            eigen: self,
        }
    }

    fn decompose(&self, which: EigenOf) -> Option<Eigen> {
        let matrix = match which {
            EigenOf::Covariance if self.second.n < 2 => return None,
            EigenOf::Covariance => &self.scatter / (self.second.n as f64 - 1.0),
            EigenOf::SecondMoment => self.second.second_moment(),
        };
        eigh(matrix.view()).ok()
    }
}

impl EigenSource for LentMoments {
    fn eigen(&self, which: EigenOf) -> Option<(&[f64], &[f64])> {
        let kept = match which {
            EigenOf::Covariance => &self.covariance,
            EigenOf::SecondMoment => &self.second_moment,
        };
        let eigen = kept.get_or_init(|| self.decompose(which)).as_ref()?;
        Some((eigen.values.as_slice()?, eigen.vectors.as_slice()?))
    }
}
