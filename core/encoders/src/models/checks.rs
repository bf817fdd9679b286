//! Checks of `config.json` that several families share.

use std::path::Path;

use crate::error::EncoderError;
use crate::kernels::Activation;

/// Longest sequence of any family whose positions are computed rather than stored.
const MOST_POSITIONS: usize = 1 << 17;

/// Refuses values of a `config.json` that cannot be used, by the name of their field.
#[derive(Clone, Copy)]
pub(super) struct Checks<'a> {
    path: &'a Path,
}

impl<'a> Checks<'a> {
    /// Takes the file that the values come from.
    pub(super) fn of(path: &'a Path) -> Self {
        Self { path }
    }

    /// Refuses the value of a field.
    pub(super) fn refuse<T>(self, field: &'static str, reason: impl Into<String>) -> Result<T, EncoderError> {
        Err(EncoderError::ConfigField { path: self.path.to_owned(), field, reason: reason.into() })
    }

    /// Wants every size to be at least 1.
    pub(super) fn sizes(self, sizes: &[(&'static str, usize)]) -> Result<(), EncoderError> {
        match sizes.iter().find(|(_, size)| *size == 0) {
            Some((field, _)) => self.refuse(field, "must be at least 1"),
            None => Ok(()),
        }
    }

    /// Refuses a number of positions for which no tensor of the checkpoint vouches and that no encoder has: tables are made for
    /// them when the model is loaded.
    pub(super) fn positions(self, field: &'static str, positions: usize) -> Result<usize, EncoderError> {
        match positions {
            0 => self.refuse(field, "must be at least 1"),
            1..=MOST_POSITIONS => Ok(positions),
            _ => self.refuse(field, format!("is {positions}; at most {MOST_POSITIONS} are supported")),
        }
    }

    /// Wants the heads to share the width evenly and returns the width of one; both are (field, value).
    pub(super) fn head_width(
        self,
        heads: (&'static str, usize),
        width: (&'static str, usize),
    ) -> Result<usize, EncoderError> {
        if heads.1 == 0 || !width.1.is_multiple_of(heads.1) {
            let reason = format!("is {}, which does not divide the {} {}", heads.1, width.0, width.1);
            return self.refuse(heads.0, reason);
        }
        Ok(width.1 / heads.1)
    }

    /// Refuses a width of heads of its own.
    pub(super) fn same_head_width(
        self,
        field: &'static str,
        given: Option<usize>,
        width: usize,
    ) -> Result<(), EncoderError> {
        match given.filter(|given| *given != width) {
            Some(given) => self
                .refuse(field, format!("is {given}; only {width}, the hidden size by heads, is supported")),
            None => Ok(()),
        }
    }

    /// Refuses heads of which rotary positions cannot turn `turned` columns in pairs.
    pub(super) fn turnable(self, field: &'static str, turned: usize) -> Result<(), EncoderError> {
        if turned.is_multiple_of(2) && turned > 0 {
            return Ok(());
        }
        self.refuse(
            field,
            format!("makes rotary positions turn {turned} columns of a head, which are not pairs"),
        )
    }

    /// Wants a number to be positive.
    pub(super) fn positive(self, field: &'static str, value: f64) -> Result<f64, EncoderError> {
        if value.is_finite() && value > 0.0 {
            return Ok(value);
        }
        self.refuse(field, format!("is {value}, but must be positive"))
    }

    /// Wants positions to have embeddings of their own, where a family once had other schemes.
    pub(super) fn absolute_positions(self, kind: Option<&str>) -> Result<(), EncoderError> {
        match kind {
            None | Some("absolute") => Ok(()),
            Some(kind) => {
                self.refuse("position_embedding_type", format!("is `{kind}`; only `absolute` is supported"))
            }
        }
    }

    /// Wants an encoder.
    pub(super) fn encoder(self, is_decoder: bool) -> Result<(), EncoderError> {
        if is_decoder {
            let reason = "is true; only encoders, which see both directions, are supported";
            return self.refuse("is_decoder", reason);
        }
        Ok(())
    }

    /// Refuses switches that are on and would change what is computed.
    pub(super) fn off(self, switches: &[(&'static str, bool)]) -> Result<(), EncoderError> {
        match switches.iter().find(|(_, on)| *on) {
            Some((field, _)) => self.refuse(field, "is true; only false is supported"),
            None => Ok(()),
        }
    }

    /// Reads the name of an activation.
    pub(super) fn activation(self, field: &'static str, name: &str) -> Result<Activation, EncoderError> {
        Activation::from_name(name).ok_or_else(|| EncoderError::UnknownActivation {
            path: self.path.to_owned(),
            field,
            found: name.to_owned(),
            supported: Activation::NAMES,
        })
    }
}
