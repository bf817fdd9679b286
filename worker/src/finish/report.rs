//! What ops wrote, kept as far as the study asked for it; and nulls where an op could not be asked.

use super::StageEnd;
use crate::error::WorkerError;
use isoscope_core::catalogue::{Selection, Shape};
use isoscope_core::plan::PlannedOp;
use isoscope_core::result::{NO_ERROR, OpReport, Reported, ReportedSeries};
use isoscope_plugin_host::Collected;

impl StageEnd<'_> {
    /// Keeps what the study asked for of an op's values on one group of rows; the empty key stands for all rows.
    pub(super) fn report(&mut self, index: u32, planned: &PlannedOp, group: &str, collected: Collected) {
        let rows = collected.rows.into_iter().filter(|r| planned.wants(&r.metric)).map(|r| Reported {
            metric: r.metric,
            part: r.part,
            value: r.value,
            status: r.status,
            std_err_kind: if r.std_err.is_some() { "op".to_owned() } else { NO_ERROR.to_owned() },
            std_err: r.std_err,
            replicates: Vec::new(),
            n: r.n,
        });
        let series = collected.series.into_iter().filter(|s| planned.wants(&s.metric)).map(|s| {
            ReportedSeries { metric: s.metric, part: s.part, status: s.status, values: s.values, n: s.n }
        });
        let group = group.to_owned();
        let report = OpReport { op: index, group, rows: rows.collect(), series: series.collect() };
        if !(report.rows.is_empty() && report.series.is_empty()) {
            self.reports.push(report);
        }
    }

    /// Nulls with the reason for everything that was asked of an op.
    pub(super) fn null_report(&self, index: u32, planned: &PlannedOp) -> Result<OpReport, WorkerError> {
        let status = self.why_missing(planned.node);
        let manifest = self.plugins.manifest(&planned.op)?;
        let mut report = OpReport { op: index, group: String::new(), rows: Vec::new(), series: Vec::new() };
        for output in &manifest.outputs {
            for metric in asked(planned, &output.id) {
                let part = String::new();
                if output.shape == Shape::Vector {
                    let values = Vec::new();
                    report.series.push(ReportedSeries { metric, part, status: status.clone(), values, n: 0 });
                } else {
                    report.rows.push(Reported {
                        metric,
                        part,
                        value: None,
                        status: status.clone(),
                        std_err: None,
                        std_err_kind: NO_ERROR.to_owned(),
                        replicates: Vec::new(),
                        n: 0,
                    });
                }
            }
        }
        Ok(report)
    }
}

/// Ids that the study asked for under an output of the manifest.
fn asked(planned: &PlannedOp, output: &str) -> Vec<String> {
    let stem = output.strip_suffix('*');
    let ids = planned.selections.iter().filter_map(|selection| match selection {
        Selection::All => Some(stem.unwrap_or(output).to_owned()),
        Selection::One(id) if id == output || stem.is_some_and(|s| id.starts_with(s)) => Some(id.clone()),
        Selection::One(_) => None,
    });
    let mut ids: Vec<String> = ids.collect();
    ids.dedup();
    ids
}
