//! Every value of the family against an independent implementation, the rows cut into shards.
#![allow(clippy::unwrap_used, clippy::cast_sign_loss)] // small ids

#[path = "../../../tests/golden/loader.rs"]
mod loader;

use isoscope_pairs::*;
use isoscope_plugin_sdk::prelude::*;
use isoscope_plugin_sdk::testing::{Collected, OwnedBatch, batch_of, run};
use ndarray::{Axis, Slice};
use serde_json::Value;

fn over<T: Op>(params: &str, x: &Array2<f64>) -> Collected {
    let shards = loader::shards(x);
    let shards: Vec<_> = shards.iter().map(Vec::as_slice).collect();
    run::<T>(params, &shards).unwrap().collected
}

fn assert_close(what: &str, golden: &Value, value: &Value, found: Option<f64>) {
    let number = |value: &Value| value.as_f64().unwrap();
    let found = found.unwrap_or_else(|| panic!("{what}: no value"));
    let tolerance = number(&golden["rtol"]) * number(value).abs() + number(&golden["atol"]);
    assert!((found - number(value)).abs() <= tolerance, "{what}: {found}, golden {value}");
}

#[test]
fn uniformity_agrees_on_every_input() {
    let compared = loader::compare_family("pairs.uniformity", |x| over::<SampleOp<Uniformity>>("{}", x), &[]);
    assert_eq!(compared, 12);
}

#[test]
fn values_of_the_stored_pairs_agree() {
    let file = concat!(env!("CARGO_MANIFEST_DIR"), "/../../tests/golden/pairs.npy");
    let stored: Array2<i32> = ndarray_npy::read_npy(file).unwrap();
    let flat: Vec<String> = stored.iter().map(ToString::to_string).collect();
    let params = format!(r#"{{"pairs": [{}]}}"#, flat.join(","));
    for input in ["rogue", "common_mean"] {
        let (x, golden) = (loader::matrix(input), loader::values(input));
        let cosine = &golden["pairs.sampled_avg_cosine"];
        let found = over::<SampleOp<SampledCosine>>(&params, &x);
        assert_close(input, cosine, &cosine["value"], found.value("pairs.sampled_avg_cosine"));
        assert_eq!(found.value("pairs.sampled_skipped_pairs"), Some(0.0));

        // The golden list gives the leading two of the five.
        let dims = over::<SampleOp<ContributingDims>>(&params, &x);
        let dims = dims.series("pairs.sampled_cc_top5_dims").unwrap();
        let leading: Vec<f64> =
            serde_json::from_value(golden["pairs.sampled_cc_top5_dims"]["value"].clone()).unwrap();
        assert_eq!((dims.len(), &dims[..leading.len()]), (5, leading.as_slice()), "{input}");

        let cosine = over::<SampleOp<Informativity>>(&params, &x);
        let distance = over::<SampleOp<InformativityL2>>(&params, &x);
        for (id, found) in [("pairs.informativity_r2", cosine), ("pairs.informativity_r2_l2", distance)] {
            let parts = golden[id]["value"].as_object().unwrap();
            assert_eq!(parts.len(), 3);
            for (part, value) in parts {
                assert_close(&format!("{input} {id} {part}"), &golden[id], value, found.part(id, part));
            }
        }
    }
}

#[test]
fn alignment_of_token_rows_agrees() {
    let (x, sentence, gold) =
        (loader::matrix("tokens"), loader::integers("tokens_sent"), loader::floats("sts_gold"));
    // Batches end at the borders of pairs.
    let mut cuts = vec![0];
    cuts.extend((1..sentence.len()).filter(|i| sentence[*i] / 14 != sentence[*i - 1] / 14));
    cuts.push(sentence.len());
    let batch = |from: usize, to: usize| -> OwnedBatch {
        let ids: Vec<_> = sentence[from..to].iter().map(|s| Some(*s)).collect();
        let gold: Vec<_> = sentence[from..to].iter().map(|s| Some(gold[*s as usize / 2])).collect();
        let rows = x.slice_axis(Axis(0), Slice::from(from..to)).to_owned();
        batch_of(&rows).first_row(from as u64).i64s("sentence", &ids).f64s("gold", &gold)
    };
    let batches: Vec<OwnedBatch> = cuts.windows(2).map(|w| batch(w[0], w[1])).collect();
    let (a, b) = batches.split_at(batches.len() / 3);
    let found = run::<Alignment>("{}", &[a, b]).unwrap().collected;
    let golden = &loader::values("tokens")["pairs.alignment_gold_gt4"];
    assert_close("tokens", golden, &golden["value"], found.value("pairs.alignment_gold_gt4"));
    assert_eq!(found.value("pairs.alignment_pairs"), Some(19.0));
    assert_eq!(found.value("pairs.alignment_skipped_pairs"), Some(0.0));
}
