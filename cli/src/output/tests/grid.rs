//! Layers and spaces against metrics and encoders.

use super::*;

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
    assert_eq!(terminal(&study(), &["pre", "ft"], &["raw", "abtt"]), expected);
}

#[test]
fn one_model_leaves_room_for_the_head() {
    let rows = [row("m", "d", (0, "raw"), LOG_I, Ok(0.0)), row("m", "d", (0, "raw"), ISOSCORE, Ok(1.0))];
    let expected = "              log10 I(W)  IsoScore
layer  space           m         m
    0  raw          0.00    1.0000";
    assert_eq!(terminal(&rows, &["m"], &["raw"]), expected);
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
    assert_eq!(terminal(&rows, &["m"], &["raw", "zca"]), expected);
}

#[test]
fn metrics_beyond_six_and_tables_too_wide_go_on_below() {
    let many = |metrics: usize, model: &str| -> String {
        let metrics = (0..metrics).map(|i| row(model, "d", (0, "raw"), &format!("x.{i}"), Ok(1.0)));
        terminal(&metrics.collect::<Vec<_>>(), &[], &[])
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
    assert_eq!(terminal(&rows, &[], &[]), expected);
    assert_eq!(terminal(&rows[..2], &[], &[]), "");
}

#[test]
fn an_encoder_that_differs_from_the_baseline_is_marked_and_the_test_is_named() {
    let rows = [
        row("pre", "d", (0, "raw"), ISOSCORE, Ok(0.5)),
        row("ft", "d", (0, "raw"), ISOSCORE, Ok(0.25)),
        row("pre", "d", (1, "raw"), ISOSCORE, Ok(0.5)),
        row("ft", "d", (1, "raw"), ISOSCORE, Ok(0.4999)),
        row("pre", "d", (1, "raw"), LOG_I, Ok(-1.0)),
        row("ft", "d", (1, "raw"), LOG_I, Ok(-2.0)),
    ];
    let differences = [
        difference(&rows[1], Ok(0.001)),
        difference(&rows[3], Ok(0.06)),
        difference(&rows[5], Err("`ft` and `pre` are cut into different blocks")),
    ];
    let models = names(&["pre", "ft"]);
    let shown =
        Shown { measurements: &rows, differences: &differences, models: &models, spaces: &[], errors: false };
    let expected = "                log10 I(W)         IsoScore
layer  space    pre     ft     pre       ft
    0  raw                  0.5000  0.2500*
    1  raw    -0.43  -0.87  0.5000  0.4999
* differs from pre at 95 %: paired jackknife over 16 blocks, Holm's correction over all differences of a metric
not tested: `ft` and `pre` are cut into different blocks (log10 I(W))";
    assert_eq!(table(&shown, Style::Terminal), expected);
    let other = [difference(&row("ft", "other", (0, "raw"), ISOSCORE, Ok(0.25)), Ok(0.001))];
    let shown = Shown { differences: &other, ..shown };
    assert!(!table(&shown, Style::Terminal).contains('*'), "a difference on another dataset is no mark here");
}

#[test]
fn errors_stand_beside_their_values_when_they_are_wanted() {
    let rows = [
        with_error(row("m", "d", (0, "raw"), ISOSCORE, Ok(0.5)), 0.0021),
        with_error(row("m", "d", (0, "raw"), "norms.mean", Ok(12.0)), 0.0312),
        row("m", "d", (1, "raw"), ISOSCORE, Ok(0.25)),
    ];
    let shown = Shown { measurements: &rows, differences: &[], models: &[], spaces: &[], errors: true };
    let expected = "                   IsoScore   norms.mean
layer  space              m            m
    0  raw    0.5000±0.0021  12.00±0.031
    1  raw           0.2500
± standard error: jackknife(16)";
    assert_eq!(table(&shown, Style::Terminal), expected);
    assert!(!terminal(&rows, &[], &[]).contains('±'));
}
