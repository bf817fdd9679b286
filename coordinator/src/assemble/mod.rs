//! Joins what ops reported to what they were about: the tables of a job, its fitted enhancements and its manifest.

mod artefacts;
mod key;
mod manifest;

#[cfg(test)]
mod tests;

pub use artefacts::{Chains, Skipped};
pub use manifest::manifest;

use crate::results::{ResultError, curves_parquet, differences_parquet, measurements_parquet};
use isoscope_core::artefact::ArtefactError;
use isoscope_core::difference::{Replicated, differences};
use isoscope_core::jackknife::Blocks;
use isoscope_core::plan::Plan;
use isoscope_core::result::{
    CurvePoint, Difference, EMPTY, Key, LayerReport, Measurement, OK, Reported, ReportedSeries,
};
use isoscope_core::state::CodecError;
use key::{Place, key};
use serde_json::json;

/// Name of the file of measurements.
pub const MEASUREMENTS: &str = "measurements.parquet";
/// Name of the file of curves.
pub const CURVES: &str = "curves.parquet";
/// Name of the file of differences.
pub const DIFFERENCES: &str = "differences.parquet";
/// Name of the manifest.
pub const MANIFEST: &str = "manifest.json";
/// Name of the document of all rows, for tables. It repeats the Parquet files and is no file of the results.
pub const ROWS: &str = "rows.json";

/// Results could not be put together.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum AssembleError {
    /// A file could not be written.
    #[error(transparent)]
    Result(#[from] ResultError),
    /// The plan could not be encoded.
    #[error(transparent)]
    Codec(#[from] CodecError),
    /// A document could not be encoded.
    #[error("the results could not be encoded: {0}")]
    Json(#[from] serde_json::Error),
    /// A fitted chain could not be encoded.
    #[error("a fitted enhancement could not be encoded: {0}")]
    Artefact(#[from] ArtefactError),
    /// A report names an op or a subject that the plan does not have.
    #[error("a report does not fit the plan")]
    Foreign,
}

/// All numbers of a job.
#[derive(Debug, Clone, PartialEq)]
pub struct Tables {
    /// One number each, in the order of the reports.
    pub measurements: Vec<Measurement>,
    /// One point each, in the order of the reports.
    pub curves: Vec<CurvePoint>,
    /// One difference each, in order of key.
    pub differences: Vec<Difference>,
}

impl Tables {
    /// Joins reports to what they are about.
    ///
    /// # Errors
    /// When a report does not fit the plan.
    pub fn new(plan: &Plan, reports: &[LayerReport]) -> Result<Self, AssembleError> {
        let digest = plan.digest()?;
        let (mut measurements, mut curves, mut behind) = (Vec::new(), Vec::new(), Vec::new());
        for report in reports {
            let subject = plan.subjects.get(report.subject as usize).ok_or(AssembleError::Foreign)?;
            for op in &report.ops {
                let planned = plan.ops.get(op.op as usize).ok_or(AssembleError::Foreign)?;
                let place = Place { slot: report.slot as usize, group: &op.group };
                let key = |metric: &str| key(plan, &digest, subject, &place, planned, metric);
                for row in &op.rows {
                    measurements.push(measurement(key(&row.metric), row));
                    behind.push((report.subject as usize, row.replicates.as_slice()));
                }
                for series in &op.series {
                    points(&key(&series.metric), series, &mut curves);
                }
            }
        }
        let blocks: Vec<Vec<u64>> = plan
            .subjects
            .iter()
            .map(|subject| Blocks::of(subject).map(|b| b.rows).unwrap_or_default())
            .collect();
        let values = measurements.iter().zip(behind).map(|(row, (subject, replicates))| Replicated {
            row,
            replicates,
            blocks: &blocks[subject],
        });
        let differences = differences(&values.collect::<Vec<_>>(), baseline(plan));
        Ok(Self { measurements, curves, differences })
    }

    /// Encodes the Parquet files: name and bytes. Equal tables give equal bytes.
    ///
    /// # Errors
    /// When a file cannot be encoded.
    pub fn files(&self) -> Result<Vec<(&'static str, Vec<u8>)>, AssembleError> {
        Ok(vec![
            (MEASUREMENTS, measurements_parquet(&self.measurements)?),
            (CURVES, curves_parquet(&self.curves)?),
            (DIFFERENCES, differences_parquet(&self.differences)?),
        ])
    }

    /// Encodes the document of all rows, with the names in the order in which the study has them.
    ///
    /// # Errors
    /// When it cannot be encoded.
    pub fn rows(&self, plan: &Plan) -> Result<Vec<u8>, AssembleError> {
        Ok(serde_json::to_vec(&json!({
            "measurements": self.measurements,
            "curves": self.curves,
            "differences": self.differences,
            "models": plan.study.model.iter().map(|m| &m.name).collect::<Vec<_>>(),
            "spaces": plan.spaces.iter().map(|s| &s.name).collect::<Vec<_>>(),
            "tables": plan.study.table,
            "datasets": plan.study.dataset.iter().map(|d| &d.name).collect::<Vec<_>>(),
        }))?)
    }
}

/// Name of the encoder that the others are compared with.
fn baseline(plan: &Plan) -> &str {
    let first = plan.study.model.first().map(|model| &model.name);
    plan.study.statistics.baseline.as_ref().or(first).map_or("", String::as_str)
}

fn measurement(key: Key, row: &Reported) -> Measurement {
    Measurement {
        key,
        part: row.part.clone(),
        value: row.value,
        status: row.status.clone(),
        std_err: row.std_err,
        std_err_kind: row.std_err_kind.clone(),
        n: row.n,
    }
}

/// A vector without values still has a point, which says why: or, if it is merely empty, that it is.
fn points(key: &Key, series: &ReportedSeries, curves: &mut Vec<CurvePoint>) {
    let point = |x: usize, y: Option<f64>| CurvePoint {
        key: key.clone(),
        part: series.part.clone(),
        x: x as u32,
        y,
        status: if y.is_none() && series.status == OK { EMPTY.to_owned() } else { series.status.clone() },
        n: series.n,
    };
    if series.values.is_empty() {
        curves.push(point(0, None));
    }
    curves.extend(series.values.iter().enumerate().map(|(x, &y)| point(x, Some(y))));
}
