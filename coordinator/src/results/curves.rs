//! `curves.parquet`.

use super::ResultError;
use super::columns::{Columns, bits, explained, finite};
use super::file::to_parquet;
use isoscope_core::result::CurvePoint;

/// Writes the points of curves as a Parquet file: one row a point, sorted by key, part and x whatever the order of
/// `points`.
///
/// Columns, in this order: `schema_version`, those of [`Key`](isoscope_core::result::Key), `part`, `x` (from 0), `y` (null
/// where `status` is not `ok`), `status`, `n`.
///
/// # Errors
/// A point that is not finite, a null without a reason, or a count that does not fit its column.
pub fn curves_parquet(points: &[CurvePoint]) -> Result<Vec<u8>, ResultError> {
    for point in points {
        finite("y", &point.key, point.y)?;
        explained(&point.key, point.y, &point.status)?;
    }
    let mut points: Vec<&CurvePoint> = points.iter().collect();
    points.sort_by(|a, b| {
        let rest = |point: &CurvePoint| (point.x, bits(point.y), point.n);
        let ends = || rest(a).cmp(&rest(b)).then_with(|| a.status.cmp(&b.status));
        a.key.cmp(&b.key).then_with(|| a.part.cmp(&b.part)).then_with(ends)
    });
    let mut columns = Columns::of_keys(&points.iter().map(|point| &point.key).collect::<Vec<_>>())?;
    columns.strings("part", points.iter().map(|point| point.part.as_str()));
    columns.integers("x", points.iter().map(|point| point.x))?;
    columns.numbers("y", points.iter().map(|point| point.y));
    columns.strings("status", points.iter().map(|point| point.status.as_str()));
    columns.counts("n", points.iter().map(|point| point.n))?;
    to_parquet(&columns.finish()?)
}
