//! The part of NomicBERT's `config.json` that decides the forward pass, under the names of transformers or under those of the
//! first checkpoints, which are GPT-2's.

use std::path::Path;

use serde::Deserialize;

use super::checks::Checks;
use super::rope::RopeParameters;
use crate::error::EncoderError;
use crate::files;
use crate::kernels::Activation;

#[derive(Deserialize)]
struct RawConfig {
    vocab_size: usize,
    type_vocab_size: Option<usize>,
    hidden_size: Option<usize>,
    n_embd: Option<usize>,
    num_hidden_layers: Option<usize>,
    n_layer: Option<usize>,
    num_attention_heads: Option<usize>,
    n_head: Option<usize>,
    intermediate_size: Option<usize>,
    n_inner: Option<usize>,
    max_position_embeddings: Option<usize>,
    n_positions: Option<usize>,
    layer_norm_eps: Option<f64>,
    layer_norm_epsilon: Option<f64>,
    hidden_act: Option<String>,
    activation_function: Option<String>,
    rope_parameters: Option<RopeParameters>,
    rotary_emb_base: Option<f64>,
    rotary_emb_fraction: Option<f64>,
    head_dim: Option<usize>,
    #[serde(flatten)]
    first: FirstForm,
}

/// What only the first checkpoints can say, with the values of the published code for what is missing.
#[derive(Deserialize)]
#[allow(clippy::struct_excessive_bools)] // each is a switch of the file
struct FirstForm {
    #[serde(default)]
    prenorm: bool,
    #[serde(default = "yes")]
    qkv_proj_bias: bool,
    #[serde(default = "yes")]
    mlp_fc1_bias: bool,
    #[serde(default = "yes")]
    mlp_fc2_bias: bool,
    pad_vocab_size_multiple: Option<usize>,
    #[serde(default = "some_scaling")]
    rotary_scaling_factor: Option<f64>,
    max_trained_positions: Option<usize>,
    rotary_emb_scale_base: Option<f64>,
    num_heads_kv: Option<usize>,
    moe_every_n_layers: Option<i64>,
    #[serde(default)]
    rotary_emb_interleaved: bool,
    #[serde(default)]
    rotary_head_dim: bool,
    #[serde(default)]
    causal: bool,
    #[serde(default)]
    is_decoder: bool,
    #[serde(default)]
    use_rms_norm: bool,
    #[serde(default)]
    parallel_block: bool,
    #[serde(default)]
    norm_mlp: bool,
}

fn yes() -> bool {
    true
}

/// Revisions of the published code differ in whether positions are scaled when the field is missing; null is none.
#[allow(clippy::unnecessary_wraps)] // the default of an optional field
fn some_scaling() -> Option<f64> {
    Some(1.0)
}

/// A configuration that was found usable.
#[derive(Clone, Copy)]
#[allow(clippy::struct_excessive_bools)] // each is a property of its own
pub(super) struct NomicBertConfig {
    pub(super) layers: usize,
    pub(super) vocab: usize,
    pub(super) width: usize,
    pub(super) heads: usize,
    pub(super) inner: usize,
    /// Longest sequence.
    pub(super) positions: usize,
    /// Number of token types; 0 when the model has none.
    pub(super) types: usize,
    pub(super) activation: Activation,
    pub(super) epsilon: f64,
    /// Base of the angles.
    pub(super) base: f64,
    /// Columns of a head that positions turn.
    pub(super) turned: usize,
    /// Whether layers normalise what they read, not what they give.
    pub(super) prenorm: bool,
    pub(super) attention_bias: bool,
    pub(super) up_bias: bool,
    pub(super) down_bias: bool,
}

impl NomicBertConfig {
    /// Parses and checks `config.json`.
    pub(super) fn parse(path: &Path, bytes: &[u8]) -> Result<Self, EncoderError> {
        let raw: RawConfig = files::parse(path, bytes)?;
        let checks = Checks::of(path);
        // The first checkpoints have biases, and inner widths in steps, where the file does not say otherwise.
        let first = raw.n_embd.is_some();
        let size = |names: (&'static str, &'static str), values| required(checks, names, values);
        let layers = size(("num_hidden_layers", "n_layer"), (raw.num_hidden_layers, raw.n_layer))?;
        let width = size(("hidden_size", "n_embd"), (raw.hidden_size, raw.n_embd))?;
        let heads = size(("num_attention_heads", "n_head"), (raw.num_attention_heads, raw.n_head))?;
        let longest = (raw.max_position_embeddings, raw.n_positions);
        let longest = size(("max_position_embeddings", "n_positions"), longest)?;
        let epsilon = (raw.layer_norm_eps, raw.layer_norm_epsilon);
        let epsilon = required(checks, ("layer_norm_eps", "layer_norm_epsilon"), epsilon)?;
        checks.sizes(&[
            ("vocab_size", raw.vocab_size),
            ("hidden_size", width),
            ("num_hidden_layers", layers),
        ])?;
        let head_width = checks.head_width(("num_attention_heads", heads), ("hidden_size", width))?;
        checks.same_head_width("head_dim", raw.head_dim, head_width)?;
        refuse_variants(checks, &raw.first, heads)?;
        let positions = checks.positions("max_position_embeddings", longest)?;
        Ok(Self {
            layers,
            vocab: raw.vocab_size.next_multiple_of(raw.first.pad_vocab_size_multiple.unwrap_or(1).max(1)),
            width,
            heads,
            inner: inner(checks, &raw, width)?,
            positions: if first { unscaled(&raw.first, positions) } else { positions },
            types: raw.type_vocab_size.unwrap_or(2),
            activation: activation(checks, &raw)?,
            epsilon: checks.positive("layer_norm_eps", epsilon)?,
            base: base(checks, &raw)?,
            turned: turned(checks, &raw, head_width)?,
            prenorm: raw.first.prenorm,
            attention_bias: first && raw.first.qkv_proj_bias,
            up_bias: first && raw.first.mlp_fc1_bias,
            down_bias: first && raw.first.mlp_fc2_bias,
        })
    }
}

/// Returns what either of two names gives; both must agree.
fn either<T: PartialEq + std::fmt::Display>(
    checks: Checks<'_>,
    names: (&'static str, &'static str),
    values: (Option<T>, Option<T>),
) -> Result<Option<T>, EncoderError> {
    match values {
        (Some(a), Some(b)) if a != b => {
            checks.refuse(names.0, format!("is {a}, but {}, which is the same, is {b}", names.1))
        }
        (a, b) => Ok(a.or(b)),
    }
}

fn required<T: PartialEq + std::fmt::Display>(
    checks: Checks<'_>,
    names: (&'static str, &'static str),
    values: (Option<T>, Option<T>),
) -> Result<T, EncoderError> {
    match either(checks, names, values)? {
        Some(value) => Ok(value),
        None => checks.refuse(names.0, format!("is missing, and so is {}", names.1)),
    }
}

/// Refuses what the published code can do and no published text encoder does.
fn refuse_variants(checks: Checks<'_>, first: &FirstForm, heads: usize) -> Result<(), EncoderError> {
    checks.encoder(first.is_decoder)?;
    checks.off(&[
        ("rotary_emb_interleaved", first.rotary_emb_interleaved),
        ("rotary_head_dim", first.rotary_head_dim),
        ("causal", first.causal),
        ("use_rms_norm", first.use_rms_norm),
        ("parallel_block", first.parallel_block),
        ("norm_mlp", first.norm_mlp),
    ])?;
    if first.rotary_emb_scale_base.is_some() {
        return checks.refuse("rotary_emb_scale_base", "is set; scaled rotary positions are not supported");
    }
    if let Some(shared) = first.num_heads_kv.filter(|&shared| shared != heads) {
        let reason = format!("is {shared}; only as many as there are heads, {heads}, are supported");
        return checks.refuse("num_heads_kv", reason);
    }
    if let Some(period) = first.moe_every_n_layers.filter(|&period| period > 0) {
        return checks.refuse("moe_every_n_layers", format!("is {period}; experts are not supported"));
    }
    Ok(())
}

/// Returns the length up to which positions are not scaled.
fn unscaled(first: &FirstForm, positions: usize) -> usize {
    let scaled = first.rotary_scaling_factor.is_some_and(|factor| factor.abs() > 0.0);
    if scaled { positions.min(first.max_trained_positions.unwrap_or(2048)) } else { positions }
}

/// Returns the inner width; the published code rounds what its files say up to whole steps.
fn inner(checks: Checks<'_>, raw: &RawConfig, width: usize) -> Result<usize, EncoderError> {
    const STEP: usize = 256;
    let inner = match (raw.intermediate_size, raw.n_inner, raw.n_embd) {
        (Some(inner), None, _) => inner,
        (None, Some(inner), _) => inner.next_multiple_of(STEP),
        (None, None, Some(_)) => (8 * width / 3).next_multiple_of(STEP),
        (Some(a), Some(b), _) if a == b.next_multiple_of(STEP) => a,
        (Some(_), Some(b), _) => {
            return checks.refuse("intermediate_size", format!("does not agree with n_inner, which is {b}"));
        }
        (None, None, None) => return checks.refuse("intermediate_size", "is missing, and so is n_inner"),
    };
    checks.sizes(&[("intermediate_size", inner)])?;
    Ok(inner)
}

fn activation(checks: Checks<'_>, raw: &RawConfig) -> Result<Activation, EncoderError> {
    match (raw.activation_function.as_deref(), raw.hidden_act.as_deref()) {
        (Some("swiglu"), _) => Ok(Activation::Silu),
        (Some("geglu"), _) => Ok(Activation::Gelu),
        (Some(other), _) => {
            checks.refuse("activation_function", format!("is `{other}`; only swiglu and geglu are supported"))
        }
        (None, name) => checks.activation("hidden_act", name.unwrap_or("silu")),
    }
}

fn base(checks: Checks<'_>, raw: &RawConfig) -> Result<f64, EncoderError> {
    let given = raw.rope_parameters.as_ref().map_or(Ok(None), |rope| rope.base(checks))?;
    let base = either(checks, ("rotary_emb_base", "rope_parameters"), (raw.rotary_emb_base, given))?;
    match base {
        Some(base) => checks.positive("rotary_emb_base", base),
        // Revisions of the published code differ in their default.
        None if raw.n_embd.is_some() => checks.refuse("rotary_emb_base", "is missing"),
        None => Ok(1000.0),
    }
}

/// Returns how many columns of a head positions turn.
fn turned(checks: Checks<'_>, raw: &RawConfig, head_width: usize) -> Result<usize, EncoderError> {
    let default = if raw.n_embd.is_some() { 0.0 } else { 1.0 };
    let fraction = raw.rotary_emb_fraction.unwrap_or(default);
    let turned = fraction * head_width as f64;
    if !(fraction > 0.0 && fraction <= 1.0) || turned.fract().abs() > 0.0 {
        let reason = format!("is {fraction}; some whole columns of heads {head_width} wide must be turned");
        return checks.refuse("rotary_emb_fraction", reason);
    }
    checks.turnable("rotary_emb_fraction", turned as usize)?;
    Ok(turned as usize)
}
