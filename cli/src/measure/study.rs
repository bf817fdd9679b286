//! The study that `isoscope measure` stands for.

use super::ids::There;
use crate::args::MeasureArgs;
use crate::failure::Failure;
use isoscope_core::catalogue::PluginFacts;
use isoscope_core::study::Study;
use serde_json::{Map, Value, json};
use std::collections::BTreeMap;

/// Name of the enhanced space.
const ENHANCED: &str = "enhanced";

/// Makes the study of the command line.
pub(super) fn make(args: &MeasureArgs, plugins: &[PluginFacts]) -> Result<Study, Failure> {
    let columns = columns(args)?;
    let two = args.matrices.len() == 2;
    if two && !args.enhancements.is_empty() {
        let message =
            "two matrices are compared as they are; enhance and measure each with a command of its own";
        return Err(Failure::field("--enhance", message));
    }
    let names: Vec<String> = args.matrices.iter().map(|path| path.display().to_string()).collect();
    if let [a, b] = names.as_slice()
        && a == b
    {
        return Err(Failure::field(
            "X.npy",
            format!("`{a}` is compared with itself; name two different matrices"),
        ));
    }
    let there = There::new(plugins, columns.keys().map(String::as_str).collect(), two, params(args)?);
    let space = if args.enhancements.is_empty() { "raw" } else { ENHANCED };
    let dataset = |name: &String| json!({"name": name, "source": name, "format": "npy", "attach": columns});
    let mut study = json!({
        "name": "measure",
        "dataset": names.iter().map(dataset).collect::<Vec<_>>(),
        "save_transforms": false,
        "nonfinite": if args.drop_nonfinite { "drop" } else { "error" },
    });
    for mut found in there.entries(&args.metrics)? {
        if found.list != "comparison" {
            found.entry.insert("spaces".to_owned(), json!([space]));
        }
        match study.get_mut(found.list).and_then(Value::as_array_mut) {
            Some(list) => list.push(Value::Object(found.entry)),
            None => study[found.list] = json!([found.entry]),
        }
    }
    if !args.enhancements.is_empty() {
        study["enhancement"] = json!([chain(&args.enhancements)?]);
    }
    Study::from_value(study).map_err(Failure::Study)
}

/// Files of columns by name.
fn columns(args: &MeasureArgs) -> Result<BTreeMap<String, String>, Failure> {
    let mut columns = BTreeMap::new();
    let named = [("label", "--labels", &args.labels), ("word", "--groups", &args.groups)];
    for (name, _, file) in named {
        columns.extend(file.as_ref().map(|file| (name.to_owned(), file.clone())));
    }
    for written in &args.columns {
        let (name, file) = split(written, "--column", "NAME=FILE")?;
        if columns.insert(name.to_owned(), file.to_owned()).is_some() {
            let also = named.iter().find(|(known, _, given)| *known == name && given.is_some());
            let also = also.map(|(_, flag, _)| format!(" ({flag} gives it too)")).unwrap_or_default();
            return Err(Failure::field("--column", format!("the column `{name}` is given twice{also}")));
        }
    }
    Ok(columns)
}

/// Parameters by name; what is no JSON is a string.
fn params(args: &MeasureArgs) -> Result<Map<String, Value>, Failure> {
    let mut params = Map::new();
    for written in &args.params {
        let (name, text) = split(written, "--param", "NAME=VALUE")?;
        let value = serde_json::from_str(text).unwrap_or_else(|_| json!(text));
        if params.insert(name.to_owned(), value).is_some() {
            return Err(Failure::field("--param", format!("the parameter `{name}` is given twice")));
        }
    }
    Ok(params)
}

fn split<'a>(written: &'a str, flag: &str, form: &str) -> Result<(&'a str, &'a str), Failure> {
    let parts = written.split_once('=').filter(|(name, value)| !name.is_empty() && !value.is_empty());
    parts.ok_or_else(|| Failure::field(flag, format!("`{written}` is not of the form {form}")))
}

/// A chain of `ID` or `ID:{…}` as an enhancement of a study.
fn chain(written: &[String]) -> Result<Value, Failure> {
    let mut steps = Vec::new();
    for step in written {
        let (id, parameters) = step.split_once(':').unwrap_or((step, "{}"));
        let mut entry: Map<String, Value> = serde_json::from_str(parameters).map_err(|e| {
            Failure::field("--enhance", format!("the parameters of `{id}` are no JSON object: {e}"))
        })?;
        entry.insert("id".to_owned(), json!(id));
        steps.push(Value::Object(entry));
    }
    let mut first = steps.remove(0);
    first["name"] = json!(ENHANCED);
    first["then"] = Value::Array(steps);
    Ok(first)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use crate::args::{Cli, Command};
    use clap::Parser as _;
    use isoscope_core::study::MetricSpec;

    fn op(id: &str, kind: &str, columns: &Value, params: &Value) -> Value {
        json!({"id": id, "kind": kind, "version": 1, "needs": "rows", "columns": columns,
               "views": if kind == "comparison" { 2 } else { 1 }, "outputs": [{"id": id, "shape": "scalar"}],
               "params": {"type": "object", "properties": params}})
    }

    fn plugins() -> Vec<PluginFacts> {
        let group = json!({"group": {"type": "string", "default": "word"}});
        let ops = json!([
            op("spectrum.erank", "metric", &json!([]), &json!({})),
            op(
                "neigh.mle",
                "metric",
                &json!([]),
                &json!({"k": {"type": "integer", "x-aliases": ["neighbours"]}})
            ),
            op("cluster.fisher", "metric", &json!(["label"]), &json!({})),
            op("grouped.self", "metric", &json!(["$group"]), &group),
            op("sts", "evaluation", &json!(["sentence", "gold"]), &json!({})),
            op("probe.linear", "probe", &json!(["label", "split"]), &json!({})),
            op("compare.cka", "comparison", &json!([]), &json!({})),
            op("compare.grouped", "comparison", &json!(["$group"]), &group),
        ]);
        let manifest = json!({"schema": 1, "id": "org.example", "version": "1", "abi": {"major": 1, "min_minor": 0}, "ops": ops});
        let manifest = serde_json::from_value(manifest).unwrap();
        vec![PluginFacts { manifest, digest: "sha256:00".into(), source: "built-in".into() }]
    }

    fn study(line: &str) -> Result<Study, String> {
        let words = ["isoscope", "measure"].into_iter().chain(line.split_whitespace());
        let Command::Measure(args) = Cli::try_parse_from(words).unwrap().command else { unreachable!() };
        make(&args, &plugins()).map_err(|e| e.to_string())
    }

    fn ids(list: &[MetricSpec]) -> Vec<&str> {
        list.iter().map(|entry| entry.id.as_str()).collect()
    }

    #[test]
    fn all_is_every_metric_that_the_columns_suffice_for() {
        let alone = study("x.npy").unwrap();
        assert_eq!(ids(&alone.metric), ["spectrum.erank", "neigh.mle"]);
        let labelled = study("x.npy --labels l.npy").unwrap();
        assert_eq!(ids(&labelled.metric), ["spectrum.erank", "neigh.mle", "cluster.fisher"]);
        let grouped = study("x.npy --groups w.txt").unwrap();
        assert_eq!(ids(&grouped.metric), ["spectrum.erank", "neigh.mle", "grouped.self"]);
        let other = study("x.npy --column topic=t.txt --param group=topic").unwrap();
        assert_eq!(ids(&other.metric), ["spectrum.erank", "neigh.mle", "grouped.self"]);
        assert_eq!(other.metric[2].params["group"], json!("topic"));
        assert!(other.metric[0].params.is_empty(), "an op takes the parameters that it knows");
    }

    #[test]
    fn columns_are_attached_under_their_names() {
        let study = study("x.npy --labels l.npy --groups w.txt --column split=s.txt").unwrap();
        let attached: Vec<_> =
            study.dataset[0].attach.iter().map(|(k, v)| (k.as_str(), v.as_str())).collect();
        assert_eq!(attached, [("label", "l.npy"), ("split", "s.txt"), ("word", "w.txt")]);
    }

    #[test]
    fn evaluations_and_probes_go_where_they_belong() {
        let line = "x.npy --metric sts --metric probe --metric spectrum --labels l.npy --column split=s.txt";
        let study = study(line).unwrap();
        assert_eq!((ids(&study.metric), ids(&study.evaluation)), (vec!["spectrum"], vec!["sts"]));
        assert_eq!(ids(&study.probe), ["probe"]);
    }

    #[test]
    fn two_matrices_are_compared() {
        let all = study("a.npy b.npy").unwrap();
        assert_eq!(all.comparison.iter().map(|c| c.id.as_str()).collect::<Vec<_>>(), ["compare.cka"]);
        assert!(all.metric.is_empty());
        let named = study("a.npy b.npy --metric compare --groups w.txt").unwrap();
        assert_eq!(named.comparison.len(), 1);
        assert!(named.dataset.iter().all(|dataset| dataset.attach.contains_key("word")));
    }

    #[test]
    fn one_matrix_and_two_are_not_mixed() {
        assert_eq!(
            study("a.npy b.npy --metric spectrum").unwrap_err(),
            "--metric: `spectrum` measures one matrix, but two are compared here; measure each matrix with a command of its own"
        );
        assert_eq!(
            study("a.npy --metric compare.cka").unwrap_err(),
            "--metric: `compare.cka` compares two matrices; name a second one behind the first"
        );
        assert!(study("a.npy a.npy").unwrap_err().contains("`a.npy` is compared with itself"));
        assert!(
            study("a.npy b.npy --enhance abtt")
                .unwrap_err()
                .starts_with("--enhance: two matrices are compared")
        );
    }

    #[test]
    fn a_family_is_left_to_the_plan_which_takes_what_the_columns_suffice_for() {
        assert_eq!(ids(&study("x.npy --metric cluster").unwrap().metric), ["cluster"]);
        let compared = study("a.npy b.npy --metric compare").unwrap();
        let compared: Vec<_> = compared.comparison.iter().map(|c| c.id.as_str()).collect();
        assert_eq!(compared, ["compare"]);
    }

    #[test]
    fn an_id_that_nothing_has_is_answered_with_the_nearest_of_any_kind() {
        assert_eq!(
            study("x.npy --metric probe.linaer").unwrap_err(),
            "--metric: no plugin offers `probe.linaer`; did you mean `probe.linear`?"
        );
        assert_eq!(
            study("x.npy --metric zzz").unwrap_err(),
            "--metric: no plugin offers `zzz`; `isoscope metrics list` shows what there is"
        );
    }

    #[test]
    fn parameters_go_to_the_ops_that_know_them_under_either_name() {
        let study = study("x.npy --param neighbours=20").unwrap();
        assert_eq!(study.metric[1].params["neighbours"], json!(20));
    }

    #[test]
    fn what_is_written_wrongly_is_refused_by_its_flag() {
        let refused = |line: &str| study(line).unwrap_err();
        assert_eq!(refused("x.npy --column topic"), "--column: `topic` is not of the form NAME=FILE");
        assert_eq!(refused("x.npy --param =1"), "--param: `=1` is not of the form NAME=VALUE");
        assert_eq!(refused("x.npy --param q=1"), "--param: nothing that is measured has a parameter `q`");
        assert_eq!(refused("x.npy --param k=1 --param k=2"), "--param: the parameter `k` is given twice");
        assert_eq!(
            refused("x.npy --labels a.txt --column label=b.txt"),
            "--column: the column `label` is given twice (--labels gives it too)"
        );
        assert_eq!(
            refused("x.npy --column t=a.txt --column t=b.txt"),
            "--column: the column `t` is given twice"
        );
    }
}
