//! The study that the arguments of `encode` describe: one encoder, at most one dataset, and nothing to measure.

use super::args::{DataFormat, EncodeArgs, Excluded, LongText, NumberFormat, RowUnit};
use super::index;
use crate::failure::Failure;
use isoscope_core::study::{DatasetSpec, Format, Pooling, Study};
use serde_json::{Value, json};

/// Makes the study.
pub(super) fn make(args: &EncodeArgs) -> Result<Study, Failure> {
    let excluded = match (args.exclude, &args.token_ids) {
        (Some(Excluded::Special), _) | (None, None) => json!(["special"]),
        (Some(Excluded::None), _) | (None, Some(_)) => json!([]),
    };
    let study = json!({
        "name": "encode",
        "model": [{"name": "encoder", "source": args.model, "base": args.adapter_base}],
        "dataset": args.data.as_deref().map(|data| dataset(args, data)).into_iter().collect::<Vec<_>>(),
        "representation": {
            "layers": args.layers,
            "unit": match args.unit { RowUnit::Token => "token", RowUnit::Word => "word", RowUnit::Sentence => "sentence" },
            "pooling": Pooling::from(args.pooling),
            "exclude": excluded,
            "max_tokens": args.max_tokens,
            "dtype": match args.dtype { NumberFormat::F32 => "f32", NumberFormat::F16 => "f16", NumberFormat::Bf16 => "bf16" },
            "on_long_text": match args.on_long_text { LongText::Truncate => "truncate", LongText::Error => "error" },
        },
        "plan": {"batch_tokens": args.batch_tokens},
    });
    let study: Study = serde_json::from_value(study).map_err(|e| Failure::Input(e.to_string()))?;
    study.dataset.first().map_or(Ok(()), |dataset| check(dataset, args))?;
    Ok(study)
}

fn dataset(args: &EncodeArgs, data: &str) -> Value {
    let format = args.data_format.map(|format| match format {
        DataFormat::Tsv => "tsv",
        DataFormat::Csv => "csv",
        DataFormat::Jsonl => "jsonl",
        DataFormat::Txt => "txt",
        DataFormat::Conllu => "conllu",
    });
    json!({"name": data, "source": data, "format": format, "text": args.text, "carry": args.carry})
}

/// Says by flag what the dataset would be refused for by key.
fn check(dataset: &DatasetSpec, args: &EncodeArgs) -> Result<(), Failure> {
    let Some(format) = dataset.resolved_format() else {
        let message = format!("the name of {} does not say its format; name it", dataset.source);
        return Err(Failure::field("--data-format", message));
    };
    if format == Format::Npy {
        let message = format!("{} is a matrix already; give text", dataset.source);
        return Err(Failure::field("--data", message));
    }
    if let Some(first) = dataset.contradictions(format).into_iter().next() {
        let flag = if first.field.starts_with("carry") { "--carry" } else { "--text" };
        return Err(Failure::field(flag, first.message));
    }
    match args.carry.iter().find(|name| index::OWN.contains(&name.as_str())) {
        Some(name) => {
            let message =
                format!("`{name}` is a column that index.parquet has already; rename it in the file");
            Err(Failure::field("--carry", message))
        }
        None => Ok(()),
    }
}
