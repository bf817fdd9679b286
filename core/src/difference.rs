//! Differences of values on the same rows: encoders against a baseline encoder, enhanced spaces against `raw`.
//!
//! Both values rest on the same text, so their errors go together. The error of a difference is therefore estimated from the
//! differences of the values with the same block left out: what the blocks do to both cancels.

use crate::holm::holm;
use crate::jackknife::standard_error;
use crate::result::{Difference, DifferenceKind, Measurement, OK};
use crate::study::RAW;
use std::collections::BTreeMap;

/// Errors below this share of the values are rounding, and a test would be one of rounding.
const ROUNDING: f64 = 1e-12;

/// A value and what its error rests on.
#[derive(Debug, Clone, Copy)]
pub struct Replicated<'a> {
    /// The value.
    pub row: &'a Measurement,
    /// Values with one block of the rows left out; empty when there are none.
    pub replicates: &'a [f64],
    /// Rows of the dataset in each block.
    pub blocks: &'a [u64],
}

/// Everything that tells one value from another, but the encoder and the space.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
struct Place<'a> {
    dataset: &'a str,
    layer: u32,
    by: &'a str,
    group: &'a str,
    metric: &'a str,
    params: &'a str,
    part: &'a str,
}

type Values<'a, 'v> = BTreeMap<(Place<'a>, &'a str, &'a str), &'v Replicated<'a>>;

/// Takes differences of all values that have an error, in order of key, part and kind.
///
/// An encoder's value is compared with that of the encoder `baseline` on the same dataset, layer and space; a value in an enhanced
/// space with that of the same encoder in `raw`. Where the other value was never measured there is no row. Comparisons have none.
#[must_use]
pub fn differences(values: &[Replicated<'_>], baseline: &str) -> Vec<Difference> {
    let alone = values.iter().filter(|value| value.row.key.other.is_empty());
    let known: Values<'_, '_> = alone.map(|value| (identity(value.row), value)).collect();
    let mut found = Vec::new();
    for ((place, model, space), value) in &known {
        let against = |model, space| known.get(&(place.clone(), model, space)).copied();
        if !model.is_empty() && *model != baseline {
            found.extend(
                against(baseline, space).and_then(|base| difference(value, base, DifferenceKind::Model)),
            );
        }
        if *space != RAW {
            found.extend(against(model, RAW).and_then(|base| difference(value, base, DifferenceKind::Space)));
        }
    }
    correct(&mut found);
    found.sort_by(|a, b| (&a.key, &a.part, a.kind).cmp(&(&b.key, &b.part, b.kind)));
    found
}

fn identity(row: &Measurement) -> (Place<'_>, &str, &str) {
    let key = &row.key;
    let place = Place {
        dataset: &key.dataset,
        layer: key.layer,
        by: &key.by,
        group: &key.group,
        metric: &key.metric,
        params: &key.params,
        part: &row.part,
    };
    (place, &key.model, &key.space)
}

/// None when neither value has an error.
fn difference(value: &Replicated<'_>, base: &Replicated<'_>, kind: DifferenceKind) -> Option<Difference> {
    if value.replicates.is_empty() && base.replicates.is_empty() {
        return None;
    }
    let name = |of: &Replicated<'_>| match kind {
        DifferenceKind::Model => of.row.key.model.clone(),
        DifferenceKind::Space => of.row.key.space.clone(),
    };
    let mut row = Difference {
        key: value.row.key.clone(),
        part: value.row.part.clone(),
        kind,
        baseline: name(base),
        difference: value.row.value.zip(base.row.value).map(|(a, b)| a - b),
        std_err: None,
        z: None,
        p: None,
        p_holm: None,
        blocks: 0,
        status: OK.to_owned(),
    };
    if let Err(reason) = test(&mut row, value, base, &name) {
        row.status = reason;
    }
    Some(row)
}

/// Estimates the error of a difference and tests it against zero; says why where that cannot be done.
fn test(
    row: &mut Difference,
    value: &Replicated<'_>,
    base: &Replicated<'_>,
    name: &dyn Fn(&Replicated<'_>) -> String,
) -> Result<(), String> {
    for one in [value, base] {
        if one.row.value.is_none() {
            return Err(format!("`{}` has no value: {}", name(one), one.row.status));
        }
    }
    let (Some(a), Some(b), Some(difference)) = (value.row.value, base.row.value, row.difference) else {
        return Ok(());
    };
    if let Some(one) = [value, base].into_iter().find(|one| one.replicates.is_empty()) {
        return Err(format!("the error of `{}` could not be estimated", name(one)));
    }
    if value.blocks != base.blocks {
        return Err(format!(
            "`{}` and `{}` are cut into different blocks; set plan.shard_rows to cut them alike",
            name(value),
            name(base)
        ));
    }
    let paired: Vec<f64> = value.replicates.iter().zip(base.replicates).map(|(a, b)| a - b).collect();
    let error = standard_error(difference, &paired, value.blocks);
    let error = error.ok_or_else(|| "the error of the difference could not be estimated".to_owned())?;
    row.std_err = Some(error);
    row.blocks = value.blocks.len() as u32;
    if error <= ROUNDING * a.abs().max(b.abs()) {
        return Err("the blocks do not differ, so there is no error to test with".to_owned());
    }
    let z = difference / error;
    row.z = Some(z);
    row.p = Some(libm::erfc(z.abs() / std::f64::consts::SQRT_2));
    Ok(())
}

/// Corrects the p-values of each metric and kind.
fn correct(found: &mut [Difference]) {
    let mut families: BTreeMap<(String, DifferenceKind), Vec<usize>> = BTreeMap::new();
    for (i, row) in found.iter().enumerate().filter(|(_, row)| row.p.is_some()) {
        families.entry((row.key.metric.clone(), row.kind)).or_default().push(i);
    }
    for family in families.into_values() {
        let p: Vec<f64> = family.iter().filter_map(|&i| found[i].p).collect();
        for (i, corrected) in family.into_iter().zip(holm(&p)) {
            found[i].p_holm = Some(corrected);
        }
    }
}

#[cfg(test)]
mod tests;
