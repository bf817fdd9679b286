//! A range of rows is the slice of the whole.

use super::{Dataset, Row};
use std::fmt::Write as _;

/// Numbers that look random and never change (Steele, Lea & Flood 2014, `splitmix64`).
struct Numbers(u64);

impl Numbers {
    fn below(&mut self, n: u64) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let z = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        let z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        (z ^ (z >> 31)) % n
    }
}

/// The same rows in every format; texts hold what each format must quote, or begin with a byte order mark.
fn datasets(rows: u64) -> Vec<Dataset> {
    let (mut tsv, mut csv) = ("id\ttext\tgold\n".to_owned(), "gold,id,text\r\n".to_owned());
    let (mut jsonl, mut txt) = (String::new(), String::new());
    let mut numbers = Numbers(1);
    for i in 0..rows {
        let word = ["", "\u{feff}mark", "comma, \"quote\"", "déjà vu", "word"][numbers.below(5) as usize];
        let gold = numbers.below(500) as f64 / 100.0;
        writeln!(tsv, "{i}\t{word} {i}\t{gold}").unwrap();
        let breaks = ["", "\n", "\r\n", "\n\n"][numbers.below(4) as usize];
        write!(csv, "{gold},{i},\"{}{breaks}{i}\"\r\n", word.replace('"', "\"\"")).unwrap();
        if numbers.below(7) == 0 {
            csv.push_str(["\r\n", "\n", "\n\n"][numbers.below(3) as usize]);
        }
        writeln!(jsonl, "{}", serde_json::json!({"text": format!("{word}{breaks}{i}"), "gold": gold}))
            .unwrap();
        writeln!(txt, "{word}{i}").unwrap();
    }
    let marked = format!("\u{feff}{txt}");
    vec![
        Dataset::new("d.tsv", tsv, &["text"], Some("gold")),
        Dataset::new("d.csv", &csv, &["text"], Some("gold")),
        Dataset::new("d.csv", csv.trim_start_matches("gold,id,text\r\n"), &["text"], None)
            .without_header(&["gold", "id", "text"]),
        Dataset::new("d.jsonl", jsonl, &["text"], Some("gold")),
        Dataset::new("d.txt", txt, &[], None),
        Dataset::new("d.txt", marked, &[], None),
    ]
}

fn slice(all: &[Row], from: u64, to: u64) -> &[Row] {
    &all[from as usize..to as usize]
}

#[test]
fn every_range_of_a_small_dataset_equals_the_slice_of_a_full_read() {
    for dataset in datasets(13) {
        let facts = dataset.survey().unwrap();
        assert_eq!((facts.rows, facts.index.stride), (13, 1));
        let all = dataset.all();
        assert!(
            all.iter()
                .enumerate()
                .all(|(i, row)| row.index == i as u64 && row.texts[0].contains(&i.to_string()))
        );
        for from in 0..=13 {
            for to in from..=13 {
                assert_eq!(
                    dataset.texts(&facts, from..to).unwrap(),
                    slice(&all, from, to),
                    "{}",
                    dataset.spec.source
                );
            }
        }
    }
}

#[test]
fn random_ranges_of_a_thinned_index_equal_the_slice_of_a_full_read() {
    let mut numbers = Numbers(2);
    for dataset in datasets(9000) {
        let facts = dataset.survey().unwrap();
        assert_eq!((facts.rows, facts.index.stride), (9000, 4));
        let all = dataset.all();
        for _ in 0..40 {
            let from = numbers.below(9001);
            let to = from + numbers.below(9001 - from).min(200);
            assert_eq!(
                dataset.texts(&facts, from..to).unwrap(),
                slice(&all, from, to),
                "{}",
                dataset.spec.source
            );
        }
    }
}

#[test]
fn what_precedes_a_range_is_not_read() {
    for file in ["d.tsv", "d.csv", "d.jsonl", "d.txt"] {
        let line = |i: u32| match file {
            "d.tsv" => format!("x{i}\t1\n"),
            "d.csv" => format!("\"x{i}\",1\n"),
            "d.jsonl" => format!("{{\"t\":\"x{i}\"}}\n"),
            _ => format!("x{i}\n"),
        };
        let header = ["t\tn\n", "t,n\n", "", ""]
            [["d.tsv", "d.csv", "d.jsonl", "d.txt"].iter().position(|f| *f == file).unwrap()];
        let body: Vec<String> = (100..200).map(line).collect();
        let text: &[&str] = if file == "d.txt" { &[] } else { &["t"] };
        let dataset = Dataset::new(file, format!("{header}{}", body.concat()), text, None);
        let facts = dataset.survey().unwrap();
        let all = dataset.all();
        let spoilt = vec![0xFF_u8; body[..50].concat().len()];
        let header = if header.is_empty() { Vec::new() } else { header.as_bytes().to_vec() };
        dataset.overwrite([header, spoilt, body[50..].concat().into_bytes()].concat());
        assert_eq!(dataset.texts(&facts, 50..60).unwrap(), slice(&all, 50, 60), "{file}");
        assert!(dataset.texts(&facts, 49..60).is_err(), "{file}: the row before is spoilt");
    }
}

#[test]
fn a_range_beyond_the_dataset_is_refused_and_so_is_a_file_that_has_shrunk() {
    let dataset = Dataset::new("d.txt", "a\nb\nc\n", &[], None);
    let facts = dataset.survey().unwrap();
    let error = dataset.texts(&facts, 2..4).unwrap_err();
    assert_eq!(dataset.brief(&error), "d.txt: rows 2 to 4 were asked for, but there are 3");
    dataset.overwrite("a\nb\n");
    let error = dataset.texts(&facts, 1..3).unwrap_err();
    assert_eq!(
        dataset.brief(&error),
        "d.txt has changed since it was surveyed (row 2 is gone); submit the study again"
    );
}
