//! The end of a stage for one layer: moments completed, enhancements fitted, ops asked for their values.

use crate::blobs;
use crate::error::WorkerError;
use crate::merge::fetch;
use crate::moments_view::LentMoments;
use crate::pass::fold;
use crate::plugins::PluginSet;
use crate::stage::{LayerStage, NodeState, Widths};
use crate::tasks::{Context, Planned};
use isoscope_core::catalogue::{Needs, Selection, Shape};
use isoscope_core::moments::{Moments, Second};
use isoscope_core::plan::{Plan, PlannedOp, SecondFrom, Subject};
use isoscope_core::result::{LayerReport, OpReport, Reported, ReportedSeries};
use isoscope_core::state::{Blob, Broadcast, Carry, Fit, Run};
use isoscope_core::task::{Finish, Output};
use isoscope_plugin_host::{Collected, OpError};
use ndarray::{ArrayView1, ArrayView2};
use std::collections::BTreeMap;

/// Ends a stage for one layer and stores its report and what goes on.
///
/// # Errors
/// When a state cannot be read, or an op fails in a way that is no property of the data.
pub fn run(context: &Context<'_>, finish: &Finish) -> Result<Output, WorkerError> {
    let planned = Planned::fetch(context, &finish.plan, finish.subject)?;
    let broadcast: Broadcast = match &finish.broadcast {
        Some(blob) => blobs::get(context.blobs, "broadcast", blob)?,
        None => Broadcast::default(),
    };
    let carry: Carry = match &finish.carry {
        Some(blob) => blobs::get(context.blobs, "carry", blob)?,
        None => Carry::default(),
    };
    let (plan, subject) = (planned.plan(), planned.subject());
    let stage = LayerStage::new(plan, subject, finish.stage, &broadcast, context.plugins)?;
    let state = fold(&stage, fetch(context, &finish.groups)?)?;
    context.progress();
    let runs = broadcast.runs.iter().filter(|run| run.stage > finish.stage).cloned().collect();
    let mut end = StageEnd {
        plan,
        subject,
        plugins: context.plugins,
        stage: finish.stage,
        moments: BTreeMap::new(),
        next: Broadcast { fits: broadcast.fits, runs },
        reports: Vec::new(),
    };
    end.complete_moments(&state, &carry)?;
    end.measure()?;
    end.finish_passes(&stage, &state)?;
    let again = !end.next.runs.is_empty();
    let (subject, layer) = (finish.subject, finish.layer);
    let report = LayerReport { subject, layer, ops: std::mem::take(&mut end.reports), again };
    Ok(Output::Layer {
        report: blobs::put(context.blobs, "report", &report)?,
        broadcast: blobs::put(context.blobs, "broadcast", &end.next)?,
        carry: blobs::put(context.blobs, "carry", &end.carry()?)?,
        again,
    })
}

/// The end of one stage on one layer, in the making.
struct StageEnd<'a> {
    plan: &'a Plan,
    subject: &'a Subject,
    plugins: &'a PluginSet,
    stage: u32,
    moments: BTreeMap<u32, LentMoments>,
    next: Broadcast,
    reports: Vec<OpReport>,
}

impl StageEnd<'_> {
    /// Goes through the spaces, parents first: fits the step that leads to each, then completes its moments.
    fn complete_moments(&mut self, state: &NodeState, carry: &Carry) -> Result<(), WorkerError> {
        for (i, node) in (0..).zip(&self.plan.nodes) {
            if node.fitted == Some(self.stage) {
                let fit = self.fit(i)?;
                self.next.fits.insert(i, fit);
            }
            let mut moments = Moments { second: None, direction: None, shape: None };
            if let Some(Blob(bytes)) = carry.moments.get(&i) {
                moments = Moments::from_bytes(bytes)?;
            }
            if let Some(folded) = state.moments.get(&i) {
                moments = moments.or(folded.clone());
            }
            if node.second == Some(SecondFrom::ClosedForm(self.stage)) {
                moments.second = moments.second.or(self.closed_form(i)?);
            }
            if moments.second.is_some() || moments.direction.is_some() || moments.shape.is_some() {
                self.moments.insert(i, LentMoments::new(moments));
            }
        }
        Ok(())
    }

    /// Fits the step that leads to a node. Data that admit no fit are a result, not a failure.
    fn fit(&self, node: u32) -> Result<Fit, WorkerError> {
        let space = &self.plan.nodes[node as usize];
        let (Some(parent), Some(step)) = (space.parent, &space.step) else {
            return Err(WorkerError::task("the raw space has nothing to fit"));
        };
        let Some(lent) = self.moments.get(&parent) else {
            return Ok(Fit::Failed { reason: self.why_missing(parent) });
        };
        let Some(width) = self.widths().of(parent)? else {
            return Ok(Fit::Failed { reason: self.why_missing(parent) });
        };
        let op = self.plugins.open(&step.op, &self.widths().input(width))?;
        match op.measure(&lent.view(), &mut Collected::default()) {
            Ok(fitted) => {
                let columns = op.output_cols(&fitted.model, width)? as u32;
                Ok(Fit::Done { model: Blob(fitted.model), columns })
            }
            Err(OpError::Failed { message, .. }) => {
                Ok(Fit::Failed { reason: format!("{}: {message}", step.op.id) })
            }
            Err(error) => Err(error.into()),
        }
    }

    /// Maps the parent's second moments through a fitted affine step.
    fn closed_form(&self, node: u32) -> Result<Option<Second>, WorkerError> {
        let space = &self.plan.nodes[node as usize];
        let (Some(parent), Some(step)) = (space.parent, &space.step) else { return Ok(None) };
        let model: &[u8] = match self.next.fits.get(&node) {
            Some(Fit::Done { model, .. }) => &model.0,
            Some(Fit::Failed { .. }) => return Ok(None),
            None => &[],
        };
        let second = self.moments.get(&parent).and_then(|lent| lent.moments().second.as_ref());
        let (Some(second), Some(width)) = (second, self.widths().of(parent)?) else { return Ok(None) };
        let op = self.plugins.open(&step.op, &self.widths().input(width))?;
        let Some(map) = op.affine(model, width)? else {
            return Err(WorkerError::task(format!("{} says it is affine but gives no map", step.op.id)));
        };
        let a = ArrayView2::from_shape((map.rows, map.cols), &map.a)
            .map_err(|e| WorkerError::task(e.to_string()))?;
        Ok(Some(second.map_affine(a, ArrayView1::from(&map.c))))
    }

    /// Asks every op whose moments are complete for its values, or for the model of its first pass.
    fn measure(&mut self) -> Result<(), WorkerError> {
        for (index, planned) in self.plan.measured_at(self.subject, self.stage) {
            let (Some(lent), Some(width)) =
                (self.moments.get(&planned.node), self.widths().of(planned.node)?)
            else {
                self.reports.push(self.null_report(index, planned)?);
                continue;
            };
            let op = self.plugins.open(&planned.op, &self.widths().input(width))?;
            let mut collected = Collected::default();
            let finished = op.measure(&lent.view(), &mut collected)?;
            if planned.needs == Needs::MomentsThenRows && finished.again {
                let stage = planned.pass.unwrap_or(self.stage + 1);
                self.next.runs.push(Run { op: index, pass: 1, stage, model: Blob(finished.model) });
            }
            self.report(index, planned, collected);
        }
        Ok(())
    }

    /// Ends the passes over the rows that this stage made.
    fn finish_passes(&mut self, stage: &LayerStage, state: &NodeState) -> Result<(), WorkerError> {
        for (&index, pass) in stage.passes() {
            let bytes =
                state.ops.get(&index).ok_or_else(|| WorkerError::task("the state of an op is missing"))?;
            let mut run = stage.merged_run(index, &[bytes])?;
            let mut collected = Collected::default();
            let finished = run.finish(&mut collected)?;
            if finished.again {
                let model = Blob(finished.model);
                self.next.runs.push(Run { op: index, pass: pass.pass + 1, stage: self.stage + 1, model });
            }
            self.report(index, &self.plan.ops[index as usize], collected);
        }
        self.null_unfitted()
    }

    /// Reports nulls for ops that need rows of a space that could not be fitted.
    fn null_unfitted(&mut self) -> Result<(), WorkerError> {
        for (index, planned) in self.plan.scheduled_passes(self.subject, self.stage) {
            if self.widths().of(planned.node)?.is_none() {
                self.reports.push(self.null_report(index, planned)?);
            }
        }
        Ok(())
    }

    fn report(&mut self, index: u32, planned: &PlannedOp, collected: Collected) {
        let rows = collected.rows.into_iter().filter(|r| planned.wants(&r.metric)).map(|r| Reported {
            metric: r.metric,
            part: r.part,
            value: r.value,
            status: r.status,
            std_err: r.std_err,
            n: r.n,
        });
        let series = collected.series.into_iter().filter(|s| planned.wants(&s.metric)).map(|s| {
            ReportedSeries { metric: s.metric, part: s.part, status: s.status, values: s.values, n: s.n }
        });
        let report = OpReport { op: index, rows: rows.collect(), series: series.collect() };
        if !(report.rows.is_empty() && report.series.is_empty()) {
            self.reports.push(report);
        }
    }

    /// Nulls with the reason for everything that was asked of an op.
    fn null_report(&self, index: u32, planned: &PlannedOp) -> Result<OpReport, WorkerError> {
        let status = self.why_missing(planned.node);
        let manifest = self.plugins.manifest(&planned.op)?;
        let mut report = OpReport { op: index, rows: Vec::new(), series: Vec::new() };
        for output in &manifest.outputs {
            for metric in asked(planned, &output.id) {
                let part = String::new();
                if output.shape == Shape::Vector {
                    let values = Vec::new();
                    report.series.push(ReportedSeries { metric, part, status: status.clone(), values, n: 0 });
                } else {
                    let status = status.clone();
                    report.rows.push(Reported { metric, part, value: None, status, std_err: None, n: 0 });
                }
            }
        }
        Ok(report)
    }

    fn why_missing(&self, node: u32) -> String {
        let failed = self.plan.chain(node).into_iter().find_map(|i| match self.next.fits.get(&i) {
            Some(Fit::Failed { reason }) => Some(reason.clone()),
            _ => None,
        });
        failed.unwrap_or_else(|| "the moments of this space were not computed".to_owned())
    }

    /// Moments that a later stage's end reads again.
    fn carry(&self) -> Result<Carry, WorkerError> {
        let later = |node: &u32| self.plan.nodes[*node as usize].carried_to > self.stage;
        let kept = self.moments.iter().filter(|(node, _)| later(node));
        let moments = kept.map(|(&node, lent)| Ok((node, Blob(lent.moments().to_bytes()?))));
        Ok(Carry { moments: moments.collect::<Result<_, WorkerError>>()? })
    }

    fn widths(&self) -> Widths<'_> {
        Widths { plan: self.plan, subject: self.subject, broadcast: &self.next, plugins: self.plugins }
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
