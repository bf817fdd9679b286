#![allow(clippy::unwrap_used)]

use super::*;
use isoscope_core::artefact::SCHEMA;
use ndarray::array;

/// A chain of row-wise enhancements, which have no model.
fn chain(ids: &[&str]) -> Artefact {
    let plugins = PluginSet::built_in().unwrap().facts();
    let enhance = plugins.iter().find(|plugin| plugin.manifest.id == "org.isoscope.enhance").unwrap();
    let step = |id: &&str| FittedStep {
        op: OpRef {
            plugin: enhance.manifest.id.clone(),
            plugin_version: enhance.manifest.version.clone(),
            plugin_digest: enhance.digest.clone(),
            id: (*id).to_owned(),
            definition: 1,
            params: "{}".to_owned(),
        },
        input: 2,
        output: 2,
        model: None,
    };
    Artefact {
        schema: SCHEMA,
        study: "s".to_owned(),
        plan_digest: String::new(),
        model: String::new(),
        weights_digest: String::new(),
        dataset: "d".to_owned(),
        dataset_digest: String::new(),
        layer: 0,
        space: "unit".to_owned(),
        unit: "row".to_owned(),
        pooling: String::new(),
        seed: 0,
        steps: ids.iter().map(step).collect(),
    }
}

fn open(artefact: &Artefact) -> Result<Transform, TransformError> {
    Transform::open(artefact, &PluginSet::built_in().unwrap())
}

#[test]
fn steps_are_applied_in_order() {
    let transform = open(&chain(&["l2_normalize", "l2_normalize"])).unwrap();
    assert_eq!((transform.input(), transform.output()), (2, 2));
    assert!(transform.warnings.is_empty());
    let mapped = transform.apply(array![[3.0, 4.0], [0.0, 2.0]].view(), 0).unwrap();
    for (found, expected) in mapped.iter().zip([0.6, 0.8, 0.0, 1.0]) {
        assert!((found - expected).abs() < 1e-12, "{mapped}");
    }
}

#[test]
fn another_build_of_the_plugin_is_a_warning() {
    let mut artefact = chain(&["l2_normalize"]);
    artefact.steps[0].op.plugin_digest = "sha256:other".to_owned();
    let transform = open(&artefact).unwrap();
    assert!(transform.warnings[0].contains("sha256:other"), "{:?}", transform.warnings);
}

#[test]
fn what_cannot_be_applied_is_refused_with_what_to_do() {
    let refused = |artefact: &Artefact| open(artefact).err().unwrap().to_string();
    let mut newer = chain(&["l2_normalize"]);
    newer.steps[0].op.definition = 99;
    assert!(refused(&newer).contains("name the directory of that plugin with --plugins"));
    assert!(refused(&chain(&[])).contains("no enhancement"));
    let mut wide = chain(&["l2_normalize"]);
    wide.steps[0].output = 3;
    assert!(refused(&wide).contains("fit it again"));
}
