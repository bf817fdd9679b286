//! Every value of the family against an independent implementation, the rows cut into shards.
#![allow(clippy::unwrap_used)]

#[path = "../../../tests/golden/loader.rs"]
mod loader;
mod two_views;

use two_views::{IN_SHARDS, all};

#[test]
fn every_value_agrees_with_the_independent_implementation() {
    let (mut compared, mut failures) = (0, Vec::new());
    for other in ["cmpA", "cmpB", "cmpC", "cmpD"] {
        let found = all(&IN_SHARDS, &loader::matrix("cmpA"), &loader::matrix(other));
        let pair = format!("cmpA|{other}");
        for (id, golden) in loader::values(&pair).iter().filter(|(id, _)| id.starts_with("compare.")) {
            compared += 1;
            let wanted = golden["value"].as_f64().unwrap();
            let room = golden["rtol"].as_f64().unwrap() * wanted.abs() + golden["atol"].as_f64().unwrap();
            match found.value(id) {
                Some(value) if (value - wanted).abs() <= room => {}
                value => failures.push(format!("{pair} {id}: {value:?}, golden {wanted} ± {room:e}")),
            }
        }
    }
    assert!(failures.is_empty(), "{} of {compared} differ:\n{}", failures.len(), failures.join("\n"));
    assert_eq!(compared, 103);
}

#[test]
fn clouds_of_other_widths_have_no_values_in_shared_coordinates() {
    let found = all(&IN_SHARDS, &loader::matrix("cmpA"), &loader::matrix("cmpC"));
    for id in ["frechet_sq", "mean_shift", "row_cosine_mean", "subspace_overlap_k5"] {
        let status = found.status(&format!("compare.{id}")).unwrap();
        assert!(status.contains("differ in width, 24 and 32"), "{id}: {status}");
    }
}
