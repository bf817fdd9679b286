//! Measurements for other programs.

use super::super::{csv, json};
use super::*;

#[test]
fn csv_holds_a_line_a_number_and_nulls_are_empty() {
    let mut rows = vec![
        row("pre", "d", (0, "raw"), ISOSCORE, Ok(0.1)),
        row("ft", "d", (12, "abtt"), LOG_I, Err("n < 2, sadly")),
    ];
    rows[0] = with_error(rows[0].clone(), 1e-7);
    rows[0].key.pooling = "model:mean".to_owned();
    rows[0].part = "a \"b\"".to_owned();
    let compared = &mut rows[1].key;
    (compared.other, compared.other_layer) = ("pre".to_owned(), 11);
    (compared.by, compared.group) = ("label".to_owned(), "NOUN".to_owned());
    let expected = "study,model,dataset,layer,other,other_layer,by,group,space,metric,params,part,value,status,std_err,std_err_kind,n,pooling,model_revision
s,pre,d,0,,0,,,raw,spectrum.isoscore,{},\"a \"\"b\"\"\",0.1,ok,1e-7,jackknife(16),100,model:mean,
s,ft,d,12,pre,11,label,NOUN,abtt,partition.log_I_pm,{},,,\"n < 2, sadly\",,,100,,
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
    \"other\": \"\",
    \"other_layer\": 3,
    \"by\": \"\",
    \"group\": \"\",
    \"space\": \"raw\",
    \"metric\": \"spectrum.isoscore\",
    \"params\": \"{}\",
    \"part\": \"\",
    \"value\": 0.30000000000000004,
    \"status\": \"ok\",
    \"std_err\": null,
    \"std_err_kind\": \"\",
    \"n\": 100,
    \"pooling\": \"\",
    \"model_revision\": \"\"
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
