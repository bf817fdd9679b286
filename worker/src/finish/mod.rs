//! The end of a stage for one layer: moments completed, enhancements fitted, ops asked for their values.

mod fit;
mod fits;
mod jackknife;
mod measure;
mod passes;
mod report;

use crate::blobs;
use crate::error::WorkerError;
use crate::merge::fold_fetched;
use crate::plugins::PluginSet;
use crate::stage::{LayerStage, NodeState, Widths};
use crate::tasks::{Context, Planned};
use isoscope_core::catalogue::Needs;
use isoscope_core::moments::Moments;
use isoscope_core::plan::{Plan, SecondFrom, Subject};
use isoscope_core::result::{LayerReport, OpReport};
use isoscope_core::state::{Blob, Broadcast, Carry, Owner};
use isoscope_core::task::{Finish, Output};
use isoscope_plugin_services::LentMoments;
use std::collections::BTreeMap;
use std::sync::Arc;

/// Ends a stage for one layer and stores its report and what goes on.
///
/// # Errors
/// When a state cannot be read, or an op fails in a way that is no property of the data.
pub fn run(context: &Context<'_>, finish: &Finish) -> Result<Output, WorkerError> {
    let planned = Planned::fetch(context, &finish.plan, finish.subject)?;
    let broadcast = Planned::broadcast(context, finish.stage, finish.broadcast.as_ref())?;
    let carry: Carry = match &finish.carry {
        Some(blob) => blobs::get(context.blobs, "carry", blob)?,
        None => Carry::default(),
    };
    let (plan, subject) = (planned.plan(), planned.subject());
    let stage = LayerStage::new(plan, subject, finish.slot, finish.stage, &broadcast, context.plugins)?;
    let mut end = StageEnd::new(&planned, context.plugins, finish, broadcast);
    let mut errors = jackknife::States::of(&end, &stage)?;
    let mut state = fold_fetched(context, &stage, &finish.groups, |group| {
        errors.as_mut().map_or(Ok(()), |errors| errors.keep(&stage, group))
    })?;
    end.complete_moments(&state, &carry)?;
    end.measure()?;
    end.measure_groups(&state)?;
    end.finish_passes(&stage, &state)?;
    end.finish_samples(&mut state)?;
    end.null_unfitted()?;
    context.check_revoked()?;
    if let Some(errors) = errors {
        errors.estimate(&mut end, &stage)?;
    }
    let again = end.goes_on();
    let (fits, ops) = (end.new_fits()?, std::mem::take(&mut end.reports));
    let report = LayerReport { subject: finish.subject, slot: finish.slot, ops, fits, again };
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
    slot: u32,
    plugins: &'a PluginSet,
    stage: u32,
    /// What the stage began with: by these delays its work was found.
    before: Arc<Broadcast>,
    /// Moments of the rows that are measured, by node.
    moments: BTreeMap<u32, LentMoments>,
    /// Moments of the rows that enhancements are fitted on, where those are others.
    fitting: BTreeMap<u32, LentMoments>,
    next: Broadcast,
    reports: Vec<OpReport>,
}

impl<'a> StageEnd<'a> {
    fn new(planned: &'a Planned, plugins: &'a PluginSet, finish: &Finish, before: Arc<Broadcast>) -> Self {
        let (plan, subject, slot, stage) = (planned.plan(), planned.subject(), finish.slot, finish.stage);
        let runs = before.runs.iter().filter(|run| run.stage > stage).cloned().collect();
        let next = Broadcast {
            fits: before.fits.clone(),
            runs,
            fitting: BTreeMap::new(),
            delays: before.delays.clone(),
        };
        let (moments, fitting, reports) = (BTreeMap::new(), BTreeMap::new(), Vec::new());
        Self { plan, subject, slot, plugins, stage, before, moments, fitting, next, reports }
    }

    /// Tells whether this is the stage that was planned as `planned` for a node.
    fn is_now(&self, node: u32, planned: u32) -> bool {
        planned + self.plan.delay(node, &self.before.delays) == self.stage
    }

    /// Goes through the spaces, parents first: fits the step that leads to each, then completes its moments.
    fn complete_moments(&mut self, state: &NodeState, carry: &Carry) -> Result<(), WorkerError> {
        if self.subject.partner.is_some() {
            return Ok(());
        }
        let needed = self.plan.nodes_of(self.subject, self.slot);
        for (i, node) in (0..).zip(&self.plan.nodes).filter(|(i, _)| needed.contains(i)) {
            let on_rows = node.step.as_ref().is_some_and(|step| step.needs == Needs::Rows);
            if node.fitted.is_some_and(|stage| self.is_now(i, stage)) && !on_rows {
                let fit = self.fit(i)?;
                self.next.fits.insert(i, fit);
            }
            let closed = match node.second {
                Some(SecondFrom::ClosedForm(stage)) => self.is_now(i, stage),
                _ => false,
            };
            let measured =
                self.completed(i, &carry.moments, state.moments.get(&Owner::Moments(i)), closed)?;
            self.moments.extend(measured.map(|moments| (i, LentMoments::new(moments))));
            if self.subject.has_split() {
                let fitting =
                    self.completed_fitting(i, &carry.fitting, state.moments.get(&Owner::Fitting(i)), closed)?;
                self.fitting.extend(fitting.map(|moments| (i, LentMoments::new(moments))));
            }
        }
        Ok(())
    }

    fn completed(
        &self,
        node: u32,
        carried: &BTreeMap<u32, Blob>,
        folded: Option<&Moments>,
        closed: bool,
    ) -> Result<Option<Moments>, WorkerError> {
        let mut moments = joined(carried.get(&node), folded)?;
        if closed && moments.second.is_none() {
            moments.second = self.closed_form(node, &self.moments)?;
        }
        Ok(some_parts(moments))
    }

    fn completed_fitting(
        &self,
        node: u32,
        carried: &BTreeMap<u32, Blob>,
        folded: Option<&Moments>,
        closed: bool,
    ) -> Result<Option<Moments>, WorkerError> {
        let mut moments = joined(carried.get(&node), folded)?;
        if closed && moments.second.is_none() {
            moments.second = self.closed_form(node, &self.fitting)?;
        }
        Ok(some_parts(moments))
    }

    /// Tells whether there is work for a later stage.
    fn goes_on(&self) -> bool {
        !self.next.runs.is_empty()
            || !self.next.fitting.is_empty()
            || self.plan.last_stage(self.subject, self.slot, &self.next.delays) > self.stage
    }

    /// Moments that a later stage's end reads again.
    fn carry(&self) -> Result<Carry, WorkerError> {
        let kept = |clouds: &BTreeMap<u32, LentMoments>| {
            let later = |node: u32| {
                self.plan.nodes[node as usize].carried_to + self.plan.delay(node, &self.next.delays)
                    > self.stage
            };
            let kept = clouds.iter().filter(|(node, _)| later(**node));
            let kept = kept.map(|(&node, lent)| Ok((node, Blob(lent.moments().to_bytes()?))));
            kept.collect::<Result<_, WorkerError>>()
        };
        Ok(Carry { moments: kept(&self.moments)?, fitting: kept(&self.fitting)? })
    }

    fn widths(&self) -> Widths<'_> {
        Widths { plan: self.plan, subject: self.subject, broadcast: &self.next, plugins: self.plugins }
    }
}

/// Joins what was carried from earlier stages and what this one folded.
fn joined(carried: Option<&Blob>, folded: Option<&Moments>) -> Result<Moments, WorkerError> {
    let mut moments = Moments { second: None, direction: None, shape: None };
    if let Some(Blob(bytes)) = carried {
        moments = Moments::from_bytes(bytes)?;
    }
    if let Some(folded) = folded {
        moments = moments.or(folded.clone());
    }
    Ok(moments)
}

fn some_parts(moments: Moments) -> Option<Moments> {
    (moments.second.is_some() || moments.direction.is_some() || moments.shape.is_some()).then_some(moments)
}
