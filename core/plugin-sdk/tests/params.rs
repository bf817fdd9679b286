//! Parameters: defaults, aliases, refusals, and the schema in the manifest.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::float_cmp)]

use isoscope_plugin_sdk::prelude::*;
use serde_json::{Value, json};

params! {
    /// Every type.
    struct AllTypes {
        /// Number of "leading" directions
        /// to remove.
        components: u64 = 1_000, aliases ["k", "D"];
        offset: i64 = -3;
        zeta: Vec<f64> = [0.0, -0.2, 1e-3];
        none: Vec<f64> = [];
        eps: f64 = 1e-12;
        centre: bool = true;
        method: String = "zca-ä";
        limit: Option<u64> = None;
        some: Option<u64> = Some(7);
    }
}

/// An op with these parameters that does nothing.
struct Idle;

impl MomentMetric for Idle {
    const META: OpMeta = OpMeta {
        id: "idle",
        needs: Needs::Moments,
        parts: &[Part::Shape, Part::Second],
        outputs: &[
            Output::scalar("idle").range("[0, 1]").unit("bit").better(Better::Higher),
            Output::vector("idle.curve*").invariant(&[Invariance::Rotation, Invariance::Scale]),
        ],
        doc: "Does \"nothing\".\n\tReally.",
        formula: r"\frac{1}{n}",
        ..OpMeta::DEFAULT
    };
    type Params = AllTypes;

    fn open(_: AllTypes) -> Result<Self> {
        Ok(Self)
    }

    fn measure(&self, _: &Moments<'_>, _: &mut Out<'_>) -> Result<()> {
        Ok(())
    }
}

declare_plugin! { PLUGIN, id: "org.example.idle", ops: [MomentOp<Idle>] }

fn refusal(json: &str) -> String {
    match AllTypes::from_json(json) {
        Err(Error::Invalid(message)) => message,
        other => panic!("{other:?}"),
    }
}

#[test]
fn no_text_and_an_empty_object_give_the_defaults() {
    let defaults = AllTypes::default();
    assert_eq!(AllTypes::from_json("").unwrap(), defaults);
    assert_eq!(AllTypes::from_json(" {} ").unwrap(), defaults);
    assert_eq!((defaults.components, defaults.offset, defaults.eps), (1000, -3, 1e-12));
    assert_eq!(defaults.zeta, [0.0, -0.2, 1e-3]);
    assert_eq!((defaults.limit, defaults.some, defaults.method.as_str()), (None, Some(7), "zca-ä"));
}

#[test]
fn names_and_aliases_are_read() {
    let read = AllTypes::from_json(r#"{"D": 2, "eps": 1, "zeta": [1], "limit": 4, "some": null}"#).unwrap();
    assert_eq!((read.components, read.eps, read.limit, read.some), (2, 1.0, Some(4), None));
    assert_eq!(read.zeta, [1.0]);
}

#[test]
fn an_unknown_name_is_refused_with_the_nearest_one() {
    assert_eq!(
        refusal(r#"{"componets": 2}"#),
        "unknown parameter \"componets\": did you mean \"components\"?"
    );
    assert!(refusal(r#"{"zzzzzzzzzzzz": 2}"#).contains("known are components, offset, zeta"));
    let none = NoParams::from_json(r#"{"a": 2}"#).unwrap_err();
    assert_eq!(none, Error::Invalid("unknown parameter \"a\": this op takes none".to_owned()));
}

#[test]
fn a_value_of_another_type_is_refused() {
    assert_eq!(
        refusal(r#"{"components": -1}"#),
        "parameter \"components\" must be a whole number of at least 0, got -1"
    );
    assert_eq!(
        refusal(r#"{"zeta": [1, "a"]}"#),
        "parameter \"zeta\" must be a list of numbers, got [1,\"a\"]"
    );
    assert_eq!(refusal(r#"{"centre": 1}"#), "parameter \"centre\" must be true or false, got 1");
    assert_eq!(
        refusal(r#"{"k": 1, "components": 2}"#),
        "parameter \"components\" is given twice, once as \"k\": give it once"
    );
    assert!(refusal("[1]").contains("must be a JSON object"));
    assert!(refusal("{").contains("not JSON"));
}

fn manifest() -> Value {
    serde_json::from_slice(&MANIFEST).unwrap()
}

#[test]
fn the_manifest_holds_the_metadata() {
    let manifest = manifest();
    assert_eq!(manifest["schema"], 1);
    assert_eq!(manifest["id"], "org.example.idle");
    assert_eq!(manifest["version"], env!("CARGO_PKG_VERSION"));
    assert_eq!(manifest["abi"], json!({"major": 1, "min_minor": 0}));
    let mut op = manifest["ops"][0].clone();
    op.as_object_mut().unwrap().remove("params").unwrap();
    let expected = json!({
        "id": "idle", "kind": "metric", "version": 1, "needs": "moments", "parts": ["second", "shape"],
        "columns": [], "affine": false, "views": 1, "doc": "Does \"nothing\".\n\tReally.",
        "formula": "\\frac{1}{n}", "reference": "",
        "outputs": [
            {"id": "idle", "shape": "scalar", "unit": "bit", "range": "[0, 1]", "better": "higher", "invariant": []},
            {"id": "idle.curve*", "shape": "vector", "unit": "", "range": "", "better": "neither",
             "invariant": ["rotation", "scale"]},
        ],
    });
    assert_eq!(op, expected);
}

#[test]
fn the_manifest_holds_the_schema_and_its_defaults_read_back() {
    let schema = &manifest()["ops"][0]["params"];
    assert_eq!((&schema["type"], &schema["additionalProperties"]), (&json!("object"), &json!(false)));
    let properties = schema["properties"].as_object().unwrap();
    assert_eq!(properties.len(), AllTypes::FIELDS.len());
    assert_eq!(
        properties["components"],
        json!({"type": "integer", "minimum": 0, "description": "Number of \"leading\" directions to remove.",
               "default": 1000, "x-aliases": ["k", "D"]})
    );
    assert_eq!(properties["limit"]["type"], json!(["integer", "null"]));
    let defaults: serde_json::Map<_, _> =
        properties.iter().map(|(name, property)| (name.clone(), property["default"].clone())).collect();
    let read = AllTypes::from_json(&Value::Object(defaults).to_string()).unwrap();
    assert_eq!(read, AllTypes::default());
}

#[test]
fn the_table_answers_the_manifest_and_the_ops() {
    assert_eq!(PLUGIN.manifest.len, MANIFEST.len());
    assert_eq!((PLUGIN.abi_major, PLUGIN.abi_min_minor, PLUGIN.n_ops), (1, 0, 1));
}
