//! The life of an op: it opens, it ends, it reports what it declares.

use isoscope_core::catalogue::{Needs, OutputManifest};
use isoscope_plugin_host::OpError;
use ndarray::Axis;
use serde_json::{Map, Value};

use crate::Cloud;
use crate::breach::{Breach, HOLDS, Judged, broken, does_not_apply};
use crate::cut::Cut;
use crate::drive::Subject;
use crate::report::name;

/// Ends over ordinary rows, equal rows and no rows. Other failures are other laws' business.
pub(crate) fn passes_are_bounded(subject: &Subject) -> Judged {
    let ordinary = subject.cloud();
    let equal = ordinary.map(|rows| rows.select(Axis(0), &vec![0; rows.nrows()]));
    let clouds =
        [(ordinary, "ordinary rows"), (equal, "equal rows"), (Cloud::ordinary(&subject.op, 0, 1), "no rows")];
    for (cloud, what) in clouds {
        if let Err(Breach::Endless) = subject.evaluate(&cloud, &Cut::whole(&cloud)) {
            return broken(format!("over {what} it asks for more than {} passes", crate::MAX_PASSES));
        }
    }
    HOLDS
}

/// Reports everything that it declares, once, and something of it has a value.
pub(crate) fn ordinary_rows(subject: &Subject) -> Judged {
    let cloud = subject.cloud();
    let report = match subject.evaluate(&cloud, &Cut::whole(&cloud)) {
        Err(Breach::Endless) => return does_not_apply("it does not end: see passes-are-bounded"),
        answered => answered?.report,
    };
    report.refuse_nonfinite()?;
    if let Some(key) = report.twice.first() {
        return broken(format!("{key} is reported twice"));
    }
    let reported = |output: &&OutputManifest| !report.entries.keys().any(|(metric, _)| output.covers(metric));
    // An id that ends in * stands for what parameters name, which may be nothing.
    if let Some(output) = subject.op.outputs.iter().filter(|output| !output.id.ends_with('*')).find(reported)
    {
        return broken(format!(
            "{} is declared but not reported: write a value, or a null with a reason",
            output.id
        ));
    }
    let null = report.entries.iter().find(|(_, entry)| entry.status != "ok");
    let all_null = report.entries.values().all(|entry| entry.status != "ok");
    match null {
        Some((key, entry)) if all_null => {
            broken(format!("nothing has a value over ordinary rows; {}: {}", name(key), entry.status))
        }
        Some((key, entry)) => Ok(format!("{} has no value: {}", name(key), entry.status)),
        None => HOLDS,
    }
}

/// Offers the functions that the manifest promises.
pub(crate) fn functions(subject: &Subject) -> Judged {
    let cloud = subject.cloud();
    let op = subject.open(&cloud.widths(), "{}")?;
    let manifest = &subject.op;
    if matches!(manifest.needs, Needs::Moments | Needs::MomentsThenRows) && !op.can_measure() {
        return broken("needs says moments, but the op offers no iso.moments/1");
    }
    if subject.is_enhancement() != op.can_apply() {
        return broken(if op.can_apply() {
            "the op offers apply, but its kind is not enhancement"
        } else {
            "the kind is enhancement, but the op offers no apply"
        });
    }
    if !subject.is_enhancement() {
        return if manifest.affine {
            broken("affine is said of an op that is no enhancement")
        } else {
            HOLDS
        };
    }
    if matches!(manifest.needs, Needs::MomentsThenRows | Needs::Sample) {
        return broken("an enhancement is fitted on moments, on rows or on nothing: needs must say so");
    }
    let measured = subject.run(&op, &cloud, &Cut::whole(&cloud))?;
    match (manifest.affine, op.affine(&measured.model, cloud.widths()[0])?.is_some()) {
        (true, false) => broken("the manifest says affine, but the op gives no affine form"),
        (false, true) => broken("the op gives an affine form, but its manifest does not say affine"),
        _ => HOLDS,
    }
}

/// Takes its defaults when they are given in full, and gives the same.
pub(crate) fn defaults(subject: &Subject) -> Judged {
    let properties = subject.op.params.get("properties").and_then(Value::as_object);
    let given: Map<String, Value> = properties
        .into_iter()
        .flatten()
        .filter_map(|(name, schema)| Some((name.clone(), schema.get("default")?.clone())))
        .collect();
    let (cloud, written) = (subject.cloud(), Value::Object(given).to_string());
    let cut = Cut::whole(&cloud);
    let implied = subject.evaluate(&cloud, &cut)?.report;
    let explicit = subject.run(&subject.open(&cloud.widths(), &written)?, &cloud, &cut)?.report;
    implied.identical(&explicit, &format!("when the defaults are written out: {written}"))?;
    subject.open(&cloud.widths(), "")?;
    HOLDS
}

/// Refuses what it does not know.
pub(crate) fn unknown_parameter(subject: &Subject) -> Judged {
    let params = r#"{"no_plugin_has_this_parameter": 1}"#;
    match subject.open(&subject.cloud().widths(), params) {
        Ok(_) => broken("it took a parameter that it does not know: a misspelt name would go unnoticed"),
        Err(OpError::Invalid { .. }) => HOLDS,
        Err(error) => broken(format!("it refused, but not with ISO_INVALID: {error}")),
    }
}
