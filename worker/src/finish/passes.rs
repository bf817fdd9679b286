//! Passes over the rows ended: of ops, of fits, and of ops that look at a sample.

use super::StageEnd;
use crate::error::WorkerError;
use crate::stage::{LayerStage, NodeState};
use isoscope_core::catalogue::Needs;
use isoscope_core::state::{Blob, Owner, Run};
use isoscope_plugin_host::Collected;

impl StageEnd<'_> {
    /// Ends the passes over the rows that this stage made.
    pub(super) fn finish_passes(&mut self, stage: &LayerStage, state: &NodeState) -> Result<(), WorkerError> {
        for (&owner, pass) in stage.passes() {
            let bytes = state.runs.get(&owner);
            let bytes = bytes.ok_or_else(|| WorkerError::task("the state of an op is missing"))?;
            let mut run = stage.merged_run(owner, &[bytes])?;
            let mut collected = Collected::default();
            let finished = run.finish(&mut collected);
            match owner {
                Owner::Op(index) => {
                    let finished = finished?;
                    if finished.again {
                        let (pass, stage) = (pass.pass + 1, self.stage + 1);
                        self.next.runs.push(Run { op: index, pass, stage, model: Blob(finished.model) });
                    }
                    self.report(index, &self.plan.ops[index as usize], "", collected);
                }
                Owner::Fit(node) => match finished {
                    Ok(finished) if finished.again => {
                        *self.next.delays.entry(node).or_default() += 1;
                        self.next.fitting.insert(node, Blob(finished.model));
                    }
                    answer => {
                        let width = self.widths().of(pass.node)?.unwrap_or_default();
                        let fit = Self::fitted(&pass.op, pass.op.id(), width, answer)?;
                        self.next.fits.insert(node, fit);
                    }
                },
                _ => {}
            }
        }
        Ok(())
    }

    /// Gives each op that looks at a sample the rows drawn for it.
    pub(super) fn finish_samples(&mut self, state: &mut NodeState) -> Result<(), WorkerError> {
        let plan = self.plan;
        let delays = self.before.delays.clone();
        let samples = std::mem::take(&mut state.samples);
        for (index, sample) in samples {
            let drawn = sample.finish()?;
            for (i, planned) in plan.scheduled_passes(self.subject, self.slot, self.stage, &delays) {
                if planned.needs != Needs::Sample || planned.sample != Some(index) {
                    continue;
                }
                let Some(width) = self.widths().of(planned.node)? else { continue };
                let op = self.plugins.open(&planned.op, &self.widths().views(width))?;
                let mut run = op.begin(&[], 0)?;
                if !drawn.is_empty() {
                    run.update(&drawn.batch().ok_or_else(|| WorkerError::task("rows are not contiguous"))?)?;
                }
                let mut collected = Collected::default();
                run.finish(&mut collected)?;
                self.report(i, planned, "", collected);
            }
        }
        Ok(())
    }
}
