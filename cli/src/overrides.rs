//! What the command line changes in a study.

use crate::args::StudyArgs;
use crate::failure::Failure;
use serde_json::{Map, Value, json};

/// Applies `--model`, `--data` and `--set`, in this order.
pub(crate) fn apply(study: &mut Value, args: &StudyArgs) -> Result<(), Failure> {
    // A study that names no encoder takes all that are given.
    let open = list(study, "model").is_none_or(|models| models.is_empty());
    for assignment in &args.models {
        let (name, directory) = split(assignment, "--model", "NAME=SOURCE")?;
        if open { add_model(study, name, directory)? } else { set_model(study, name, directory)? }
    }
    if let Some(file) = &args.data {
        set_data(study, file)?;
    }
    for assignment in &args.set {
        let (key, text) = split(assignment, "--set", "KEY=VALUE")?;
        let value = serde_json::from_str(text).unwrap_or_else(|_| json!(text));
        set_key(study, key, value)?;
    }
    Ok(())
}

fn split<'a>(assignment: &'a str, flag: &str, form: &str) -> Result<(&'a str, &'a str), Failure> {
    assignment
        .split_once('=')
        .ok_or_else(|| Failure::field(flag, format!("`{assignment}` is not of the form {form}")))
}

fn list<'a>(study: &'a mut Value, key: &str) -> Option<&'a mut Vec<Value>> {
    study.get_mut(key).and_then(Value::as_array_mut)
}

fn add_model(study: &mut Value, name: &str, directory: &str) -> Result<(), Failure> {
    let mut models = list(study, "model").map(std::mem::take).unwrap_or_default();
    if models.iter().any(|m| m.get("name").and_then(Value::as_str) == Some(name)) {
        return Err(Failure::field("--model", format!("`{name}` is given twice")));
    }
    models.push(json!({"name": name, "source": directory}));
    study["model"] = Value::Array(models);
    Ok(())
}

fn set_model(study: &mut Value, name: &str, directory: &str) -> Result<(), Failure> {
    let models = list(study, "model").map(std::mem::take).unwrap_or_default();
    let known: Vec<String> =
        models.iter().filter_map(|m| Some(m.get("name")?.as_str()?.to_owned())).collect();
    let mut models = models;
    let hit = models.iter_mut().find(|m| m.get("name").and_then(Value::as_str) == Some(name));
    let Some(model) = hit else {
        let message = format!("the study has no model `{name}`; its models: {}", known.join(", "));
        return Err(Failure::field("--model", message));
    };
    model["source"] = json!(directory);
    study["model"] = Value::Array(models);
    Ok(())
}

/// A file given on the command line has its own format, so the study's no longer holds.
fn set_data(study: &mut Value, file: &str) -> Result<(), Failure> {
    let dataset = list(study, "dataset").and_then(|all| all.first_mut()).and_then(Value::as_object_mut);
    let Some(dataset) = dataset else {
        return Err(Failure::field("--data", "the study has no dataset to replace"));
    };
    dataset.insert("source".to_owned(), json!(file));
    dataset.remove("format");
    Ok(())
}

fn set_key(study: &mut Value, key: &str, value: Value) -> Result<(), Failure> {
    let mut at = study;
    for part in key.split('.') {
        at = match at {
            Value::Array(items) => {
                let place = part.parse::<usize>().ok().and_then(|i| items.get_mut(i));
                place.ok_or_else(|| Failure::field("--set", format!("`{key}`: there is no entry {part}")))?
            }
            Value::Object(entries) => entries.entry(part).or_insert_with(|| Value::Object(Map::new())),
            _ => return Err(Failure::field("--set", format!("`{key}`: `{part}` is not inside a table"))),
        };
    }
    *at = value;
    Ok(())
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use std::path::PathBuf;

    fn args(models: &[&str], data: Option<&str>, set: &[&str]) -> StudyArgs {
        let owned = |list: &[&str]| list.iter().map(|s| (*s).to_owned()).collect();
        StudyArgs {
            study: PathBuf::new(),
            models: owned(models),
            data: data.map(Into::into),
            set: owned(set),
            base: None,
        }
    }

    fn study() -> Value {
        json!({"model": [{"name": "a", "source": "x"}], "dataset": [{"source": "d.tsv", "format": "tsv"}]})
    }

    #[test]
    fn models_data_and_keys_are_replaced() {
        let mut value = study();
        let args = args(
            &["a=dir"],
            Some("e.csv"),
            &["plan.batch_tokens=64", "dataset.0.text=[\"t\"]", "name=hello"],
        );
        apply(&mut value, &args).unwrap();
        assert_eq!(value["model"][0]["source"], "dir");
        assert_eq!(value["dataset"][0], json!({"source": "e.csv", "text": ["t"]}));
        assert_eq!((&value["plan"]["batch_tokens"], &value["name"]), (&json!(64), &json!("hello")));
    }

    #[test]
    fn what_is_not_there_is_refused_by_name() {
        let refused = |args| apply(&mut study(), &args).unwrap_err().to_string();
        assert!(refused(args(&["b=dir"], None, &[])).contains("no model `b`; its models: a"));
        assert!(refused(args(&["b"], None, &[])).contains("NAME=SOURCE"));
        assert!(refused(args(&[], None, &["dataset.3.text=1"])).contains("no entry 3"));
    }
}
