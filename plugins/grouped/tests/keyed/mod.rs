//! Rows with keys, cut into shards between sentences, through every op of the family.
#![allow(dead_code)] // each test file uses a part

use isoscope_plugin_sdk::prelude::*;
use isoscope_plugin_sdk::testing::{Collected, OwnedBatch, batch_of, run};
use ndarray::{Axis, Slice};

/// Rows and their columns.
#[derive(Clone)]
pub(crate) struct Keyed {
    pub(crate) rows: Array2<f64>,
    pub(crate) word: Vec<Option<String>>,
    pub(crate) sentence: Vec<Option<i64>>,
    pub(crate) label: Vec<Option<String>>,
    pub(crate) frequency: Vec<Option<f64>>,
}

impl Keyed {
    /// Gives rows words and sentences; the parity of the sentence is the label, and the number of the word its frequency.
    pub(crate) fn new(rows: Array2<f64>, word: &[i64], sentence: &[i64]) -> Self {
        Self {
            rows,
            word: word.iter().map(|w| Some(format!("w{w}"))).collect(),
            sentence: sentence.iter().map(|s| Some(*s)).collect(),
            label: sentence
                .iter()
                .map(|s| Some(if s % 2 == 0 { "even" } else { "odd" }.to_owned()))
                .collect(),
            frequency: word.iter().map(|w| Some(*w as f64)).collect(),
        }
    }

    /// Makes sentences of four rows, whose words come round.
    pub(crate) fn regular(rows: Array2<f64>, words: usize) -> Self {
        let word: Vec<i64> = (0..rows.nrows()).map(|i| ((i * i + i / 3) % words) as i64).collect();
        let sentence: Vec<i64> = (0..rows.nrows()).map(|i| (i / 4) as i64).collect();
        Self::new(rows, &word, &sentence)
    }

    /// Cuts rows `from..to` out as a batch.
    pub(crate) fn batch(&self, from: usize, to: usize) -> OwnedBatch {
        fn texts(column: &[Option<String>]) -> Vec<Option<&str>> {
            column.iter().map(Option::as_deref).collect()
        }
        batch_of(&self.rows.slice_axis(Axis(0), Slice::from(from..to)).to_owned())
            .first_row(from as u64)
            .i64s("row", &(from..to).map(|i| Some(i as i64)).collect::<Vec<_>>())
            .i64s("sentence", &self.sentence[from..to])
            .strings("word", &texts(&self.word[from..to]))
            .strings("label", &texts(&self.label[from..to]))
            .f64s("frequency", &self.frequency[from..to])
    }

    /// The whole as one batch.
    pub(crate) fn whole(&self) -> Vec<Vec<OwnedBatch>> {
        vec![vec![self.batch(0, self.rows.nrows())]]
    }

    /// Cuts between sentences at the places nearest to those given, with an empty shard between.
    pub(crate) fn cut(&self, places: &[usize]) -> Vec<Vec<OwnedBatch>> {
        let n = self.rows.nrows();
        let border = |place: usize| {
            (place..n).find(|i| *i > 0 && self.sentence[*i] != self.sentence[*i - 1]).unwrap_or(n)
        };
        let mut ends: Vec<usize> = places.iter().map(|place| border(*place)).collect();
        ends.insert(0, 0);
        ends.push(n);
        let mut shards: Vec<Vec<OwnedBatch>> =
            ends.windows(2).map(|pair| vec![self.batch(pair[0], pair[1])]).collect();
        // Two batches of one shard, and a shard without a batch.
        if shards.len() > 2 {
            let second = shards.remove(1);
            shards[0].extend(second);
        }
        shards.insert(1, Vec::new());
        shards
    }

    /// Puts rows and columns in another order.
    pub(crate) fn reordered(&self, order: &[usize]) -> Self {
        fn pick<T: Clone>(column: &[T], order: &[usize]) -> Vec<T> {
            order.iter().map(|i| column[*i].clone()).collect()
        }
        Self {
            rows: self.rows.select(Axis(0), order),
            word: pick(&self.word, order),
            sentence: pick(&self.sentence, order),
            label: pick(&self.label, order),
            frequency: pick(&self.frequency, order),
        }
    }
}

/// Runs an op over shards.
pub(crate) fn measure<T: Op>(params: &str, shards: &[Vec<OwnedBatch>]) -> Collected {
    let shards: Vec<&[OwnedBatch]> = shards.iter().map(Vec::as_slice).collect();
    run::<T>(params, &shards).unwrap().collected
}

/// Calls a function for every op of the family, with parameters that fit a small cloud.
#[macro_export]
macro_rules! each_op {
    ($function:ident, $($argument:expr),*) => {
        $function::<SelfSimilarity>(r#"{"min_count": 2}"#, $($argument),*);
        $function::<IntraSentence>("{}", $($argument),*);
        $function::<Mev>(r#"{"min_count": 2, "occurrences": 50}"#, $($argument),*);
        $function::<Frequency>("{}", $($argument),*);
        $function::<Frequency>(r#"{"frequency": "frequency", "components": 3}"#, $($argument),*);
        $function::<SampleOp<SameGroupNeighbours>>(r#"{"k": 2}"#, $($argument),*);
        $function::<SampleOp<SameGroupNeighbours>>(r#"{"k": 1, "group": "sentence", "within": "label"}"#, $($argument),*);
        $function::<SampleOp<AttributeDistance>>("{}", $($argument),*);
        $function::<SampleOp<AttributeDistance>>(r#"{"within": "label", "attribute": "sentence"}"#, $($argument),*);
    };
}
