//! Progress of one subject through its stages.

use super::progress::ProgressError;
use isoscope_core::plan::{Delays, Plan, Subject};
use isoscope_core::result::Tally;
use isoscope_core::task::{BlobRef, Finish, Merge, Output, Pass, Work};
use isoscope_core::tree::Node;
use std::collections::BTreeMap;

/// Most stages of a subject; an op that asks for more never converges.
const MOST_STAGES: u32 = 10_000;

/// State of each layer over one node of the merge tree.
type Layers = Vec<BlobRef>;

/// What the end of a stage left for the next one, for one layer.
#[derive(Debug, Clone)]
struct LayerEnd {
    broadcast: BlobRef,
    carry: BlobRef,
    again: bool,
}

/// Progress of one subject.
#[derive(Debug, Clone)]
pub(super) struct SubjectProgress {
    index: u32,
    plan: BlobRef,
    subject: Subject,
    /// The last stage with planned work on the layer of each slot.
    last_planned: Vec<u32>,
    stage: u32,
    /// Slots of the layers that are at work in this stage; none once the subject is finished.
    slots: Vec<u32>,
    /// Tasks of the stages before this one.
    tasks_before: u64,
    tally: Tally,
    blocks: Vec<Option<Layers>>,
    groups: Vec<Option<Layers>>,
    /// Of each layer at work, as are the broadcasts and carries of the stage before.
    ends: Vec<Option<LayerEnd>>,
    broadcasts: Vec<BlobRef>,
    carries: Vec<BlobRef>,
    /// By stage and slot.
    reports: BTreeMap<(u32, u32), BlobRef>,
}

impl SubjectProgress {
    pub(super) fn new(plan: &Plan, blob: &BlobRef, index: u32, subject: &Subject) -> Self {
        let slots: Vec<u32> = (0..subject.layers.len() as u32).collect();
        Self {
            index,
            plan: blob.clone(),
            last_planned: slots.iter().map(|&l| plan.last_stage(subject, l, &Delays::new())).collect(),
            stage: 1,
            tasks_before: 0,
            tally: Tally::default(),
            blocks: vec![None; subject.blocks().len()],
            groups: vec![None; subject.groups().len()],
            ends: vec![None; slots.len()],
            slots,
            broadcasts: Vec::new(),
            carries: Vec::new(),
            reports: BTreeMap::new(),
            subject: subject.clone(),
        }
    }

    pub(super) fn is_finished(&self) -> bool {
        self.slots.is_empty()
    }

    pub(super) fn stage(&self) -> u32 {
        self.stage
    }

    pub(super) fn stages(&self) -> u32 {
        self.last_planned.iter().copied().max().unwrap_or(1).max(self.stage)
    }

    pub(super) fn tally(&self) -> &Tally {
        &self.tally
    }

    /// Reports of all stages so far, stage by stage and in order of layers.
    pub(super) fn reports(&self) -> impl Iterator<Item = &BlobRef> {
        self.reports.values()
    }

    /// Number of tasks, as far as is known: those of the stages so far, and those that are planned.
    pub(super) fn tasks(&self) -> u64 {
        let later = (self.stage + 1..=self.stages())
            .map(|stage| self.tasks_of(self.last_planned.iter().filter(|&&last| last >= stage).count()));
        self.tasks_before + self.tasks_of(self.slots.len()) + later.sum::<u64>()
    }

    /// Number of tasks of a stage in which so many layers are at work.
    fn tasks_of(&self, layers: usize) -> u64 {
        if layers == 0 {
            return 0;
        }
        let merges =
            (0..self.groups.len()).filter(|&g| self.children(g).len() > 1 && self.has_merges()).count();
        (self.blocks.len() + merges + layers) as u64
    }

    /// The passes of the present stage.
    pub(super) fn passes(&self) -> Vec<Work> {
        let pass = |node| {
            Work::Pass(Pass {
                plan: self.plan.clone(),
                subject: self.index,
                stage: self.stage,
                node,
                slots: self.slots.clone(),
                broadcasts: self.broadcasts.clone(),
            })
        };
        self.subject.blocks().into_iter().map(pass).collect()
    }

    /// Takes note of a finished task; returns those that can run from now on. Changes nothing when it refuses.
    pub(super) fn done(&mut self, work: &Work, output: &Output) -> Result<Vec<Work>, ProgressError> {
        match (work, output) {
            (Work::Pass(pass), Output::Node { layers, tally }) => {
                self.in_stage(pass.stage)?;
                self.one_per_layer(layers)?;
                let tally = if self.stage == 1 { read_tally(tally)? } else { Tally::default() };
                let block = fresh(&self.blocks, pass.node.index)?;
                self.tally.add(&tally);
                self.blocks[block] = Some(layers.clone());
                Ok(self.after_block(block))
            }
            (Work::Merge(merge), Output::Node { layers, .. }) => {
                self.in_stage(merge.stage)?;
                self.one_per_layer(layers)?;
                let group = fresh(&self.groups, merge.node.index)?;
                self.groups[group] = Some(layers.clone());
                Ok(self.after_group())
            }
            (Work::Finish(finish), Output::Layer { report, broadcast, carry, again }) => {
                self.in_stage(finish.stage)?;
                let layer = self.slots.binary_search(&finish.slot).map_err(|_| ProgressError::NotExpected)?;
                let layer = fresh(&self.ends, layer as u64)?;
                if *again && self.stage >= MOST_STAGES {
                    return Err(ProgressError::Endless { slot: finish.slot, most: MOST_STAGES });
                }
                self.ends[layer] =
                    Some(LayerEnd { broadcast: broadcast.clone(), carry: carry.clone(), again: *again });
                self.reports.insert((self.stage, finish.slot), report.clone());
                Ok(self.after_end())
            }
            _ => Err(ProgressError::WrongOutput),
        }
    }

    fn in_stage(&self, stage: u32) -> Result<(), ProgressError> {
        if stage == self.stage && !self.is_finished() { Ok(()) } else { Err(ProgressError::NotExpected) }
    }

    fn one_per_layer(&self, layers: &[BlobRef]) -> Result<(), ProgressError> {
        let wanted = self.slots.len();
        if layers.len() == wanted { Ok(()) } else { Err(ProgressError::Layers { got: layers.len(), wanted }) }
    }

    fn has_merges(&self) -> bool {
        self.subject.block_level < self.subject.group_level
    }

    /// Blocks under a group.
    fn children(&self, group: usize) -> std::ops::Range<usize> {
        let width = 1usize << (self.subject.group_level - self.subject.block_level);
        group * width..((group + 1) * width).min(self.blocks.len())
    }

    fn after_block(&mut self, block: usize) -> Vec<Work> {
        let group = block >> (self.subject.group_level - self.subject.block_level);
        let children = self.children(group);
        let Some(done) = self.blocks[children].iter().map(Option::as_ref).collect::<Option<Vec<_>>>() else {
            return Vec::new();
        };
        if let [only] = done.as_slice() {
            // A lone node is its own ancestor.
            self.groups[group] = Some((*only).clone());
            return self.after_group();
        }
        let layers = (0..self.slots.len()).map(|l| done.iter().map(|node| node[l].clone()).collect());
        vec![Work::Merge(Merge {
            plan: self.plan.clone(),
            subject: self.index,
            stage: self.stage,
            node: Node { level: self.subject.group_level, index: group as u64 },
            slots: self.slots.clone(),
            layers: layers.collect(),
            broadcasts: self.broadcasts.clone(),
        })]
    }

    fn after_group(&self) -> Vec<Work> {
        let Some(done) = self.groups.iter().map(Option::as_ref).collect::<Option<Vec<_>>>() else {
            return Vec::new();
        };
        let finish = |(l, &slot): (usize, &u32)| {
            Work::Finish(Finish {
                plan: self.plan.clone(),
                subject: self.index,
                stage: self.stage,
                slot,
                groups: done.iter().map(|group| group[l].clone()).collect(),
                broadcast: self.broadcasts.get(l).cloned(),
                carry: self.carries.get(l).cloned(),
            })
        };
        self.slots.iter().enumerate().map(finish).collect()
    }

    fn after_end(&mut self) -> Vec<Work> {
        let Some(ends) = self.ends.iter().cloned().collect::<Option<Vec<LayerEnd>>>() else {
            return Vec::new();
        };
        self.tasks_before += self.tasks_of(self.slots.len());
        let goes_on = |slot: u32, end: &LayerEnd| {
            end.again || self.last_planned.get(slot as usize).is_some_and(|&last| last > self.stage)
        };
        let slots = std::mem::take(&mut self.slots);
        let next = slots.into_iter().zip(ends).filter(|(slot, end)| goes_on(*slot, end));
        let (slots, ends): (Vec<u32>, Vec<LayerEnd>) = next.unzip();
        if slots.is_empty() {
            return Vec::new();
        }
        self.slots = slots;
        self.broadcasts = ends.iter().map(|end| end.broadcast.clone()).collect();
        self.carries = ends.into_iter().map(|end| end.carry).collect();
        self.stage += 1;
        self.blocks.fill(None);
        self.groups.fill(None);
        self.ends = vec![None; self.slots.len()];
        self.passes()
    }
}

/// Finds the place of a task that has not been done yet.
fn fresh<T>(places: &[Option<T>], index: u64) -> Result<usize, ProgressError> {
    match usize::try_from(index).ok().and_then(|i| Some((i, places.get(i)?))) {
        Some((i, None)) => Ok(i),
        _ => Err(ProgressError::NotExpected),
    }
}

fn read_tally(json: &str) -> Result<Tally, ProgressError> {
    serde_json::from_str(json).map_err(|e| ProgressError::Tally { reason: e.to_string() })
}
