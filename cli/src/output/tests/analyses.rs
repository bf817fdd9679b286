//! Comparisons and groups.

use super::*;

fn compared(layers: (u32, u32), metric: &str, value: Result<f64, &str>) -> Measurement {
    let mut row = row("pre", "d", (layers.0, "raw"), metric, value);
    (row.key.other, row.key.other_layer) = ("ft".to_owned(), layers.1);
    row
}

fn grouped(model: &str, layer: u32, group: &str, n: u64, value: f64) -> Measurement {
    let mut row = row(model, "d", (layer, "raw"), ISOSCORE, Ok(value));
    (row.key.by, row.key.group, row.n) = ("label".to_owned(), group.to_owned(), n);
    row
}

#[test]
fn a_pair_whose_layers_meet_their_like_has_a_table_of_layers_and_metrics() {
    let rows = [
        row("pre", "d", (0, "raw"), ISOSCORE, Ok(0.5)),
        compared((0, 0), "compare.cka_linear", Ok(0.987_65)),
        compared((10, 10), "compare.cka_linear", Ok(0.5)),
        compared((10, 10), "compare.drift", Err("widths differ")),
    ];
    let expected = "              IsoScore
layer  space       pre
    0  raw      0.5000

pre against ft
layer  compare.cka_linear  compare.drift
    0              0.9877
   10              0.5000              –
– widths differ (compare.drift)";
    assert_eq!(terminal(&rows, &["pre", "ft"], &["raw"]), expected);
}

#[test]
fn a_pair_whose_layers_all_meet_has_a_matrix_for_each_metric() {
    let pairs = [(0, 0), (0, 1), (1, 0), (1, 1)];
    let rows = pairs.map(|(i, j)| compared((i, j), "compare.cka_linear", Ok(f64::from(1 + i + 2 * j) / 4.0)));
    let expected = "compare.cka_linear: layers of pre below, of ft across
layer       0       1
    0  0.2500  0.7500
    1  0.5000   1.000";
    assert_eq!(terminal(&rows, &[], &[]), expected);
}

#[test]
fn matrices_are_compared_by_the_names_of_their_datasets() {
    let mut row = row("", "left", (0, "raw"), "compare.cka_linear", Ok(1.0));
    row.key.other = "right".to_owned();
    assert!(terminal(&[row], &[], &[]).starts_with("left against right\n"));
}

#[test]
fn groups_stand_below_each_other_the_largest_first() {
    let rows = [
        grouped("pre", 0, "ADJ", 7, 0.25),
        grouped("pre", 6, "ADJ", 7, 0.5),
        grouped("pre", 0, "NOUN", 30, 0.125),
        grouped("ft", 6, "NOUN", 29, 0.75),
    ];
    let expected = "by label: metrics in columns of layers
             IsoScore pre  IsoScore ft
label   n       0       6            6
NOUN   30  0.1250               0.7500
ADJ     7  0.2500  0.5000";
    assert_eq!(terminal(&rows, &["pre", "ft"], &[]), expected);
}

#[test]
fn at_most_twenty_groups_are_shown_and_the_others_counted() {
    let rows: Vec<_> = (0..25).map(|i| grouped("m", 0, &format!("{i:030}"), 100 - i, 0.5)).collect();
    let found = terminal(&rows, &[], &[]);
    assert_eq!(found.lines().count(), 3 + 20 + 1, "{found}");
    assert!(found.ends_with("… and 5 smaller groups, in measurements.parquet"), "{found}");
    assert!(found.lines().all(|line| line.chars().count() <= 60), "long keys are cut: {found}");
}
