//! The part of ModernBERT's `config.json` that decides the forward pass.

use std::path::Path;

use serde::Deserialize;

use super::checks::Checks;
use super::rope::RopeParameters;
use crate::error::EncoderError;
use crate::files;
use crate::kernels::Activation;

/// The fields, with the values that transformers takes for those that are missing.
#[derive(Deserialize)]
#[allow(clippy::struct_excessive_bools)] // each is a switch of the file
struct RawConfig {
    vocab_size: usize,
    hidden_size: usize,
    num_hidden_layers: usize,
    num_attention_heads: usize,
    intermediate_size: usize,
    max_position_embeddings: usize,
    hidden_activation: Option<String>,
    norm_eps: Option<f64>,
    #[serde(default)]
    norm_bias: bool,
    #[serde(default)]
    attention_bias: bool,
    #[serde(default)]
    mlp_bias: bool,
    local_attention: Option<usize>,
    layer_types: Option<Vec<String>>,
    global_attn_every_n_layers: Option<usize>,
    rope_parameters: Option<RopeOfKinds>,
    #[serde(default = "global_base")]
    global_rope_theta: f64,
    #[serde(default = "local_base")]
    local_rope_theta: f64,
    rope_scaling: Option<serde_json::Value>,
    head_dim: Option<usize>,
    #[serde(default)]
    is_decoder: bool,
}

fn global_base() -> f64 {
    160_000.0
}

fn local_base() -> f64 {
    10_000.0
}

#[derive(Default, Deserialize)]
struct RopeOfKinds {
    full_attention: Option<RopeParameters>,
    sliding_attention: Option<RopeParameters>,
}

/// A configuration that was found usable.
pub(super) struct ModernBertConfig {
    pub(super) vocab: usize,
    pub(super) width: usize,
    pub(super) heads: usize,
    pub(super) inner: usize,
    /// Longest sequence.
    pub(super) positions: usize,
    pub(super) activation: Activation,
    pub(super) epsilon: f64,
    pub(super) norm_bias: bool,
    pub(super) attention_bias: bool,
    pub(super) mlp_bias: bool,
    pub(super) layers: usize,
    pub(super) sight: Sight,
    /// Largest distance that a window lets see.
    pub(super) window: usize,
    /// Base of the angles of layers that see all.
    pub(super) global_base: f64,
    /// Base of the angles of layers that see a window.
    pub(super) local_base: f64,
}

/// Which layers see the whole sequence, and which a window.
pub(super) enum Sight {
    /// One layer sees all, then so many less one see a window, and so on.
    Period(usize),
    /// For each layer, whether it sees a window only.
    Named(Vec<bool>),
}

impl Sight {
    /// Whether a layer sees a window only.
    pub(super) fn is_local(&self, layer: usize) -> bool {
        match self {
            Self::Period(period) => !layer.is_multiple_of(*period),
            Self::Named(local) => local[layer],
        }
    }
}

impl ModernBertConfig {
    /// Parses and checks `config.json`.
    pub(super) fn parse(path: &Path, bytes: &[u8]) -> Result<Self, EncoderError> {
        let raw: RawConfig = files::parse(path, bytes)?;
        let checks = Checks::of(path);
        checks.sizes(&[
            ("vocab_size", raw.vocab_size),
            ("hidden_size", raw.hidden_size),
            ("intermediate_size", raw.intermediate_size),
            ("num_hidden_layers", raw.num_hidden_layers),
        ])?;
        checks.encoder(raw.is_decoder)?;
        let heads = ("num_attention_heads", raw.num_attention_heads);
        let head_width = checks.head_width(heads, ("hidden_size", raw.hidden_size))?;
        checks.same_head_width("head_dim", raw.head_dim, head_width)?;
        checks.turnable("num_attention_heads", head_width)?;
        let (global_base, local_base) = bases(checks, &raw)?;
        let activation = raw.hidden_activation.as_deref().unwrap_or("gelu");
        Ok(Self {
            vocab: raw.vocab_size,
            width: raw.hidden_size,
            heads: raw.num_attention_heads,
            inner: raw.intermediate_size,
            positions: checks.positions("max_position_embeddings", raw.max_position_embeddings)?,
            activation: checks.activation("hidden_activation", activation)?,
            epsilon: checks.positive("norm_eps", raw.norm_eps.unwrap_or(1e-5))?,
            norm_bias: raw.norm_bias,
            attention_bias: raw.attention_bias,
            mlp_bias: raw.mlp_bias,
            layers: raw.num_hidden_layers,
            sight: sight(checks, &raw)?,
            window: raw.local_attention.unwrap_or(128) / 2,
            global_base,
            local_base,
        })
    }
}

/// Returns the bases of the angles, of layers that see all and of those that see a window.
fn bases(checks: Checks<'_>, raw: &RawConfig) -> Result<(f64, f64), EncoderError> {
    if raw.rope_scaling.as_ref().is_some_and(|scaling| !scaling.is_null()) {
        return checks.refuse("rope_scaling", "is set; scaled rotary positions are not supported");
    }
    let given = |kind: Option<&RopeParameters>| kind.map_or(Ok(None), |kind| kind.base(checks));
    let rope = raw.rope_parameters.as_ref();
    let global = given(rope.and_then(|rope| rope.full_attention.as_ref()))?;
    let local = given(rope.and_then(|rope| rope.sliding_attention.as_ref()))?;
    let global = global.unwrap_or(raw.global_rope_theta);
    let local = local.unwrap_or(raw.local_rope_theta);
    Ok((checks.positive("global_rope_theta", global)?, checks.positive("local_rope_theta", local)?))
}

/// Reads which layers see a window only: by name, or all but each n-th.
fn sight(checks: Checks<'_>, raw: &RawConfig) -> Result<Sight, EncoderError> {
    let Some(kinds) = &raw.layer_types else {
        let period = raw.global_attn_every_n_layers.unwrap_or(3);
        checks.sizes(&[("global_attn_every_n_layers", period)])?;
        return Ok(Sight::Period(period));
    };
    if kinds.len() != raw.num_hidden_layers {
        let (named, layers) = (kinds.len(), raw.num_hidden_layers);
        return checks
            .refuse("layer_types", format!("names {named} layers, but num_hidden_layers is {layers}"));
    }
    let supported = ["full_attention", "sliding_attention"];
    if let Some(other) = kinds.iter().find(|kind| !supported.contains(&kind.as_str())) {
        let reason = format!("names `{other}`; only {} and {} are supported", supported[0], supported[1]);
        return checks.refuse("layer_types", reason);
    }
    Ok(Sight::Named(kinds.iter().map(|kind| kind == supported[1]).collect()))
}
