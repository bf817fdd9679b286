#![allow(clippy::unwrap_used)]

use super::{ResultError, curves_parquet, differences_parquet, measurements_parquet};
use arrow_array::cast::AsArray;
use arrow_array::types::{Float64Type, Int32Type, Int64Type, UInt64Type};
use arrow_array::{Array as _, RecordBatch};
use arrow_schema::DataType;
use isoscope_core::result::{CurvePoint, Difference, DifferenceKind, Key, Measurement};
use parquet::arrow::arrow_reader::ParquetRecordBatchReaderBuilder;

fn key(model: &str, layer: u32, metric: &str) -> Key {
    Key {
        study: "s".to_owned(),
        model: model.to_owned(),
        dataset: "stsb".to_owned(),
        layer,
        other: "pre".to_owned(),
        other_layer: 11,
        by: "label".to_owned(),
        group: "NOUN".to_owned(),
        space: "raw".to_owned(),
        metric: metric.to_owned(),
        weights_digest: "sha256:w".to_owned(),
        model_revision: "main-as-it-was".to_owned(),
        dataset_digest: "sha256:d".to_owned(),
        unit: "token".to_owned(),
        pooling: "model:mean+normalize".to_owned(),
        token_policy: "exclude=special;max_tokens=512".to_owned(),
        chain: "[]".to_owned(),
        definition: 2,
        params: "{}".to_owned(),
        plugin: "org.isoscope.spectrum 0.1.0".to_owned(),
        plugin_digest: "built-in:0.1.0".to_owned(),
        d: 768,
        seed: u64::MAX,
        numerics_class: "cpu/f32".to_owned(),
        plan_digest: "sha256:p".to_owned(),
    }
}

fn measurement(model: &str, layer: u32, part: &str, value: Result<f64, &str>) -> Measurement {
    Measurement {
        key: key(model, layer, "spectrum.isoscore"),
        part: part.to_owned(),
        value: value.ok(),
        status: value.err().unwrap_or("ok").to_owned(),
        std_err: value.ok().map(|v| v / 10.0),
        std_err_kind: if value.is_ok() { "jackknife(16)" } else { "" }.to_owned(),
        n: 42_709,
    }
}

fn difference(model: &str, kind: DifferenceKind, tested: Result<f64, &str>) -> Difference {
    Difference {
        key: key(model, 3, "spectrum.isoscore"),
        part: String::new(),
        kind,
        baseline: "pre".to_owned(),
        difference: Some(0.25),
        std_err: tested.ok().map(|p| p / 2.0),
        z: tested.ok().map(|p| p * 3.0),
        p: tested.ok(),
        p_holm: tested.ok().map(|p| p * 2.0),
        blocks: if tested.is_ok() { 16 } else { 0 },
        status: tested.err().unwrap_or("ok").to_owned(),
    }
}

/// In the order of the file.
fn differences() -> Vec<Difference> {
    vec![
        difference("a", DifferenceKind::Model, Ok(0.01)),
        difference("a", DifferenceKind::Space, Ok(0.02)),
        difference("b", DifferenceKind::Model, Err("cut into different blocks")),
    ]
}

/// In the order of the file.
fn measurements() -> Vec<Measurement> {
    vec![
        measurement("ft", 0, "", Ok(0.5)),
        measurement("ft", 2, "", Err("all eigenvalues are zero")),
        measurement("ft", 10, "a", Ok(-0.0)),
        measurement("ft", 10, "b", Ok(1e-300)),
        measurement("pre", 0, "", Ok(0.25)),
    ]
}

fn points() -> Vec<CurvePoint> {
    let point = |layer, x: u32, y: Option<f64>, status: &str| CurvePoint {
        key: key("pre", layer, "spectrum.eigenvalues"),
        part: String::new(),
        x,
        y,
        status: status.to_owned(),
        n: 7,
    };
    vec![
        point(0, 0, Some(3.0), "ok"),
        point(0, 2, Some(2.0), "ok"),
        point(0, 10, Some(1.0), "ok"),
        point(1, 0, None, "fewer than two rows"),
    ]
}

fn read(bytes: Vec<u8>) -> RecordBatch {
    let builder = ParquetRecordBatchReaderBuilder::try_new(bytes::Bytes::from(bytes)).unwrap();
    let metadata = builder.metadata().file_metadata();
    assert_eq!(metadata.created_by(), Some("isoscope"));
    let pairs = metadata.key_value_metadata().unwrap();
    assert_eq!(pairs.len(), 1);
    assert_eq!((pairs[0].key.as_str(), pairs[0].value.as_deref()), ("isoscope.schema", Some("1")));
    let tables: Vec<RecordBatch> = builder.build().unwrap().map(Result::unwrap).collect();
    assert_eq!(tables.len(), 1);
    tables.into_iter().next().unwrap()
}

fn strings<'a>(table: &'a RecordBatch, name: &str) -> Vec<&'a str> {
    table.column_by_name(name).unwrap().as_string::<i32>().iter().map(Option::unwrap).collect()
}

fn integers(table: &RecordBatch, name: &str) -> Vec<i32> {
    table.column_by_name(name).unwrap().as_primitive::<Int32Type>().values().to_vec()
}

fn counts(table: &RecordBatch, name: &str) -> Vec<i64> {
    table.column_by_name(name).unwrap().as_primitive::<Int64Type>().values().to_vec()
}

fn numbers(table: &RecordBatch, name: &str) -> Vec<Option<f64>> {
    table.column_by_name(name).unwrap().as_primitive::<Float64Type>().iter().collect()
}

#[test]
fn shuffled_measurements_give_identical_bytes() {
    let sorted = measurements_parquet(&measurements()).unwrap();
    let mut shuffled = measurements();
    for _ in 0..shuffled.len() {
        shuffled.rotate_left(1);
        assert!(measurements_parquet(&shuffled).unwrap() == sorted);
        shuffled.swap(0, 3);
        assert!(measurements_parquet(&shuffled).unwrap() == sorted);
    }
}

#[test]
fn rows_equal_in_all_that_identifies_them_still_have_one_order() {
    let rows = [measurement("a", 0, "", Ok(1.0)), measurement("a", 0, "", Ok(2.0))];
    let turned = [rows[1].clone(), rows[0].clone()];
    assert!(measurements_parquet(&rows).unwrap() == measurements_parquet(&turned).unwrap());
}

#[test]
fn measurements_read_back_as_they_were_written() {
    let expected = measurements();
    let mut reversed = expected.clone();
    reversed.reverse();
    let table = read(measurements_parquet(&reversed).unwrap());
    assert_eq!(integers(&table, "schema_version"), [1; 5]);
    assert_eq!(strings(&table, "model"), ["ft", "ft", "ft", "ft", "pre"]);
    assert_eq!(integers(&table, "layer"), [0, 2, 10, 10, 0]);
    assert_eq!(strings(&table, "part"), ["", "", "a", "b", ""]);
    let values = numbers(&table, "value");
    assert_eq!(values, expected.iter().map(|row| row.value).collect::<Vec<_>>());
    assert!(values[2].unwrap().is_sign_negative(), "the very bits are kept");
    assert_eq!(numbers(&table, "std_err"), expected.iter().map(|row| row.std_err).collect::<Vec<_>>());
    assert_eq!(strings(&table, "status"), ["ok", "all eigenvalues are zero", "ok", "ok", "ok"]);
    let kinds = ["jackknife(16)", "", "jackknife(16)", "jackknife(16)", "jackknife(16)"];
    assert_eq!(strings(&table, "std_err_kind"), kinds);
    assert_eq!(integers(&table, "other_layer"), [11; 5]);
    assert_eq!(counts(&table, "n"), [42_709; 5]);
    assert_eq!(integers(&table, "d"), [768; 5]);
    assert_eq!(table.column_by_name("seed").unwrap().as_primitive::<UInt64Type>().value(0), u64::MAX);
    for (name, value) in serde_json::to_value(key("", 0, "spectrum.isoscore")).unwrap().as_object().unwrap() {
        if let Some(text) = value.as_str().filter(|_| name != "model") {
            assert_eq!(strings(&table, name), [text; 5], "{name}");
        }
    }
}

#[test]
fn columns_bear_the_names_of_the_fields_in_their_order() {
    let names = |table: &RecordBatch| -> Vec<String> {
        table.schema().fields().iter().map(|field| field.name().clone()).collect()
    };
    let of_key = [
        "schema_version",
        "study",
        "model",
        "dataset",
        "layer",
        "other",
        "other_layer",
        "by",
        "group",
        "space",
        "metric",
        "weights_digest",
        "model_revision",
        "dataset_digest",
        "unit",
        "pooling",
        "token_policy",
        "chain",
        "definition",
        "params",
        "plugin",
        "plugin_digest",
        "d",
        "seed",
        "numerics_class",
        "plan_digest",
    ];
    let table = read(measurements_parquet(&measurements()).unwrap());
    let of_value = ["part", "value", "status", "std_err", "std_err_kind", "n"];
    assert_eq!(names(&table), [&of_key[..], &of_value].concat());
    assert_eq!(table.schema().field_with_name("study").unwrap().data_type(), &DataType::Utf8);
    let table = read(curves_parquet(&points()).unwrap());
    assert_eq!(names(&table), [&of_key[..], &["part", "x", "y", "status", "n"]].concat());
    let table = read(differences_parquet(&differences()).unwrap());
    let of_difference =
        ["part", "kind", "baseline", "difference", "std_err", "z", "p", "p_holm", "blocks", "status"];
    assert_eq!(names(&table), [&of_key[..], &of_difference].concat());
}

#[test]
fn a_value_that_could_not_be_had_is_a_parquet_null() {
    let table = read(measurements_parquet(&measurements()).unwrap());
    for name in ["value", "std_err"] {
        let column = table.column_by_name(name).unwrap();
        assert_eq!((column.null_count(), column.is_null(1)), (1, true));
    }
    assert_eq!(table.column_by_name("status").unwrap().null_count(), 0);
}

#[test]
fn shuffled_points_give_identical_bytes_and_read_back_in_order() {
    let mut turned = points();
    turned.reverse();
    let bytes = curves_parquet(&turned).unwrap();
    assert!(bytes == curves_parquet(&points()).unwrap());
    let table = read(bytes);
    assert_eq!(integers(&table, "x"), [0, 2, 10, 0]);
    assert_eq!(numbers(&table, "y"), [Some(3.0), Some(2.0), Some(1.0), None]);
    assert_eq!(strings(&table, "status")[3], "fewer than two rows");
    assert_eq!(counts(&table, "n"), [7; 4]);
}

#[test]
fn shuffled_differences_give_identical_bytes_and_read_back_in_order() {
    let mut turned = differences();
    turned.reverse();
    let bytes = differences_parquet(&turned).unwrap();
    assert!(bytes == differences_parquet(&differences()).unwrap());
    let table = read(bytes);
    assert_eq!(strings(&table, "kind"), ["model", "space", "model"]);
    assert_eq!(strings(&table, "baseline"), ["pre"; 3]);
    assert_eq!(numbers(&table, "difference"), [Some(0.25); 3]);
    assert_eq!(numbers(&table, "p"), [Some(0.01), Some(0.02), None]);
    assert_eq!(numbers(&table, "p_holm"), [Some(0.02), Some(0.04), None]);
    assert_eq!(integers(&table, "blocks"), [16, 16, 0]);
    assert_eq!(strings(&table, "status")[2], "cut into different blocks");
}

#[test]
fn a_difference_without_a_test_says_why() {
    let unexplained = differences_parquet(&[difference("a", DifferenceKind::Model, Err("ok"))]);
    assert!(matches!(unexplained, Err(ResultError::NullWithoutReason { layer: 3, .. })));
    let nan = differences_parquet(&[difference("a", DifferenceKind::Model, Ok(f64::NAN))]);
    assert!(matches!(nan, Err(ResultError::NotFinite { column: "std_err", .. })));
}

#[test]
fn no_rows_make_a_table_of_no_rows() {
    let bytes = measurements_parquet(&[]).unwrap();
    let builder = ParquetRecordBatchReaderBuilder::try_new(bytes::Bytes::from(bytes)).unwrap();
    assert_eq!((builder.schema().fields().len(), builder.metadata().file_metadata().num_rows()), (32, 0));
}

#[test]
fn what_must_never_be_written_is_refused() {
    let nan = measurements_parquet(&[measurement("pre", 3, "", Ok(f64::NAN))]).unwrap_err();
    assert_eq!(
        nan.to_string(),
        "`value` of spectrum.isoscore (model `pre`, layer 3, space `raw`) is NaN, which is never written"
    );
    let mut infinite = points();
    infinite[0].y = Some(f64::INFINITY);
    assert!(matches!(curves_parquet(&infinite), Err(ResultError::NotFinite { column: "y", .. })));
    let unexplained = measurements_parquet(&[measurement("pre", 3, "", Err("ok"))]);
    assert!(matches!(unexplained, Err(ResultError::NullWithoutReason { layer: 3, .. })));
    let mut many = measurements();
    many[0].n = u64::MAX;
    assert!(matches!(measurements_parquet(&many), Err(ResultError::TooLarge { column: "n", .. })));
}
