//! Widths of spaces, which fitted models decide.

use crate::error::WorkerError;
use crate::plugins::PluginSet;
use isoscope_core::plan::{Plan, Subject};
use isoscope_core::state::{Broadcast, Fit};
use isoscope_plugin_host::OpInput;

/// What decides how wide the rows of a space are.
pub(crate) struct Widths<'a> {
    pub(crate) plan: &'a Plan,
    pub(crate) subject: &'a Subject,
    pub(crate) broadcast: &'a Broadcast,
    pub(crate) plugins: &'a PluginSet,
}

impl Widths<'_> {
    /// Width of the rows of a node, or none when its chain could not be fitted, or not yet.
    pub(crate) fn of(&self, node: u32) -> Result<Option<usize>, WorkerError> {
        let mut width = self.subject.width as usize;
        for at in self.plan.chain(node) {
            let space = &self.plan.nodes[at as usize];
            let Some(step) = &space.step else { continue };
            width = match (self.broadcast.fits.get(&at), space.fitted) {
                (Some(Fit::Done { columns, .. }), _) => *columns as usize,
                (Some(Fit::Failed { .. }), _) | (None, Some(_)) => return Ok(None),
                (None, None) => self.plugins.open(&step.op, &self.input(width))?.output_cols(&[], width)?,
            };
        }
        Ok(Some(width))
    }

    /// What an op is told of rows of one view.
    pub(crate) fn input(&self, width: usize) -> OpInput {
        OpInput { cols: vec![width], rows: 0, seed: self.plan.study.seed }
    }

    /// What an op of the subject is told of the rows that it will see: those of one view, or of the two sides of a comparison.
    pub(crate) fn views(&self, width: usize) -> OpInput {
        let mut input = self.input(width);
        input.cols.extend(self.subject.partner.as_ref().map(|partner| partner.width as usize));
        input
    }
}
