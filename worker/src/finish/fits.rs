//! The steps between spaces that became known at the end of a stage, for the files of fitted enhancements.

use super::StageEnd;
use crate::error::WorkerError;
use crate::stage::Widths;
use isoscope_core::result::LayerFit;
use isoscope_core::state::{Blob, Fit};

impl StageEnd<'_> {
    /// Lists the steps that were fitted here, and those with nothing to fit whose rows have a width from now on.
    pub(super) fn new_fits(&self) -> Result<Vec<LayerFit>, WorkerError> {
        if !self.plan.study.save_transforms || self.subject.partner.is_some() {
            return Ok(Vec::new());
        }
        let before = Widths { broadcast: &self.before, ..self.widths() };
        let mut found = Vec::new();
        for (i, node) in (0..).zip(&self.plan.nodes) {
            let Some(parent) = node.parent else { continue };
            let (Some(input), now) = (self.widths().of(parent)?, self.widths().of(i)?) else { continue };
            let fit = match (self.next.fits.get(&i), now, node.fitted) {
                (Some(fit), _, _) if !self.before.fits.contains_key(&i) => fit.clone(),
                (None, Some(columns), None) if self.stage == 1 || before.of(i)?.is_none() => {
                    Fit::Done { model: Blob::default(), columns: columns as u32 }
                }
                _ => continue,
            };
            found.push(LayerFit { node: i, input: input as u32, fit });
        }
        Ok(found)
    }
}
