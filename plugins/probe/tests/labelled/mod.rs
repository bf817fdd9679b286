//! Labelled rows for tests.
#![allow(dead_code, clippy::unwrap_used)]

use isoscope_plugin_sdk::prelude::*;
use isoscope_plugin_sdk::testing::{OwnedBatch, batch_of, product};
use ndarray::{Axis, Slice};

use crate::properties::Random;

/// Rows with every column that probes read.
#[derive(Clone)]
pub(crate) struct Labelled {
    pub(crate) x: Array2<f64>,
    pub(crate) label: Vec<Option<String>>,
    pub(crate) word: Vec<Option<String>>,
    pub(crate) test: Vec<bool>,
    pub(crate) gold: Vec<Option<f64>>,
    /// The part of all rows, where it is neither of the two.
    pub(crate) part: Option<&'static str>,
}

impl Labelled {
    /// Draws n rows of `classes` overlapping classes; every fourth row is a test row.
    pub(crate) fn draw(seed: u64, n: usize, d: usize, classes: usize) -> Self {
        let mut random = Random::new(seed);
        let centres = random.cloud(classes, d);
        let noise = random.cloud(n, d);
        let class: Vec<usize> =
            (0..n).map(|_| ((random.next().abs() * classes as f64) as usize).min(classes - 1)).collect();
        let x = Array2::from_shape_fn((n, d), |(i, j)| noise[[i, j]] + centres[[class[i], j]]);
        Self {
            gold: x.rows().into_iter().map(|row| Some(row[0] - 0.5 * row[d - 1] + random.next())).collect(),
            label: class.iter().map(|k| Some(format!("class{k}"))).collect(),
            word: class.iter().map(|k| Some(format!("word{k}-{}", (random.next() * 3.0) as i64))).collect(),
            test: (0..n).map(|i| i % 4 == 3).collect(),
            part: None,
            x,
        }
    }

    /// The same rows in other coordinates.
    pub(crate) fn map(&self, x: Array2<f64>) -> Self {
        Self { x, ..self.clone() }
    }

    /// The same rows in a part of this name.
    pub(crate) fn of_part(&self, part: &'static str) -> Self {
        Self { part: Some(part), ..self.clone() }
    }

    /// The same rows in another order.
    pub(crate) fn permuted(&self, random: &mut Random) -> Self {
        let n = self.x.nrows();
        let mut keyed: Vec<(f64, usize)> = (0..n).map(|i| (random.next(), i)).collect();
        keyed.sort_by(|a, b| a.0.total_cmp(&b.0));
        let order: Vec<usize> = keyed.iter().map(|k| k.1).collect();
        Self {
            x: self.x.select(Axis(0), &order),
            label: order.iter().map(|&i| self.label[i].clone()).collect(),
            word: order.iter().map(|&i| self.word[i].clone()).collect(),
            test: order.iter().map(|&i| self.test[i]).collect(),
            gold: order.iter().map(|&i| self.gold[i]).collect(),
            part: self.part,
        }
    }

    /// The rows changed in a way that the invariance names.
    pub(crate) fn change(&self, random: &mut Random, invariance: Invariance) -> Self {
        match invariance {
            Invariance::Rotation => self.map(product(self.x.view(), random.rotation(self.x.ncols()).view())),
            Invariance::Permutation => self.permuted(random),
            other => self.map(random.change(&self.x, other)),
        }
    }

    pub(crate) fn batch(&self, from: usize, to: usize) -> OwnedBatch {
        let text = |of: &[Option<String>]| of[from..to].to_vec();
        let (label, word) = (text(&self.label), text(&self.word));
        let split: Vec<_> = self.test[from..to]
            .iter()
            .map(|t| self.part.or(Some(if *t { "test" } else { "train" })))
            .collect();
        batch_of(&self.x.slice_axis(Axis(0), Slice::from(from..to)).to_owned())
            .first_row(from as u64)
            .strings("split", &split)
            .strings("label", &borrowed(&label))
            .strings("word", &borrowed(&word))
            .f64s("gold", &self.gold[from..to])
    }

    pub(crate) fn whole(&self) -> OwnedBatch {
        self.batch(0, self.x.nrows())
    }
}

fn borrowed(of: &[Option<String>]) -> Vec<Option<&str>> {
    of.iter().map(Option::as_deref).collect()
}
