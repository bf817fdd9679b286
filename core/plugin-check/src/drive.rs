//! Drives an op over a cloud as a worker does.

use std::path::Path;
use std::sync::Arc;

use isoscope_core::catalogue::{Kind, Manifest, Needs, OpManifest};
use isoscope_core::tree;
use isoscope_plugin_host::{Collected, LoadError, Op, OpError, OpInput, Plugin, Run};

use crate::Cloud;
use crate::breach::{Breach, broken};
use crate::cut::{Cut, Merging};
use crate::moments::{all_of, lend};
use crate::report::Report;
use crate::services::Services;

/// Passes that an op may ask for.
pub const MAX_PASSES: u32 = 10_000;

/// An op of a loaded plugin, and what its manifest says of it.
pub struct Subject {
    plugin: Plugin,
    /// What the manifest says of the op.
    pub op: OpManifest,
}

/// What came of an op that was run over a cloud.
#[derive(Debug)]
pub struct Measured {
    /// What it reported.
    pub report: Report,
    /// Its final model.
    pub model: Vec<u8>,
}

impl Subject {
    /// Loads a plugin file and looks up an op; the only one when none is named.
    ///
    /// # Errors
    /// When the file is refused, or it is not clear which op is meant.
    pub fn load(file: &Path, op: Option<&str>) -> Result<Self, SubjectError> {
        let plugin = Plugin::load(file)?;
        let manifest: Manifest = serde_json::from_str(plugin.manifest_json()).map_err(|error| {
            LoadError::BadManifest { origin: file.display().to_string(), reason: error.to_string() }
        })?;
        let ids = manifest.ops.iter().map(|op| op.id.as_str()).collect::<Vec<_>>().join(", ");
        let mut ops = manifest.ops.into_iter();
        let found = match op {
            Some(id) => ops.find(|op| op.id == id),
            None if ops.len() == 1 => ops.next(),
            None => return Err(SubjectError::SeveralOps { ids }),
        };
        let op =
            found.ok_or_else(|| SubjectError::NoSuchOp { op: op.unwrap_or_default().to_owned(), ids })?;
        Ok(Self { plugin, op })
    }

    /// Opens the op for rows of these widths.
    ///
    /// # Errors
    /// What the op answers.
    pub fn open(&self, widths: &[usize], params: &str) -> Result<Op, OpError> {
        let input = OpInput { cols: widths.to_vec(), rows: 0, seed: 7 };
        self.plugin.open(&self.op.id, Arc::new(Services), &input, params)
    }

    /// Runs the op over a cloud in one shard.
    ///
    /// # Errors
    /// What the op answers, or that it asks for passes without end.
    pub fn measure(&self, cloud: &Cloud, params: &str) -> Result<Measured, MeasureError> {
        let op = self.open(&cloud.widths(), params)?;
        self.run(&op, cloud, &Cut::whole(cloud)).map_err(|breach| match breach {
            Breach::Op(error) => MeasureError::Op(error),
            Breach::Endless => MeasureError::Endless,
            Breach::Broken(reason) | Breach::DoesNotApply(reason) => MeasureError::Lawless(reason),
        })
    }

    /// Tells whether the host folds everything that the op reads: no shard and no batch ever reaches it.
    pub(crate) fn reads_no_rows(&self) -> bool {
        matches!(self.op.needs, Needs::Moments | Needs::Nothing)
    }

    pub(crate) fn is_enhancement(&self) -> bool {
        self.op.kind == Kind::Enhancement
    }

    /// Makes an ordinary cloud for the op.
    pub(crate) fn cloud(&self) -> Cloud {
        Cloud::ordinary(&self.op, 48, 1)
    }

    /// Opens the op with its defaults and runs it over a cloud.
    pub(crate) fn evaluate(&self, cloud: &Cloud, cut: &Cut) -> Result<Measured, Breach> {
        self.run(&self.open(&cloud.widths(), "{}")?, cloud, cut)
    }

    /// Runs an opened op to its end: moments, passes, and the map of an enhancement.
    pub(crate) fn run(&self, op: &Op, cloud: &Cloud, cut: &Cut) -> Result<Measured, Breach> {
        let mut measured = Measured { report: Report::default(), model: Vec::new() };
        let mut pass = Some(0);
        if matches!(self.op.needs, Needs::Moments | Needs::MomentsThenRows) {
            let lent = all_of(cloud.rows(0));
            let mut collected = Collected::default();
            let finished = op.measure(&lend(&lent, &self.op.parts), &mut collected)?;
            measured.report.add(collected);
            measured.model = finished.model;
            if finished.again && self.op.needs == Needs::Moments {
                return broken("it asks for a pass over the rows, but its manifest says needs \"moments\"");
            }
            pass = finished.again.then_some(1);
        } else if self.op.needs == Needs::Nothing {
            pass = None;
        }
        while let Some(number) = pass {
            if number > MAX_PASSES {
                return Err(Breach::Endless);
            }
            let mut run = merged(op, &measured.model, number, cloud, cut)?;
            let mut collected = Collected::default();
            let finished = run.finish(&mut collected)?;
            measured.report.add(collected);
            measured.model = finished.model;
            pass = finished.again.then_some(number + 1);
        }
        if self.is_enhancement() {
            let rows = mapped(op, &measured.model, cloud, cut)?;
            measured.report.add_rows(&self.op.id, rows, cloud.len() as u64);
        }
        Ok(measured)
    }
}

/// Why there is no op to drive.
#[derive(Debug, thiserror::Error)]
pub enum SubjectError {
    /// The file is refused.
    #[error(transparent)]
    Load(#[from] LoadError),
    /// The plugin has no op of this id.
    #[error("the plugin has no op {op}; it has {ids}")]
    NoSuchOp {
        /// The id.
        op: String,
        /// Ids that there are.
        ids: String,
    },
    /// No op was named, and the plugin has several.
    #[error("the plugin has several ops, name one: {ids}")]
    SeveralOps {
        /// Their ids.
        ids: String,
    },
}

/// Why a cloud cannot be measured.
#[derive(Debug, thiserror::Error)]
pub enum MeasureError {
    /// The op answered with an error.
    #[error(transparent)]
    Op(#[from] OpError),
    /// The op asked for more passes than it may.
    #[error("the op asks for more than {MAX_PASSES} passes")]
    Endless,
    /// The op does something that its manifest rules out.
    #[error("{0}")]
    Lawless(String),
}

/// Folds every shard of a pass and merges the states.
fn merged(op: &Op, model: &[u8], pass: u32, cloud: &Cloud, cut: &Cut) -> Result<Run, Breach> {
    let mut runs = Vec::new();
    for shard in &cut.shards {
        let mut run = op.begin(model, pass)?;
        for batch in shard {
            run.update(&cloud.batch(batch))?;
        }
        runs.push(run);
    }
    if cut.merging == Merging::None
        && let Some(run) = runs.pop()
    {
        return Ok(run);
    }
    let mut states = runs.iter().map(Run::save).collect::<Result<Vec<_>, _>>()?;
    match cut.merging {
        Merging::Reversed => states.reverse(),
        Merging::Rotated => states.rotate_left(1),
        Merging::Tree => {
            let pair = |left: Vec<u8>, right: Vec<u8>| {
                let mut run = op.begin(model, pass)?;
                run.merge(&left)?;
                run.merge(&right)?;
                run.save()
            };
            states = tree::fold(states, pair)?.into_iter().collect();
        }
        Merging::Left | Merging::None => {}
    }
    let mut run = op.begin(model, pass)?;
    for state in &states {
        run.merge(state)?;
    }
    Ok(run)
}

/// Maps every row of a cloud, batch by batch.
pub(crate) fn mapped(op: &Op, model: &[u8], cloud: &Cloud, cut: &Cut) -> Result<Vec<f64>, Breach> {
    let width = op.output_cols(model, cloud.widths()[0])?;
    let run = op.begin(model, 0)?;
    let mut all = Vec::new();
    for batch in cut.shards.iter().flatten() {
        let mut out = vec![0.0; batch.len() * width];
        run.apply(&cloud.batch(batch), &mut out, width)?;
        all.append(&mut out);
    }
    Ok(all)
}
