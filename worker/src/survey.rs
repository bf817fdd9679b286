//! A survey: what the sources of a study are, found out before it is planned.

use crate::dataset;
use crate::error::WorkerError;
use crate::models;
use crate::tasks::Context;
use isoscope_core::facts::{Facts, ModelFacts};
use isoscope_core::state::CodecError;
use isoscope_core::study::{ModelSpec, Study};
use isoscope_core::task::{BlobRef, Output};
use std::path::Path;

/// Opens every source of a study and stores the facts.
///
/// # Errors
/// When a source cannot be used; the error names the field of the study.
pub fn run(context: &Context<'_>, study: &BlobRef) -> Result<Output, WorkerError> {
    let codec = |what| move |e: serde_json::Error| CodecError { what, reason: e.to_string() };
    let study: Study = serde_json::from_slice(&context.blobs.get(study)?).map_err(codec("study"))?;
    let mut models = Vec::new();
    for (i, model) in study.model.iter().enumerate() {
        models.push(survey_model(model, i, context.base)?);
        context.progress();
    }
    let mut datasets = Vec::new();
    for (i, spec) in study.dataset.iter().enumerate() {
        let facts = dataset::survey(spec, context.base);
        datasets
            .push(facts.map_err(|source| WorkerError::Dataset { field: format!("dataset[{i}]"), source })?);
        context.progress();
    }
    let plugins = context.plugins.facts();
    let facts = Facts { models, datasets, plugins, numerics_class: context.numerics_class.to_owned() };
    let bytes = serde_json::to_vec(&facts).map_err(codec("facts"))?;
    Ok(Output::Facts(context.blobs.put(bytes)?))
}

fn survey_model(model: &ModelSpec, index: usize, base: &Path) -> Result<ModelFacts, WorkerError> {
    let field = format!("model[{index}].source");
    let source = models::Source { source: &model.source, base: model.base.as_deref() };
    Ok(models::facts(&models::open(source, &field, base, true)?))
}
