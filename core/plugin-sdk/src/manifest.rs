//! Makes the manifest, a JSON text, at compile time. [`declare_plugin!`](crate::declare_plugin!) calls it.

use isoscope_plugin_abi as abi;

use crate::json::Json;
use crate::params::ParamType;
use crate::{Op, OpMeta, Output, ParamMeta, Params, Part};

/// An op as the manifest lists it.
#[derive(Debug, Clone, Copy)]
pub struct OpEntry {
    meta: OpMeta,
    params: &'static [ParamMeta],
}

impl OpEntry {
    /// Collects what an op says of itself.
    #[must_use]
    pub const fn of<T: Op>() -> Self {
        Self { meta: T::META, params: <T::Params as Params>::FIELDS }
    }
}

/// Returns the bytes that [`manifest`] needs.
#[must_use]
pub const fn manifest_len(id: &str, version: &str, ops: &[OpEntry]) -> usize {
    let mut json = Json::new(&mut []);
    write(&mut json, id, version, ops);
    json.length()
}

/// Writes the manifest. Ids that are empty or used twice stop the compilation.
#[must_use]
pub const fn manifest<const N: usize>(id: &str, version: &str, ops: &[OpEntry]) -> [u8; N] {
    check(id, ops);
    let mut bytes = [0; N];
    let mut json = Json::new(&mut bytes);
    write(&mut json, id, version, ops);
    bytes
}

const fn check(id: &str, ops: &[OpEntry]) {
    assert!(!id.is_empty(), "a plugin has an id, e.g. \"org.example.mean-energy\"");
    assert!(!ops.is_empty(), "a plugin has at least one op");
    let mut i = 0;
    while i < ops.len() {
        assert!(!ops[i].meta.id.is_empty(), "every op has an id in its META");
        let mut k = 0;
        while k < i {
            assert!(!equal(ops[i].meta.id, ops[k].meta.id), "two ops of the plugin have the same id");
            k += 1;
        }
        i += 1;
    }
}

const fn equal(a: &str, b: &str) -> bool {
    let (a, b) = (a.as_bytes(), b.as_bytes());
    if a.len() != b.len() {
        return false;
    }
    let mut i = 0;
    while i < a.len() {
        if a[i] != b[i] {
            return false;
        }
        i += 1;
    }
    true
}

const fn write(json: &mut Json<'_>, id: &str, version: &str, ops: &[OpEntry]) {
    json.raw("{\"schema\":1,\"id\":");
    json.string(id);
    json.raw(",\"version\":");
    json.string(version);
    json.raw(",\"abi\":{\"major\":");
    json.number(abi::ISO_ABI_MAJOR as u64);
    json.raw(",\"min_minor\":");
    json.number(abi::ISO_ABI_MINOR as u64);
    json.raw("},\"ops\":[");
    let mut i = 0;
    while i < ops.len() {
        if i > 0 {
            json.raw(",");
        }
        op(json, &ops[i]);
        i += 1;
    }
    json.raw("]}");
}

const fn op(json: &mut Json<'_>, entry: &OpEntry) {
    let meta = &entry.meta;
    json.raw("{\"id\":");
    json.string(meta.id);
    json.raw(",\"kind\":");
    json.string(meta.kind.as_str());
    json.raw(",\"version\":");
    json.number(meta.version as u64);
    json.raw(",\"needs\":");
    json.string(meta.needs.as_str());
    json.raw(",\"parts\":[");
    parts(json, meta);
    json.raw("],\"columns\":");
    json.strings(meta.columns);
    json.raw(",\"affine\":");
    json.boolean(meta.affine);
    json.raw(",\"views\":");
    json.number(meta.views as u64);
    json.raw(",\"doc\":");
    json.string(meta.doc);
    json.raw(",\"formula\":");
    json.string(meta.formula);
    json.raw(",\"reference\":");
    json.string(meta.reference);
    json.raw(",\"outputs\":[");
    let mut i = 0;
    while i < meta.outputs.len() {
        if i > 0 {
            json.raw(",");
        }
        output(json, &meta.outputs[i]);
        i += 1;
    }
    json.raw("],\"params\":");
    schema(json, entry.params);
    json.raw("}");
}

/// Writes the parts; the second moments are implied for an op that reads moments.
const fn parts(json: &mut Json<'_>, meta: &OpMeta) {
    let mut written = meta.needs.moments();
    if written {
        json.string(Part::Second.as_str());
    }
    let mut i = 0;
    while i < meta.parts.len() {
        if !matches!(meta.parts[i], Part::Second) {
            if written {
                json.raw(",");
            }
            json.string(meta.parts[i].as_str());
            written = true;
        }
        i += 1;
    }
}

const fn output(json: &mut Json<'_>, output: &Output) {
    json.raw("{\"id\":");
    json.string(output.id);
    json.raw(",\"shape\":");
    json.string(output.shape.as_str());
    json.raw(",\"unit\":");
    json.string(output.unit);
    json.raw(",\"range\":");
    json.string(output.range);
    json.raw(",\"better\":");
    json.string(output.better.as_str());
    json.raw(",\"invariant\":[");
    let mut i = 0;
    while i < output.invariant.len() {
        if i > 0 {
            json.raw(",");
        }
        json.string(output.invariant[i].as_str());
        i += 1;
    }
    json.raw("]}");
}

const fn schema(json: &mut Json<'_>, params: &[ParamMeta]) {
    json.raw("{\"type\":\"object\",\"additionalProperties\":false,\"properties\":{");
    let mut i = 0;
    while i < params.len() {
        if i > 0 {
            json.raw(",");
        }
        let param = &params[i];
        json.string(param.name);
        json.raw(":{");
        json.raw(match param.ty {
            ParamType::Bool => "\"type\":\"boolean\"",
            ParamType::U64 => "\"type\":\"integer\",\"minimum\":0",
            ParamType::I64 => "\"type\":\"integer\"",
            ParamType::F64 => "\"type\":\"number\"",
            ParamType::Text => "\"type\":\"string\"",
            ParamType::Numbers => "\"type\":\"array\",\"items\":{\"type\":\"number\"}",
            ParamType::OptionalU64 => "\"type\":[\"integer\",\"null\"],\"minimum\":0",
        });
        json.raw(",\"description\":");
        json.lines(param.doc);
        json.raw(",\"default\":");
        json.literal(param.ty, param.default);
        if !param.aliases.is_empty() {
            json.raw(",\"x-aliases\":");
            json.strings(param.aliases);
        }
        json.raw("}");
        i += 1;
    }
    json.raw("}}");
}
