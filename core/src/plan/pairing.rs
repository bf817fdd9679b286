//! Comparisons: which two clouds meet, and the subjects in which they do.

use super::cut::{Cut, rows_of_a_task};
use super::subjects::{layers, matrix, planned, text};
use super::{PlannedModel, Subject};
use crate::facts::{DatasetFacts, Facts, ModelFacts};
use crate::study::{ComparisonSpec, DatasetSpec, Format, LayerPairs, ModelSpec, Study, nearest};
use crate::violation::Violation;
use serde::{Deserialize, Serialize};

/// The two sides of a comparison: names of encoders, or of matrices.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Pairing {
    /// The first.
    pub left: String,
    /// The second.
    pub right: String,
    /// Which of their layers meet.
    pub layers: LayerPairs,
}

/// The second side of a subject.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Partner {
    /// Who meets whom.
    pub pairing: Pairing,
    /// The encoder; none for a matrix.
    pub model: Option<PlannedModel>,
    /// Its dataset: that of the subject for encoders, another for matrices.
    pub dataset: DatasetSpec,
    /// What is known of it.
    pub dataset_facts: DatasetFacts,
    /// The layer that meets each of the subject's.
    pub layers: Vec<u32>,
    /// Width of a row.
    pub width: u32,
}

impl Partner {
    /// Name of the encoder, or of the matrix.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.pairing.right
    }
}

/// Resolves who meets whom in a `[[comparison]]` entry.
pub(super) fn resolve(
    study: &Study,
    spec: &ComparisonSpec,
    path: &str,
    found: &mut Vec<Violation>,
) -> Option<Pairing> {
    let models: Vec<&str> = study.model.iter().map(|model| model.name.as_str()).collect();
    let matrices = study.dataset.iter().filter(|d| d.resolved_format() == Some(Format::Npy));
    let matrices: Vec<&str> = matrices.map(|dataset| dataset.name.as_str()).collect();
    let [left, right] = match &spec.between {
        Some([left, right]) => [left.as_str(), right.as_str()],
        None => match (models.as_slice(), matrices.as_slice()) {
            (&[left, right], _) | (&[], &[left, right]) => [left, right],
            _ => {
                let message =
                    "name the two encoders, or the two matrices, that are compared: between = [\"a\", \"b\"]";
                found.push(Violation::new(format!("{path}.between"), message));
                return None;
            }
        },
    };
    let both = |names: &[&str]| names.contains(&left) && names.contains(&right);
    if left == right {
        let message = format!("`{left}` is compared with itself; name two different ones");
        found.push(Violation::new(format!("{path}.between"), message));
        return None;
    }
    if !both(&models) && !both(&matrices) {
        let known: Vec<&str> = models.iter().chain(&matrices).copied().collect();
        let unknown = if known.contains(&left) { right } else { left };
        let message = match nearest(unknown, known.iter().copied()) {
            _ if known.contains(&unknown) => {
                format!("`{left}` and `{right}` are an encoder and a matrix; compare two of a kind")
            }
            Some(near) => format!("there is no encoder or matrix `{unknown}`; did you mean `{near}`?"),
            None => format!("there is no encoder or matrix `{unknown}`; there are: {}", known.join(", ")),
        };
        found.push(Violation::new(format!("{path}.between"), message));
        return None;
    }
    Some(Pairing { left: left.to_owned(), right: right.to_owned(), layers: spec.layers })
}

/// Plans the subjects of a pairing: one for each dataset of text, or the one of two matrices.
pub(super) fn subjects(
    study: &Study,
    facts: &Facts,
    pairing: &Pairing,
    found: &mut Vec<Violation>,
) -> Vec<Subject> {
    let model = |name: &str| study.model.iter().zip(&facts.models).find(|(model, _)| model.name == name);
    let (Some(left), Some(right)) = (model(&pairing.left), model(&pairing.right)) else {
        return of_matrices(study, facts, pairing, found).into_iter().collect();
    };
    if left.1.tokenizer_digest != right.1.tokenizer_digest {
        let message = format!(
            "`{}` and `{}` have different tokenizers, so their tokens do not correspond; compare encoders that share one",
            pairing.left, pairing.right
        );
        found.push(Violation::new("comparison.between", message));
        return Vec::new();
    }
    let datasets = study.dataset.iter().zip(&facts.datasets);
    let texts = datasets.filter(|(_, facts)| facts.format != Format::Npy);
    texts
        .map(|dataset| of_encoders(study, &facts.numerics_class, pairing, left, right, dataset, found))
        .collect()
}

type Of<'a, Spec, Facts> = (&'a Spec, &'a Facts);

fn of_encoders(
    study: &Study,
    numerics_class: &str,
    pairing: &Pairing,
    left: Of<'_, ModelSpec, ModelFacts>,
    right: Of<'_, ModelSpec, ModelFacts>,
    dataset: Of<'_, DatasetSpec, DatasetFacts>,
    found: &mut Vec<Violation>,
) -> Subject {
    let (own, others) = (layers(study, left.0, left.1, found), layers(study, right.0, right.1, found));
    let pairs: Vec<(u32, u32)> = match pairing.layers {
        LayerPairs::Same => own.iter().filter(|layer| others.contains(layer)).map(|&l| (l, l)).collect(),
        LayerPairs::All => own.iter().flat_map(|&l| others.iter().map(move |&other| (l, other))).collect(),
    };
    let mut subject = text(study, numerics_class, left, dataset, pairs.iter().map(|pair| pair.0).collect());
    // Both sides must keep the same tokens.
    subject.max_tokens = subject.max_tokens.min(right.1.max_positions);
    let sides = dataset.1.sides;
    let task_rows = rows_of_a_task(numerics_class, &[left.1, right.1], sides, subject.max_tokens);
    let cut = Cut::new(study, dataset.1.rows, task_rows);
    Subject {
        shard_rows: cut.shard_rows,
        shards: cut.shards,
        block_level: cut.block_level,
        group_level: cut.group_level,
        partner: Some(Partner {
            pairing: pairing.clone(),
            model: Some(planned(study, right.0, right.1)),
            dataset: dataset.0.clone(),
            dataset_facts: dataset.1.clone(),
            layers: pairs.iter().map(|pair| pair.1).collect(),
            width: right.1.width,
        }),
        ..subject
    }
}

fn of_matrices(
    study: &Study,
    facts: &Facts,
    pairing: &Pairing,
    found: &mut Vec<Violation>,
) -> Option<Subject> {
    let matrix_of = |name: &str| study.dataset.iter().zip(&facts.datasets).find(|(d, _)| d.name == name);
    let (left, right) = (matrix_of(&pairing.left)?, matrix_of(&pairing.right)?);
    if left.1.rows != right.1.rows {
        let message = format!(
            "`{}` has {} rows and `{}` has {}: row i of one must be row i of the other",
            pairing.left, left.1.rows, pairing.right, right.1.rows
        );
        found.push(Violation::new("comparison.between", message));
        return None;
    }
    let partner = Partner {
        pairing: pairing.clone(),
        model: None,
        dataset: right.0.clone(),
        dataset_facts: right.1.clone(),
        layers: vec![0],
        width: right.1.width.unwrap_or(0),
    };
    Some(Subject { partner: Some(partner), ..matrix(study, left.0, left.1) })
}
