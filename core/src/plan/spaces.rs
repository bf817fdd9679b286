//! The tree of spaces: chains of enhancements that share prefixes share nodes.

use super::OpRef;
use crate::catalogue::{Needs, Part};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// A representation seen through a chain of enhancements.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct SpaceNode {
    /// The node whose rows this one's step maps; none for raw.
    pub parent: Option<u32>,
    /// The enhancement that leads here from the parent.
    pub step: Option<Step>,
    /// Stage at whose end the step is fitted; none when there is nothing to fit. A step that is fitted on rows may ask for more
    /// passes: every stage of this node and of those below it is then later by as many ([`super::Plan::delay`]).
    pub fitted: Option<u32>,
    /// First stage in which rows can be seen in this space.
    pub ready: u32,
    /// Where count, mean and scatter come from, if anything needs them.
    pub second: Option<SecondFrom>,
    /// Parts of the moments that the pass in stage `ready` folds from the rows.
    pub folded: Vec<Part>,
    /// Parts that the same pass folds for each group of rows, by the column whose values part them.
    pub grouped: BTreeMap<String, Vec<Part>>,
    /// Last stage whose end reads the moments of the node; they are carried until then.
    pub carried_to: u32,
}

/// An enhancement as a step between two spaces.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Step {
    /// Which enhancement.
    pub op: OpRef,
    /// What its fit needs.
    pub needs: Needs,
    /// Parts of the parent's moments that its fit reads.
    pub parts: Vec<Part>,
    /// Whether it maps moments in closed form.
    pub affine: bool,
}

/// Where the second moments of a space come from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum SecondFrom {
    /// A pass over the rows in this stage.
    Pass(u32),
    /// The parent's moments, mapped at the end of this stage; no row is read.
    ClosedForm(u32),
}

impl SecondFrom {
    /// Stage at whose end they are complete.
    #[must_use]
    pub fn stage(self) -> u32 {
        match self {
            Self::Pass(stage) | Self::ClosedForm(stage) => stage,
        }
    }
}

impl SpaceNode {
    pub(super) fn raw() -> Self {
        Self {
            parent: None,
            step: None,
            fitted: None,
            ready: 1,
            second: None,
            folded: Vec::new(),
            grouped: BTreeMap::new(),
            carried_to: 0,
        }
    }
}

/// Finds the node that `step` leads to from `parent`, adding it when it is new.
pub(super) fn descend(nodes: &mut Vec<SpaceNode>, parent: u32, step: Step) -> u32 {
    let known = nodes.iter().position(|n| n.parent == Some(parent) && n.step.as_ref() == Some(&step));
    if let Some(i) = known {
        return i as u32;
    }
    nodes.push(SpaceNode { parent: Some(parent), step: Some(step), ..SpaceNode::raw() });
    nodes.len() as u32 - 1
}
