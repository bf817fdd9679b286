//! Arguments of `encode`. Their doc comments are the help that people read, so they are plain text.
#![allow(clippy::doc_markdown)]

use clap::{Args, ValueEnum};
use isoscope_core::study::{Layers, Pooling};
use std::path::PathBuf;

/// Arguments of `encode`.
#[derive(Debug, Clone, Args)]
pub(crate) struct EncodeArgs {
    /// The encoder: directory of a transformers or sentence-transformers checkpoint or of an adapter (LoRA), hf://OWNER/NAME or
    /// s3://BUCKET/PREFIX. random:DIR?seed=0 is the architecture of DIR with weights drawn at random.
    #[arg(value_name = "MODEL")]
    pub(crate) model: String,
    /// Checkpoint that the adapter was trained on; by default what the adapter names, where that is a directory.
    #[arg(long, value_name = "DIR")]
    pub(crate) adapter_base: Option<String>,
    /// Text to encode: a tsv, csv, jsonl, txt or conllu file.
    #[arg(long, value_name = "FILE", required_unless_present = "token_ids", conflicts_with = "token_ids")]
    pub(crate) data: Option<String>,
    /// Token ids to encode, past the tokenizer: one JSON array of ids a line, special tokens as they should stand.
    #[arg(long, value_name = "FILE.jsonl")]
    pub(crate) token_ids: Option<PathBuf>,
    /// Column of the text, or the two columns of sentence pairs; for tsv, csv and jsonl files.
    #[arg(long, value_name = "COLUMN", num_args = 1..=2, conflicts_with = "token_ids")]
    pub(crate) text: Vec<String>,
    /// Format of the text file, where its name does not say it.
    #[arg(long, value_enum, value_name = "FORMAT", conflicts_with = "token_ids")]
    pub(crate) data_format: Option<DataFormat>,
    /// Further column that index.parquet takes along. Repeat for several.
    #[arg(long, value_name = "COLUMN", conflicts_with = "token_ids")]
    pub(crate) carry: Vec<String>,
    /// Layers to write: all, last, or numbers like 0,6,12; 0 is the output of the embeddings.
    #[arg(long, value_name = "LAYERS", default_value = "all", value_parser = layers)]
    pub(crate) layers: Layers,
    /// What one row is: a token, the mean over the tokens of a word, or a text, pooled.
    #[arg(long, value_enum, value_name = "UNIT", default_value_t = RowUnit::Token)]
    pub(crate) unit: RowUnit,
    /// How the tokens of a text are pooled: model is what the checkpoint says, over all tokens, and the mean where it says nothing;
    /// the others pool the tokens that are not excluded, cls and lasttoken the first and last of all.
    #[arg(long, value_enum, value_name = "POOLING", default_value_t = TextPooling::Model)]
    pub(crate) pooling: TextPooling,
    /// Tokens that become no rows and are left out of means: special stands for CLS, SEP and whatever else the tokenizer adds
    /// around a text. By default special for text, and none for token ids.
    #[arg(long, value_enum, value_name = "TOKENS")]
    pub(crate) exclude: Option<Excluded>,
    /// Most tokens of a text, special tokens included; by default the encoder's own limit, and never more.
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..))]
    pub(crate) max_tokens: Option<u32>,
    /// What happens to a text of more tokens than that. Token ids are never cut.
    #[arg(long, value_enum, value_name = "POLICY", default_value_t = LongText::Truncate, conflicts_with = "token_ids")]
    pub(crate) on_long_text: LongText,
    /// Most tokens in one forward pass; by default 1024, and 32768 on a GPU. Lower it when memory is short.
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..))]
    pub(crate) batch_tokens: Option<u32>,
    /// Number format of weights and hidden states; files hold 32-bit floats in any case.
    #[arg(long, value_enum, value_name = "FORMAT", default_value_t = NumberFormat::F32)]
    pub(crate) dtype: NumberFormat,
    /// Threads, each of which encodes a batch of its own; by default one a core. No value depends on it.
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..))]
    pub(crate) threads: Option<u32>,
    /// Directory to write; it must not exist, or be empty.
    #[arg(long, value_name = "DIR")]
    pub(crate) out: PathBuf,
    /// Format of the layer files.
    #[arg(long, value_enum, value_name = "FORMAT", default_value_t = FileFormat::Npy)]
    pub(crate) format: FileFormat,
}

/// Number format that an encoder runs in.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum NumberFormat {
    /// Single precision.
    F32,
    /// IEEE half precision.
    F16,
    /// The upper half of single precision.
    Bf16,
}

/// Format of a text file.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum DataFormat {
    /// Tab-separated.
    Tsv,
    /// Comma-separated.
    Csv,
    /// One JSON object a line.
    Jsonl,
    /// One text a line.
    Txt,
    /// CoNLL-U.
    Conllu,
}

/// What one row is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum RowUnit {
    /// One token.
    Token,
    /// The mean over the tokens of one word.
    Word,
    /// One text.
    Sentence,
}

/// How a text is pooled.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
#[value(rename_all = "snake_case")]
pub(crate) enum TextPooling {
    /// As the checkpoint says.
    Model,
    /// The mean.
    Mean,
    /// The first token.
    Cls,
    /// The largest value of each dimension.
    Max,
    /// The sum over the square root of the number of tokens.
    MeanSqrtLen,
    /// The last token.
    #[value(name = "lasttoken")]
    LastToken,
    /// The mean, weighted by places.
    #[value(name = "weightedmean")]
    WeightedMean,
}

impl From<TextPooling> for Pooling {
    fn from(pooling: TextPooling) -> Self {
        match pooling {
            TextPooling::Model => Self::Model,
            TextPooling::Mean => Self::Mean,
            TextPooling::Cls => Self::Cls,
            TextPooling::Max => Self::Max,
            TextPooling::MeanSqrtLen => Self::MeanSqrtLen,
            TextPooling::LastToken => Self::LastToken,
            TextPooling::WeightedMean => Self::WeightedMean,
        }
    }
}

/// Tokens that become no rows.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Excluded {
    /// What the tokenizer adds around a text.
    Special,
    /// None.
    None,
}

/// What happens to a text that is too long.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum LongText {
    /// Its end is cut off.
    Truncate,
    /// Nothing is written, and the row is named.
    Error,
}

/// Format of the layer files.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum FileFormat {
    /// NumPy matrices of 32-bit floats.
    Npy,
    /// Parquet tables with the columns row and vector.
    Parquet,
    /// One tensor a file.
    Safetensors,
}

impl FileFormat {
    /// Extension of the files, and the name of the format.
    pub(crate) fn extension(self) -> &'static str {
        match self {
            Self::Npy => "npy",
            Self::Parquet => "parquet",
            Self::Safetensors => "safetensors",
        }
    }
}

fn layers(written: &str) -> Result<Layers, String> {
    match written {
        "all" => Ok(Layers::All),
        "last" => Ok(Layers::Last),
        list => {
            let numbers: Result<Vec<u32>, _> = list.split(',').map(|number| number.trim().parse()).collect();
            numbers.map(Layers::Some).map_err(|_| "write all, last, or numbers like 0,6,12".to_owned())
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn layers_are_words_or_numbers() {
        assert_eq!(layers("all"), Ok(Layers::All));
        assert_eq!(layers("last"), Ok(Layers::Last));
        assert_eq!(layers("0, 6,12"), Ok(Layers::Some(vec![0, 6, 12])));
        for wrong in ["", "6,", "-1", "first"] {
            assert!(layers(wrong).is_err(), "{wrong}");
        }
    }
}
