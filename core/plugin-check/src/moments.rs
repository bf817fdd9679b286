//! Moments of a cloud, with the parts that an op asks for and no others.

use isoscope_core::catalogue::Part;
use isoscope_core::moments::Moments;
use isoscope_plugin_host::MomentsView;
use isoscope_plugin_services::LentMoments;
use ndarray::ArrayView2;

/// Folds all moments of n×d rows.
pub(crate) fn all_of(rows: ArrayView2<'_, f64>) -> LentMoments {
    let mut all = Moments::empty(&[Part::Second, Part::Direction, Part::Shape], rows.ncols());
    all.absorb(rows);
    LentMoments::new(all)
}

/// Lends the parts that an op asks for.
pub(crate) fn lend<'a>(moments: &'a LentMoments, parts: &[Part]) -> MomentsView<'a> {
    let mut view = moments.view();
    view.direction = view.direction.filter(|_| parts.contains(&Part::Direction));
    view.shape = view.shape.filter(|_| parts.contains(&Part::Shape));
    view
}
