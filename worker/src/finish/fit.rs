//! Enhancements fitted, and the moments that their maps carry over.

use super::StageEnd;
use crate::error::WorkerError;
use isoscope_core::moments::Second;
use isoscope_core::state::{Blob, Fit};
use isoscope_plugin_host::{Collected, Finished, Op, OpError};
use isoscope_plugin_services::LentMoments;
use ndarray::{ArrayView1, ArrayView2};
use std::collections::BTreeMap;

impl StageEnd<'_> {
    /// Fits the step that leads to a node on moments. Data that admit no fit are a result, not a failure.
    pub(super) fn fit(&self, node: u32) -> Result<Fit, WorkerError> {
        let space = &self.plan.nodes[node as usize];
        let (Some(parent), Some(step)) = (space.parent, &space.step) else {
            return Err(WorkerError::task("the raw space has nothing to fit"));
        };
        let clouds = if self.subject.has_split() { &self.fitting } else { &self.moments };
        let Some(lent) = clouds.get(&parent) else {
            return Ok(Fit::Failed { reason: self.why_missing(parent) });
        };
        let Some(width) = self.widths().of(parent)? else {
            return Ok(Fit::Failed { reason: self.why_missing(parent) });
        };
        let op = self.plugins.open(&step.op, &self.widths().input(width))?;
        let answer = op.measure(&lent.view(), &mut Collected::default());
        Self::fitted(&op, &step.op.id, width, answer)
    }

    /// Turns the answer of an enhancement that is done into a fit.
    pub(super) fn fitted(
        op: &Op,
        id: &str,
        width: usize,
        answer: Result<Finished, OpError>,
    ) -> Result<Fit, WorkerError> {
        match answer {
            Ok(fitted) => {
                let columns = op.output_cols(&fitted.model, width)? as u32;
                Ok(Fit::Done { model: Blob(fitted.model), columns })
            }
            Err(OpError::Failed { message, .. }) => Ok(Fit::Failed { reason: format!("{id}: {message}") }),
            Err(error) => Err(error.into()),
        }
    }

    /// Maps the parent's second moments through a fitted affine step.
    pub(super) fn closed_form(
        &self,
        node: u32,
        clouds: &BTreeMap<u32, LentMoments>,
    ) -> Result<Option<Second>, WorkerError> {
        let Some(parent) = self.plan.nodes[node as usize].parent else { return Ok(None) };
        let Some(second) = clouds.get(&parent).and_then(|lent| lent.moments().second.as_ref()) else {
            return Ok(None);
        };
        self.carried_over(node, second)
    }

    /// Maps second moments of a node's parent through the node's fitted affine step.
    pub(super) fn carried_over(&self, node: u32, second: &Second) -> Result<Option<Second>, WorkerError> {
        let space = &self.plan.nodes[node as usize];
        let (Some(parent), Some(step)) = (space.parent, &space.step) else { return Ok(None) };
        let model: &[u8] = match self.next.fits.get(&node) {
            Some(Fit::Done { model, .. }) => &model.0,
            Some(Fit::Failed { .. }) => return Ok(None),
            // Nobody asked for this space on this layer, or its fit is not done yet.
            None if space.fitted.is_some() => return Ok(None),
            None => &[],
        };
        let Some(width) = self.widths().of(parent)? else { return Ok(None) };
        let op = self.plugins.open(&step.op, &self.widths().input(width))?;
        let Some(map) = op.affine(model, width)? else {
            return Err(WorkerError::task(format!("{} says it is affine but gives no map", step.op.id)));
        };
        let a = ArrayView2::from_shape((map.rows, map.cols), &map.a)
            .map_err(|e| WorkerError::task(e.to_string()))?;
        Ok(Some(second.map_affine(a, ArrayView1::from(&map.c))))
    }

    /// Why there is nothing to see in a space.
    pub(super) fn why_missing(&self, node: u32) -> String {
        let failed = self.plan.chain(node).into_iter().find_map(|i| match self.next.fits.get(&i) {
            Some(Fit::Failed { reason }) => Some(reason.clone()),
            _ => None,
        });
        failed.unwrap_or_else(|| "the moments of this space were not computed".to_owned())
    }
}
