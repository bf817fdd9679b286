//! `Task` and [`Work`].

use super::digest::{blob, blobs, digests};
use super::{ConvertError, required};
use crate::v1::{self, Digest, task};
use isoscope_core::task::{BlobRef, Finish, Merge, Pass, Work};
use isoscope_core::tree::Node;

impl From<Node> for v1::TreeNode {
    fn from(node: Node) -> Self {
        Self { level: node.level, index: node.index }
    }
}

impl From<v1::TreeNode> for Node {
    fn from(node: v1::TreeNode) -> Self {
        Self { level: node.level, index: node.index }
    }
}

impl TryFrom<&Work> for v1::Task {
    type Error = ConvertError;

    fn try_from(work: &Work) -> Result<Self, ConvertError> {
        let work = match work {
            Work::Survey { study } => {
                task::Work::Survey(v1::SurveyWork { study: Some(Digest::try_from(study)?) })
            }
            Work::Pass(pass) => task::Work::Pass(pass_to_wire(pass)?),
            Work::Merge(merge) => task::Work::Merge(merge_to_wire(merge)?),
            Work::Finish(finish) => task::Work::Finish(finish_to_wire(finish)?),
        };
        Ok(Self { work: Some(work) })
    }
}

impl TryFrom<&v1::Task> for Work {
    type Error = ConvertError;

    fn try_from(task: &v1::Task) -> Result<Self, ConvertError> {
        Ok(match required("work", task.work.as_ref())? {
            task::Work::Survey(survey) => Self::Survey { study: blob("study", survey.study.as_ref())? },
            task::Work::Pass(pass) => Self::Pass(pass_from_wire(pass)?),
            task::Work::Merge(merge) => Self::Merge(merge_from_wire(merge)?),
            task::Work::Finish(finish) => Self::Finish(finish_from_wire(finish)?),
        })
    }
}

fn pass_to_wire(pass: &Pass) -> Result<v1::PassWork, ConvertError> {
    Ok(v1::PassWork {
        plan: Some(Digest::try_from(&pass.plan)?),
        subject: pass.subject,
        stage: pass.stage,
        node: Some(pass.node.into()),
        slots: pass.slots.clone(),
        broadcasts: digests("broadcasts", &pass.broadcasts)?,
    })
}

fn pass_from_wire(pass: &v1::PassWork) -> Result<Pass, ConvertError> {
    Ok(Pass {
        plan: blob("plan", pass.plan.as_ref())?,
        subject: pass.subject,
        stage: pass.stage,
        node: required("node", pass.node)?.into(),
        slots: pass.slots.clone(),
        broadcasts: blobs("broadcasts", &pass.broadcasts)?,
    })
}

fn merge_to_wire(merge: &Merge) -> Result<v1::MergeWork, ConvertError> {
    let layer = |nodes: &Vec<BlobRef>| Ok(v1::LayerNodes { nodes: digests("layers", nodes)? });
    Ok(v1::MergeWork {
        plan: Some(Digest::try_from(&merge.plan)?),
        subject: merge.subject,
        stage: merge.stage,
        node: Some(merge.node.into()),
        slots: merge.slots.clone(),
        layers: merge.layers.iter().map(layer).collect::<Result<_, ConvertError>>()?,
        broadcasts: digests("broadcasts", &merge.broadcasts)?,
    })
}

fn merge_from_wire(merge: &v1::MergeWork) -> Result<Merge, ConvertError> {
    let layer = |(i, layer): (usize, &v1::LayerNodes)| blobs(&format!("layers[{i}].nodes"), &layer.nodes);
    Ok(Merge {
        plan: blob("plan", merge.plan.as_ref())?,
        subject: merge.subject,
        stage: merge.stage,
        node: required("node", merge.node)?.into(),
        slots: merge.slots.clone(),
        layers: merge.layers.iter().enumerate().map(layer).collect::<Result<_, _>>()?,
        broadcasts: blobs("broadcasts", &merge.broadcasts)?,
    })
}

fn finish_to_wire(finish: &Finish) -> Result<v1::FinishWork, ConvertError> {
    Ok(v1::FinishWork {
        plan: Some(Digest::try_from(&finish.plan)?),
        subject: finish.subject,
        stage: finish.stage,
        slot: finish.slot,
        groups: digests("groups", &finish.groups)?,
        broadcast: finish.broadcast.as_ref().map(Digest::try_from).transpose()?,
        carry: finish.carry.as_ref().map(Digest::try_from).transpose()?,
    })
}

fn finish_from_wire(finish: &v1::FinishWork) -> Result<Finish, ConvertError> {
    let optional = |field: &str, digest: Option<&Digest>| digest.map(|d| blob(field, Some(d))).transpose();
    Ok(Finish {
        plan: blob("plan", finish.plan.as_ref())?,
        subject: finish.subject,
        stage: finish.stage,
        slot: finish.slot,
        groups: blobs("groups", &finish.groups)?,
        broadcast: optional("broadcast", finish.broadcast.as_ref())?,
        carry: optional("carry", finish.carry.as_ref())?,
    })
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use isoscope_core::digest::sha256;

    fn named(name: &str) -> BlobRef {
        BlobRef { digest: sha256(name.as_bytes()), size: name.len() as u64 }
    }

    fn every_kind() -> Vec<Work> {
        let (plan, node) = (named("plan"), Node { level: 3, index: 1 << 40 });
        vec![
            Work::Survey { study: named("study") },
            Work::Pass(Pass {
                plan: plan.clone(),
                subject: 1,
                stage: 2,
                node,
                slots: vec![3, 6],
                broadcasts: vec![named("b0"), named("b1")],
            }),
            Work::Merge(Merge {
                plan: plan.clone(),
                subject: 0,
                stage: 1,
                node,
                slots: vec![0, 1],
                layers: vec![vec![named("a"), named("b")], vec![]],
                broadcasts: vec![],
            }),
            Work::Finish(Finish {
                plan: plan.clone(),
                subject: 7,
                stage: 1,
                slot: 12,
                groups: vec![named("g")],
                broadcast: None,
                carry: None,
            }),
            Work::Finish(Finish {
                plan,
                subject: 7,
                stage: 2,
                slot: 12,
                groups: vec![named("g")],
                broadcast: Some(named("b")),
                carry: Some(named("c")),
            }),
        ]
    }

    #[test]
    fn every_kind_of_work_survives_the_wire() {
        for work in every_kind() {
            let wire = v1::Task::try_from(&work).unwrap();
            assert_eq!(Work::try_from(&wire).unwrap(), work);
        }
    }

    #[test]
    fn a_task_without_work_or_node_is_refused_by_field() {
        assert_eq!(Work::try_from(&v1::Task { work: None }).unwrap_err().field, "work");
        let mut wire = v1::Task::try_from(&every_kind()[1]).unwrap();
        if let Some(task::Work::Pass(pass)) = wire.work.as_mut() {
            pass.node = None;
        }
        assert_eq!(Work::try_from(&wire).unwrap_err().field, "node");
    }
}
