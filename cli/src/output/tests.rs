#![allow(clippy::unwrap_used)]

use super::{csv, json, table};
use isoscope_core::result::{Key, Measurement};

const LOG_I: &str = "partition.log_I_pm";
const ISOSCORE: &str = "spectrum.isoscore";

fn row(model: &str, dataset: &str, at: (u32, &str), metric: &str, value: Result<f64, &str>) -> Measurement {
    let key = Key {
        study: "s".to_owned(),
        model: model.to_owned(),
        dataset: dataset.to_owned(),
        layer: at.0,
        space: at.1.to_owned(),
        metric: metric.to_owned(),
        weights_digest: String::new(),
        dataset_digest: String::new(),
        unit: "token".to_owned(),
        token_policy: String::new(),
        chain: String::new(),
        definition: 1,
        params: "{}".to_owned(),
        plugin: String::new(),
        plugin_digest: String::new(),
        d: 768,
        seed: 0,
        numerics_class: String::new(),
        plan_digest: String::new(),
    };
    let status = value.err().unwrap_or("ok").to_owned();
    Measurement { key, part: String::new(), value: value.ok(), status, std_err: None, n: 100 }
}

fn names(names: &[&str]) -> Vec<String> {
    names.iter().map(|&name| name.to_owned()).collect()
}

/// Two models, two layers, two spaces; in the order of the file, which is not that of the table.
fn study() -> Vec<Measurement> {
    let log = |decades: f64| Ok(decades * std::f64::consts::LN_10);
    let mut rows = Vec::new();
    for (model, sign) in [("ft", 2.0), ("pre", 1.0)] {
        for (layer, space, level) in
            [(2, "abtt", 0.5), (2, "raw", 4.304), (12, "abtt", 0.26), (12, "raw", 5.127)]
        {
            rows.push(row(model, "stsb", (layer, space), "angular.avg_cosine", Ok(-0.01 * level)));
            rows.push(row(model, "stsb", (layer, space), LOG_I, log(-sign * level)));
            let isoscore = if space == "raw" { Ok(0.11714 / sign) } else { Err("all eigenvalues are zero") };
            rows.push(row(model, "stsb", (layer, space), ISOSCORE, isoscore));
        }
    }
    rows
}

#[test]
fn models_stand_side_by_side_under_each_metric() {
    let expected = "                 log10 I(W)        IsoScore         avg cos
layer  space    pre      ft     pre      ft     pre      ft
    2  raw    -4.30   -8.61  0.1171  0.0586  -0.043  -0.043
    2  abtt   -0.50   -1.00       –       –  -0.005  -0.005
   12  raw    -5.13  -10.25  0.1171  0.0586  -0.051  -0.051
   12  abtt   -0.26   -0.52       –       –  -0.003  -0.003
– all eigenvalues are zero (IsoScore)";
    assert_eq!(table(&study(), &names(&["pre", "ft"]), &names(&["raw", "abtt"])), expected);
}

#[test]
fn one_model_leaves_room_for_the_head() {
    let rows = [row("m", "d", (0, "raw"), LOG_I, Ok(0.0)), row("m", "d", (0, "raw"), ISOSCORE, Ok(1.0))];
    let expected = "              log10 I(W)  IsoScore
layer  space           m         m
    0  raw          0.00    1.0000";
    assert_eq!(table(&rows, &names(&["m"]), &names(&["raw"])), expected);
}

#[test]
fn each_dataset_has_its_own_table_and_what_was_not_measured_is_empty() {
    let rows = [
        row("m", "b", (0, "raw"), ISOSCORE, Ok(0.5)),
        row("", "a", (0, "raw"), "norms.mean", Ok(12.0)),
        row("m", "b", (0, "zca"), "norms.mean", Ok(1.0)),
        row("m", "b", (0, "zca"), "norms.least", Err("no row")),
        row("m", "b", (0, "zca"), ISOSCORE, Err("no row")),
    ];
    let expected = "b
              IsoScore  norms.mean  norms.least
layer  space         m           m            m
    0  raw      0.5000
    0  zca           –       1.000            –
– no row (IsoScore, norms.least)

a
              norms.mean
layer  space
    0  raw         12.00";
    assert_eq!(table(&rows, &names(&["m"]), &names(&["raw", "zca"])), expected);
}

#[test]
fn metrics_beyond_six_and_tables_too_wide_go_on_below() {
    let many = |metrics: usize, model: &str| -> String {
        let metrics = (0..metrics).map(|i| row(model, "d", (0, "raw"), &format!("x.{i}"), Ok(1.0)));
        table(&metrics.collect::<Vec<_>>(), &[], &[])
    };
    let seven = many(7, "m");
    let heads: Vec<Vec<&str>> =
        seven.split("\n\n").map(|block| block.lines().next().unwrap().split_whitespace().collect()).collect();
    assert_eq!(heads, [vec!["x.0", "x.1", "x.2", "x.3", "x.4", "x.5"], vec!["x.6"]]);
    let wide = many(4, &"m".repeat(40));
    assert_eq!(wide.split("\n\n").count(), 2);
    assert!(wide.lines().all(|line| line.chars().count() <= 110), "{wide}");
    assert_eq!(
        many(2, &"m".repeat(120)).split("\n\n").count(),
        2,
        "a metric that fits nowhere has a block to itself"
    );
}

#[test]
fn object_valued_metrics_stay_out_and_parameters_tell_equal_ids_apart() {
    let mut part = row("m", "d", (0, "raw"), "x.object", Ok(1.0));
    part.part = "words".to_owned();
    let mut sampled = row("m", "d", (0, "raw"), "x.same", Ok(2.0));
    sampled.key.params = "{\"k\":5}".to_owned();
    let rows = [
        part,
        row("m", "d", (0, "raw"), "x.object", Err("none")),
        row("m", "d", (0, "raw"), "x.same", Ok(1.0)),
        sampled,
    ];
    let expected = "              x.same {}  x.same {\"k\":5}
layer  space          m               m
    0  raw        1.000           2.000";
    assert_eq!(table(&rows, &[], &[]), expected);
    assert_eq!(table(&rows[..2], &[], &[]), "");
}

#[test]
fn csv_holds_a_line_a_number_and_nulls_are_empty() {
    let mut rows = vec![
        row("pre", "d", (0, "raw"), ISOSCORE, Ok(0.1)),
        row("ft", "d", (12, "abtt"), LOG_I, Err("n < 2, sadly")),
    ];
    rows[0].std_err = Some(1e-7);
    rows[0].part = "a \"b\"".to_owned();
    let expected = "study,model,dataset,layer,space,metric,params,part,value,status,std_err,n
s,pre,d,0,raw,spectrum.isoscore,{},\"a \"\"b\"\"\",0.1,ok,1e-7,100
s,ft,d,12,abtt,partition.log_I_pm,{},,,\"n < 2, sadly\",,100
";
    assert_eq!(csv(&rows).unwrap(), expected);
    assert_eq!(csv(&[]).unwrap(), expected.lines().next().unwrap().to_owned() + "\n");
}

#[test]
fn json_is_an_array_of_objects_and_numbers_read_back_exactly() {
    let rows = [
        row("pre", "d", (3, "raw"), ISOSCORE, Ok(0.1 + 0.2)),
        row("pre", "d", (3, "raw"), LOG_I, Err("why")),
    ];
    let expected = "[
  {
    \"study\": \"s\",
    \"model\": \"pre\",
    \"dataset\": \"d\",
    \"layer\": 3,
    \"space\": \"raw\",
    \"metric\": \"spectrum.isoscore\",
    \"params\": \"{}\",
    \"part\": \"\",
    \"value\": 0.30000000000000004,
    \"status\": \"ok\",
    \"std_err\": null,
    \"n\": 100
  },
";
    let text = json(&rows).unwrap();
    assert!(text.starts_with(expected), "{text}");
    let read: serde_json::Value = serde_json::from_str(&text).unwrap();
    assert_eq!(read[0]["value"].as_f64().map(f64::to_bits), Some((0.1_f64 + 0.2).to_bits()));
    assert_eq!(
        (&read[1]["value"], &read[1]["status"]),
        (&serde_json::Value::Null, &serde_json::json!("why"))
    );
    assert_eq!(json(&[]).unwrap(), "[]");
}
