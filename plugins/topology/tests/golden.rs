//! Every value of the family against an independent implementation, the rows cut into shards.
#![allow(clippy::unwrap_used)]

#[path = "../../../tests/golden/loader.rs"]
mod loader;

use isoscope_plugin_sdk::prelude::*;
use isoscope_plugin_sdk::testing::{Collected, run};
use isoscope_topology::*;

fn over<T: Op>(params: &str, input: &str) -> Collected {
    let shards = loader::shards(&loader::matrix(input));
    let shards: Vec<_> = shards.iter().map(Vec::as_slice).collect();
    run::<T>(params, &shards).unwrap().collected
}

fn assert_close(what: &str, golden: f64, found: Option<f64>, rtol: f64) {
    let found = found.unwrap_or_else(|| panic!("{what}: no value"));
    assert!((found - golden).abs() <= rtol * golden.abs() + 1e-12, "{what}: {found}, golden {golden}");
}

#[test]
fn components_of_the_first_rows_agree() {
    let mut compared = 0;
    for input in ["iso_gauss", "clustered", "swiss"] {
        let found = over::<SampleOp<Components>>(r#"{"rows": 1200, "first": 150}"#, input);
        for (id, golden) in loader::values(input).iter().filter(|(id, _)| id.starts_with("topo.")) {
            let number = |key: &str| golden[key].as_f64().unwrap();
            assert_close(&format!("{input} {id}"), number("value"), found.value(id), number("rtol"));
            assert_eq!(found.row(id).unwrap().n, 150);
            compared += 1;
        }
    }
    assert_eq!(compared, 9);
}

#[test]
fn loops_of_the_circle_agree() {
    let golden = &loader::values("circle")["topo.h1_intervals"];
    let rtol = golden["rtol"].as_f64().unwrap();
    let intervals: Vec<[f64; 2]> = serde_json::from_value(golden["value"].clone()).unwrap();
    let found = over::<SampleOp<Loops>>("{}", "circle");
    let series = |part| found.series_part("topo.h1_intervals", part).unwrap();
    let (births, deaths) = (series("birth"), series("death"));
    assert_eq!((births.len(), deaths.len()), (intervals.len(), intervals.len()));
    for (i, [birth, death]) in intervals.into_iter().enumerate() {
        assert_close("birth", birth, Some(births[i]), rtol);
        assert_close("death", death, Some(deaths[i]), rtol);
    }
}
