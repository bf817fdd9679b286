//! Ops on moments asked for their values: for all rows, and group by group.

use super::StageEnd;
use crate::error::WorkerError;
use crate::stage::NodeState;
use isoscope_core::catalogue::Needs;
use isoscope_core::plan::PlannedOp;
use isoscope_core::state::{Blob, Owner, Run};
use isoscope_plugin_host::Collected;
use isoscope_plugin_services::LentMoments;

impl StageEnd<'_> {
    /// Asks every op whose moments are complete for its values, or for the model of its first pass.
    pub(super) fn measure(&mut self) -> Result<(), WorkerError> {
        let (plan, subject) = (self.plan, self.subject);
        let delays = self.before.delays.clone();
        for (index, planned) in plan.measured_at(subject, self.slot, self.stage, &delays) {
            if planned.by.is_some() {
                continue;
            }
            let (Some(lent), Some(width)) =
                (self.moments.get(&planned.node), self.widths().of(planned.node)?)
            else {
                let report = self.null_report(index, planned)?;
                self.reports.push(report);
                continue;
            };
            let op = self.plugins.open(&planned.op, &self.widths().input(width))?;
            let mut collected = Collected::default();
            let finished = op.measure(&lent.view(), &mut collected)?;
            if planned.needs == Needs::MomentsThenRows && finished.again {
                let delay = plan.delay(planned.node, &self.next.delays);
                let stage = planned.pass.map_or(self.stage + 1, |pass| pass + delay);
                self.next.runs.push(Run { op: index, pass: 1, stage, model: Blob(finished.model) });
            }
            self.report(index, planned, "", collected);
        }
        Ok(())
    }

    /// Asks ops for their values on each group of rows.
    pub(super) fn measure_groups(&mut self, state: &NodeState) -> Result<(), WorkerError> {
        let plan = self.plan;
        let delays = self.before.delays.clone();
        for (index, planned) in plan.measured_at(self.subject, self.slot, self.stage, &delays) {
            let Some(column) = &planned.by else { continue };
            let place = plan.nodes[planned.node as usize].grouped.keys().position(|known| known == column);
            let owner = Owner::Groups(planned.node, place.unwrap_or_default() as u32);
            let (Some(groups), Some(width)) = (state.groups.get(&owner), self.widths().of(planned.node)?)
            else {
                let report = self.null_report(index, planned)?;
                self.reports.push(report);
                continue;
            };
            let op = self.plugins.open(&planned.op, &self.widths().input(width))?;
            for (key, moments) in &groups.clouds {
                if moments.n() >= planned.min_group {
                    let lent = LentMoments::new(moments.clone());
                    let mut collected = Collected::default();
                    op.measure(&lent.view_of_group(key), &mut collected)?;
                    self.report(index, planned, key, collected);
                }
            }
        }
        Ok(())
    }

    /// Ops that wait for rows of a space that could not be fitted.
    pub(super) fn null_unfitted(&mut self) -> Result<(), WorkerError> {
        let plan = self.plan;
        let delays = self.before.delays.clone();
        let waiting: Vec<(u32, &PlannedOp)> =
            plan.scheduled_passes(self.subject, self.slot, self.stage, &delays).collect();
        for (index, planned) in waiting {
            if self.widths().of(planned.node)?.is_none() {
                let report = self.null_report(index, planned)?;
                self.reports.push(report);
            }
        }
        Ok(())
    }
}
