//! How the tokens of a sentence become one row.

use crate::facts::SentenceModules;
use crate::study::{Pooling, Unit};
use serde::{Deserialize, Serialize};

/// What is computed of the tokens that are pooled, dimension by dimension.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum PoolingMode {
    /// The mean.
    Mean,
    /// The first token.
    Cls,
    /// The largest value.
    Max,
    /// The sum over the square root of the number of tokens.
    MeanSqrtLen,
    /// The mean, each token weighted by its place in the text, from 1.
    #[serde(rename = "weightedmean")]
    WeightedMean,
    /// The last token.
    #[serde(rename = "lasttoken")]
    LastToken,
}

impl PoolingMode {
    /// As a study names it.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Mean => "mean",
            Self::Cls => "cls",
            Self::Max => "max",
            Self::MeanSqrtLen => "mean_sqrt_len",
            Self::WeightedMean => "weightedmean",
            Self::LastToken => "lasttoken",
        }
    }
}

/// What a row of a sentence is, for one encoder.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct SentencePooling {
    /// What is computed.
    pub mode: PoolingMode,
    /// Whether it is that of all tokens of a text, special ones included, rather than of those that the token policy keeps. A text
    /// of which the policy keeps none has no row in any case.
    pub all_tokens: bool,
    /// Whether the row is then divided by its length.
    pub normalize: bool,
    /// Whether the checkpoint says so, rather than the study.
    pub by_model: bool,
}

impl SentencePooling {
    /// The mean of the tokens that the token policy keeps.
    pub const MEAN: Self =
        Self { mode: PoolingMode::Mean, all_tokens: false, normalize: false, by_model: false };

    /// Resolves what a study asks for by what an encoder's checkpoint says.
    ///
    /// # Errors
    /// The reason, when the checkpoint's own pooling is asked for and not computed here.
    pub fn resolve(wanted: Pooling, modules: &SentenceModules) -> Result<Self, String> {
        let mode = match (wanted, modules) {
            (Pooling::Model, SentenceModules::Unsupported { reason }) => return Err(reason.clone()),
            (Pooling::Model, &SentenceModules::Pooling { mode, normalize }) => {
                return Ok(Self { mode, all_tokens: true, normalize, by_model: true });
            }
            (Pooling::Model, SentenceModules::None) | (Pooling::Mean, _) => PoolingMode::Mean,
            (Pooling::Cls, _) => PoolingMode::Cls,
            (Pooling::Max, _) => PoolingMode::Max,
            (Pooling::MeanSqrtLen, _) => PoolingMode::MeanSqrtLen,
            (Pooling::WeightedMean, _) => PoolingMode::WeightedMean,
            (Pooling::LastToken, _) => PoolingMode::LastToken,
        };
        // These two name a token by its place in the text as the encoder reads it.
        let all_tokens = matches!(mode, PoolingMode::Cls | PoolingMode::LastToken);
        Ok(Self { mode, all_tokens, ..Self::MEAN })
    }

    /// As results record it: `mean`, or `model:mean+normalize` where the checkpoint says so.
    #[must_use]
    pub fn name(self) -> String {
        let by = if self.by_model { "model:" } else { "" };
        let then = if self.normalize { "+normalize" } else { "" };
        format!("{by}{}{then}", self.mode.name())
    }
}

/// What one row of an encoder's hidden states is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum RowKind {
    /// A token.
    Token,
    /// The mean of the tokens of a word.
    Word,
    /// A sentence.
    Sentence(SentencePooling),
}

impl RowKind {
    /// Resolves the unit of a study for one encoder.
    ///
    /// # Errors
    /// As [`SentencePooling::resolve`], of sentences.
    pub fn resolve(unit: Unit, wanted: Pooling, modules: &SentenceModules) -> Result<Self, String> {
        match unit {
            Unit::Token => Ok(Self::Token),
            Unit::Word => Ok(Self::Word),
            Unit::Sentence => SentencePooling::resolve(wanted, modules).map(Self::Sentence),
        }
    }

    /// Says whether rows are made of all tokens of a text, whatever the token policy keeps of it.
    #[must_use]
    pub fn takes_all_tokens(self) -> bool {
        matches!(self, Self::Sentence(pooling) if pooling.all_tokens)
    }

    /// How sentences are pooled, as results record it; empty for tokens and words.
    #[must_use]
    pub fn pooling(self) -> String {
        match self {
            Self::Sentence(pooling) => pooling.name(),
            Self::Token | Self::Word => String::new(),
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    const MODULE: SentenceModules = SentenceModules::Pooling { mode: PoolingMode::Mean, normalize: true };

    fn named(wanted: Pooling, modules: &SentenceModules) -> (String, bool) {
        let pooling = SentencePooling::resolve(wanted, modules).unwrap();
        (pooling.name(), pooling.all_tokens)
    }

    #[test]
    fn the_checkpoint_decides_unless_the_study_does() {
        assert_eq!(named(Pooling::Model, &MODULE), ("model:mean+normalize".into(), true));
        assert_eq!(named(Pooling::Model, &SentenceModules::None), ("mean".into(), false));
        assert_eq!(named(Pooling::Mean, &MODULE), ("mean".into(), false));
        assert_eq!(named(Pooling::Cls, &MODULE), ("cls".into(), true));
        assert_eq!(named(Pooling::LastToken, &SentenceModules::None), ("lasttoken".into(), true));
        assert_eq!(named(Pooling::MeanSqrtLen, &MODULE), ("mean_sqrt_len".into(), false));
    }

    #[test]
    fn modules_that_are_not_computed_matter_only_when_they_are_asked_for() {
        let dense = SentenceModules::Unsupported { reason: "its module Dense".to_owned() };
        assert_eq!(SentencePooling::resolve(Pooling::Model, &dense), Err("its module Dense".to_owned()));
        assert_eq!(named(Pooling::Max, &dense), ("max".into(), false));
        assert_eq!(RowKind::resolve(Unit::Token, Pooling::Model, &dense), Ok(RowKind::Token));
    }
}
