//! Every value of the family against an independent implementation, the rows cut into shards.
#![allow(clippy::unwrap_used)]

#[path = "../../../tests/golden/loader.rs"]
mod loader;

use isoscope_neighbour::Dimension;
use isoscope_plugin_sdk::prelude::*;
use isoscope_plugin_sdk::testing::run;

/// Compares all values of the family on one input, and answers how many there are.
fn compare(input: &str) -> usize {
    let shards = loader::shards(&loader::matrix(input));
    let shards: Vec<_> = shards.iter().map(Vec::as_slice).collect();
    let found = run::<SampleOp<Dimension>>("{}", &shards).unwrap().collected;
    let mut compared = 0;
    for (id, golden) in loader::values(input).iter().filter(|(id, _)| id.starts_with("neigh.")) {
        let number = |key: &str| golden[key].as_f64().unwrap();
        let value = found.value(id).unwrap_or_else(|| panic!("{input} {id}: {:?}", found.status(id)));
        let difference = (value - number("value")).abs();
        assert!(
            difference <= number("rtol") * number("value").abs() + number("atol"),
            "{input} {id}: {value}, golden {}",
            number("value")
        );
        compared += 1;
    }
    compared
}

#[test]
fn every_value_agrees_with_the_independent_implementation() {
    let inputs = ["iso_gauss", "elongated", "clustered", "common_mean", "bertlike", "swiss", "sphere5"];
    assert_eq!(inputs.into_iter().map(compare).sum::<usize>(), 63);
}
