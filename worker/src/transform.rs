//! A fitted chain of enhancements at work on rows of any origin.

use crate::error::WorkerError;
use crate::plugins::PluginSet;
use isoscope_core::artefact::{Artefact, FittedStep};
use isoscope_core::catalogue::Kind;
use isoscope_core::plan::OpRef;
use isoscope_plugin_host::{BatchView, ColumnValues, ColumnView, MatrixView, OpInput, Run};
use ndarray::{Array2, ArrayView2};

/// A chain that cannot be applied here.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum TransformError {
    /// No plugin has the enhancement.
    #[error(
        "no plugin here offers `{op}` of definition {definition}, which {plugin} {version} fitted; name the directory of that \
         plugin with --plugins"
    )]
    Missing {
        /// Id of the enhancement.
        op: String,
        /// Version of its definition.
        definition: u32,
        /// Plugin that fitted it.
        plugin: String,
        /// Its version.
        version: String,
    },
    /// The chain has no step.
    #[error("it holds no enhancement")]
    Empty,
    /// A step contradicts the one before it, or its own model.
    #[error("`{op}` makes {found} columns of {input}, and the file says {expected}; fit it again")]
    Width {
        /// Id of the enhancement.
        op: String,
        /// Columns that it takes.
        input: usize,
        /// Columns that it makes.
        found: usize,
        /// Columns that the file promises.
        expected: usize,
    },
    /// An op failed.
    #[error(transparent)]
    Worker(#[from] WorkerError),
}

/// A fitted chain, opened.
pub struct Transform {
    steps: Vec<Step>,
    input: usize,
    /// What is not as it was when the chain was fitted, for a person.
    pub warnings: Vec<String>,
}

struct Step {
    run: Run,
    output: usize,
}

impl Transform {
    /// Finds the ops of a chain among the plugins and gives them their models.
    ///
    /// # Errors
    /// When a plugin is missing, or refuses its parameters or its model.
    pub fn open(artefact: &Artefact, plugins: &PluginSet) -> Result<Self, TransformError> {
        let input = artefact.input().ok_or(TransformError::Empty)? as usize;
        let (mut steps, mut warnings, mut width) = (Vec::new(), Vec::new(), input);
        for step in &artefact.steps {
            let here = find(plugins, step)?;
            if here.plugin_digest != step.op.plugin_digest {
                warnings.push(format!(
                    "`{}` was fitted by {} {} ({}), and is applied by {} {} ({})",
                    step.op.id,
                    step.op.plugin,
                    step.op.plugin_version,
                    step.op.plugin_digest,
                    here.plugin,
                    here.plugin_version,
                    here.plugin_digest,
                ));
            }
            let op = plugins.open(&here, &OpInput { cols: vec![width], rows: 0, seed: artefact.seed })?;
            let model = step.model.as_deref().unwrap_or_default();
            let found = op.output_cols(model, width).map_err(WorkerError::from)?;
            let expected = step.output as usize;
            if found != expected || width != step.input as usize {
                return Err(TransformError::Width { op: step.op.id.clone(), input: width, found, expected });
            }
            steps.push(Step { run: op.begin(model, 0).map_err(WorkerError::from)?, output: found });
            width = found;
        }
        Ok(Self { steps, input, warnings })
    }

    /// Columns of the rows that it takes.
    #[must_use]
    pub fn input(&self) -> usize {
        self.input
    }

    /// Columns of the rows that it makes.
    #[must_use]
    pub fn output(&self) -> usize {
        self.steps.last().map_or(self.input, |step| step.output)
    }

    /// Maps rows, n×[`Self::input`], to rows, n×[`Self::output`]. `first` is the place of the first one among all rows.
    ///
    /// # Errors
    /// When an op fails.
    pub fn apply(&self, rows: ArrayView2<'_, f64>, first: u64) -> Result<Array2<f64>, WorkerError> {
        let places: Vec<i64> = (first as i64..).take(rows.nrows()).collect();
        let mut mapped = rows.as_standard_layout().into_owned();
        for step in &self.steps {
            let (n, cols) = mapped.dim();
            let data = mapped.as_slice().ok_or_else(|| WorkerError::task("rows are not contiguous"))?;
            let place = ColumnView { name: "row", values: ColumnValues::I64(&places), validity: None };
            let batch = BatchView {
                views: vec![MatrixView { data, rows: n, cols, stride: cols }],
                columns: vec![place],
                first_row: first,
            };
            let mut out = vec![0.0; n * step.output];
            step.run.apply(&batch, &mut out, step.output)?;
            mapped = Array2::from_shape_vec((n, step.output), out)
                .map_err(|e| WorkerError::task(e.to_string()))?;
        }
        Ok(mapped)
    }
}

/// The op of a step as a plugin here offers it: the very plugin where it is there, else one with the same definition.
fn find(plugins: &PluginSet, step: &FittedStep) -> Result<OpRef, TransformError> {
    let facts = plugins.facts();
    let offers = facts.iter().filter(|plugin| {
        let same = |op: &&isoscope_core::catalogue::OpManifest| {
            op.id == step.op.id && op.version == step.op.definition && op.kind == Kind::Enhancement
        };
        plugin.manifest.ops.iter().find(same).is_some()
    });
    let likeness = |digest: &str, id: &str| (digest == step.op.plugin_digest, id == step.op.plugin);
    let best = offers.max_by_key(|plugin| likeness(&plugin.digest, &plugin.manifest.id));
    let best = best.ok_or_else(|| TransformError::Missing {
        op: step.op.id.clone(),
        definition: step.op.definition,
        plugin: step.op.plugin.clone(),
        version: step.op.plugin_version.clone(),
    })?;
    Ok(OpRef {
        plugin: best.manifest.id.clone(),
        plugin_version: best.manifest.version.clone(),
        plugin_digest: best.digest.clone(),
        ..step.op.clone()
    })
}

#[cfg(test)]
mod tests;
