//! Fitted chains of enhancements, one file a space and layer.

use super::AssembleError;
use super::key::{pooling, unit};
use isoscope_core::artefact::{Artefact, FittedStep, SCHEMA};
use isoscope_core::plan::{Plan, Space, Subject};
use isoscope_core::result::LayerFit;
use isoscope_core::state::Fit;
use serde::Serialize;
use std::collections::{BTreeMap, BTreeSet};

/// Folder of the files.
const FOLDER: &str = "transforms";
/// Longest part of a file's name, in characters; file systems take 255 bytes in all.
const LONGEST: usize = 60;

/// A chain that has no file.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Skipped {
    /// Name of the encoder; empty for a matrix.
    pub model: String,
    /// Name of the dataset.
    pub dataset: String,
    /// Layer.
    pub layer: u32,
    /// Name of the space.
    pub space: String,
    /// Why.
    pub reason: String,
}

/// Makes the files of a job, layer by layer, and gives each a name of its own.
#[derive(Debug)]
pub struct Chains<'a> {
    plan: &'a Plan,
    digest: String,
    taken: BTreeSet<String>,
    /// The chains that have no file so far.
    pub skipped: Vec<Skipped>,
}

impl<'a> Chains<'a> {
    /// Begins with no file.
    ///
    /// # Errors
    /// When the plan cannot be encoded.
    pub fn new(plan: &'a Plan) -> Result<Self, AssembleError> {
        Ok(Self { plan, digest: plan.digest()?, taken: BTreeSet::new(), skipped: Vec::new() })
    }

    /// Makes the files of one layer of a subject from all of its fits: name and bytes, in the study's order of spaces.
    ///
    /// # Errors
    /// When the plan has no such subject, or a file cannot be encoded.
    pub fn files(
        &mut self,
        subject: u32,
        slot: u32,
        fits: &BTreeMap<u32, LayerFit>,
    ) -> Result<Vec<(String, Vec<u8>)>, AssembleError> {
        let plan = self.plan;
        let subject = plan.subjects.get(subject as usize).ok_or(AssembleError::Foreign)?;
        let layer = *subject.layers.get(slot as usize).ok_or(AssembleError::Foreign)?;
        let mut files = Vec::new();
        for space in plan.spaces.iter().filter(|space| space.node != 0) {
            match self.steps(space, fits) {
                Ok(steps) => {
                    let bytes = self.artefact(subject, layer, space, steps).to_bytes()?;
                    files.push((self.name(subject, layer, space), bytes));
                }
                Err(reason) => self.skipped.push(Skipped {
                    model: subject.model_name().to_owned(),
                    dataset: subject.dataset.name.clone(),
                    layer,
                    space: space.name.clone(),
                    reason,
                }),
            }
        }
        Ok(files)
    }

    /// The steps of a space, or why they are not all there.
    fn steps(&self, space: &Space, fits: &BTreeMap<u32, LayerFit>) -> Result<Vec<FittedStep>, String> {
        let mut steps = Vec::new();
        for at in self.plan.chain(space.node) {
            let node = &self.plan.nodes[at as usize];
            let (Some(step), Some(found)) = (&node.step, fits.get(&at)) else {
                return Err("it was not fitted, because nothing was measured in it".to_owned());
            };
            let (model, output) = match &found.fit {
                Fit::Done { model, columns } => (model.0.clone(), *columns),
                Fit::Failed { reason } => return Err(reason.clone()),
            };
            steps.push(FittedStep {
                op: step.op.clone(),
                input: found.input,
                output,
                model: node.fitted.map(|_| model),
            });
        }
        Ok(steps)
    }

    fn artefact(&self, subject: &Subject, layer: u32, space: &Space, steps: Vec<FittedStep>) -> Artefact {
        Artefact {
            schema: SCHEMA,
            study: self.plan.study.name.clone(),
            plan_digest: self.digest.clone(),
            model: subject.model_name().to_owned(),
            weights_digest: subject
                .model
                .as_ref()
                .map(|m| m.facts.weights_digest.clone())
                .unwrap_or_default(),
            dataset: subject.dataset.name.clone(),
            dataset_digest: subject.dataset_facts.digest.clone(),
            layer,
            space: space.name.clone(),
            unit: unit(self.plan, subject).to_owned(),
            pooling: pooling(subject),
            seed: self.plan.study.seed,
            steps,
        }
    }

    /// `transforms/MODEL.DATASET.layerNN.SPACE.safetensors`; a number tells names apart that are equal once they are made fit for
    /// file systems.
    fn name(&mut self, subject: &Subject, layer: u32, space: &Space) -> String {
        let model = subject.model.as_ref().map(|model| format!("{}.", tame(&model.name))).unwrap_or_default();
        let stem =
            format!("{FOLDER}/{model}{}.layer{layer:02}.{}", tame(&subject.dataset.name), tame(&space.name));
        let names = (1..).map(|i| if i == 1 { stem.clone() } else { format!("{stem}-{i}") });
        let name = names.map(|name| format!("{name}.safetensors")).find(|name| !self.taken.contains(name));
        let name = name.unwrap_or(stem);
        self.taken.insert(name.clone());
        name
    }
}

/// Makes a name that every file system and shell takes as it is.
fn tame(name: &str) -> String {
    let plain = |c: char| if c.is_ascii_alphanumeric() || "_-+=,".contains(c) { c } else { '_' };
    name.chars().take(LONGEST).map(plain).collect()
}

#[cfg(test)]
mod tests {
    use super::tame;

    #[test]
    fn names_lead_to_no_other_folder_and_hide_nothing() {
        assert_eq!(tame("abtt(components=3)+l2_normalize"), "abtt_components=3_+l2_normalize");
        assert_eq!(tame("../../etc/passwd"), "______etc_passwd");
        assert_eq!(tame(".é"), "__");
        assert_eq!(tame(&"x".repeat(300)).len(), 60);
    }
}
