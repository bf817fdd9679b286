//! `isoscope plugin run`: one op over one matrix, without a study.

use super::args::RunArgs;
use super::print;
use crate::failure::Failure;
use crate::output;
use comfy_table::Table;
use isoscope_core::catalogue::Kind;
use isoscope_plugin_check::{Cloud, MeasureError, Measured, OpError, Subject};
use isoscope_worker::dataset::npy;
use isoscope_worker::rows;
use serde::Serialize;

/// A number or a vector that the op reported.
#[derive(Debug, Serialize)]
struct Line {
    metric: String,
    #[serde(skip_serializing_if = "String::is_empty")]
    part: String,
    /// One number, or the numbers of a vector; empty with a reason in `status`.
    values: Vec<f64>,
    std_err: Option<f64>,
    n: u64,
    status: String,
}

/// Measures a matrix with one op and prints what it reports.
pub(super) fn run(args: &RunArgs) -> anyhow::Result<()> {
    let _ = isoscope_worker::use_one_blas_thread();
    let subject = Subject::load(&args.file, args.op.as_deref()).map_err(|e| Failure::Input(e.to_string()))?;
    if subject.op.kind == Kind::Enhancement {
        let id = &subject.op.id;
        return Err(Failure::Input(format!(
            "{id} maps rows and reports no values: isoscope measure X.npy --enhance {id} --plugins DIR measures what it makes"
        ))
        .into());
    }
    if subject.op.views != 1 {
        return Err(Failure::Input(format!("{} compares two clouds, and here is one", subject.op.id)).into());
    }
    let matrix = npy::read_matrix(&args.on).map_err(|e| Failure::Input(e.to_string()))?;
    if let Some(row) = rows::nonfinite(matrix.view()).first() {
        let place = args.on.display();
        return Err(Failure::Input(format!("{place}: row {row} holds a NaN or an infinity; drop it")).into());
    }
    match subject.measure(&Cloud::new(&matrix), &args.params) {
        Ok(measured) => print(&lines(measured), args.output, table),
        Err(MeasureError::Op(error @ OpError::Invalid { .. })) => {
            Err(Failure::Input(error.to_string()).into())
        }
        Err(error) => Err(error.into()),
    }
}

fn lines(measured: Measured) -> Vec<Line> {
    let lines = measured.report.entries.into_iter().map(|((metric, part), entry)| Line {
        metric,
        part,
        values: entry.values,
        std_err: entry.std_err,
        n: entry.n,
        status: entry.status,
    });
    lines.collect()
}

fn table(lines: &[Line]) -> Table {
    let mut table = output::sheet(&["metric", "part", "value", "std err", "n", "status"]);
    for line in lines {
        let values: Vec<String> = line.values.iter().map(f64::to_string).collect();
        let std_err = line.std_err.map(|e| e.to_string()).unwrap_or_default();
        let n = line.n.to_string();
        table.add_row([&line.metric, &line.part, &values.join("\n"), &std_err, &n, &line.status]);
    }
    table
}
