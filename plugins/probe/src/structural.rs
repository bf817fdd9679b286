//! The structural probe: whether distances between words show the dependency tree.

use std::collections::BTreeMap;

use isoscope_plugin_sdk::prelude::*;
use ndarray::Axis;

use crate::distance_probe::{Schedule, l1_loss, squared_distances, train};
use crate::sentences::{Sentence, Sentences};
use crate::spearman::spearman;
use crate::tree::minimum_spanning_tree;

/// Lengths of sentences over which `DSpr` is averaged.
const LENGTHS: core::ops::RangeInclusive<usize> = 5..=50;

/// Why distances show no order.
const COINCIDE: &str = "all words of every test sentence coincide under the probe";

params! {
    /// Parameters of the structural probe.
    pub struct StructuralParams {
        /// Most rows of the sample, of both parts together; whole sentences are drawn.
        rows: u64 = 10000;
        /// A given probe instead of a trained one: d × rank numbers, row by row.
        matrix: Vec<f64> = [];
        /// Dimensions of the space that is trained.
        rank: u64 = 64;
        /// Most epochs of training.
        epochs: u64 = 40;
        /// Sentences in a step of training.
        batch: u64 = 20;
        /// First learning rate.
        learning_rate: f64 = 0.001;
    }
}

/// A linear map under which squared distances stand for distances in the tree, given or trained.
#[derive(Debug)]
pub struct Structural {
    given: Option<Array2<f64>>,
    schedule: Schedule,
    linalg: Linalg,
}

const L1: &str = "probe.structural_l1_loss";
const UUAS: &str = "probe.structural_uuas";
const DSPR: &str = "probe.structural_dspr_per_sentence";
const DSPR_MEAN: &str = "probe.structural_dspr_mean";
const SENTENCES: &str = "probe.structural_sentences";
const TRAIN_SENTENCES: &str = "probe.structural_train_sentences";
const SKIPPED: &str = "probe.structural_skipped_sentences";
const UNDEFINED: &str = "probe.structural_dspr_undefined_words";
const EVERY: &[Invariance] = &[Invariance::Rotation, Invariance::Translation, Invariance::Scale];

impl SampleMetric for Structural {
    const META: OpMeta = OpMeta {
        id: "probe.structural",
        kind: Kind::Probe,
        version: 1,
        needs: Needs::Sample,
        columns: &["split", "sentence", "head"],
        outputs: &[
            Output::scalar(L1).unit("edges").range("[0, inf)").better(Better::Lower),
            Output::scalar(UUAS).range("[0, 1]").better(Better::Higher),
            Output::vector(DSPR).unit("correlation").range("[-1, 1]").better(Better::Higher),
            Output::scalar(DSPR_MEAN).unit("correlation").range("[-1, 1]").better(Better::Higher),
            Output::scalar(UNDEFINED).unit("words").range("0.."),
            Output::scalar(SENTENCES).unit("sentences").range("0..").invariant(EVERY),
            Output::scalar(TRAIN_SENTENCES).unit("sentences").range("0..").invariant(EVERY),
            Output::scalar(SKIPPED).unit("sentences").range("0..").invariant(EVERY),
        ],
        doc: "Whether a linear map of the rows turns squared distances between the words of a sentence into their distances in \
              the dependency tree. One row is one word; the rows of a sentence are its words in order, and `head` is the place \
              of a word's head from 1, 0 for the root. B is trained on the sentences of `train`, or given as `matrix`; the test \
              sentences judge it. l1_loss is the mean absolute error of the distances; uuas the share of the tree's \
              edges, all of them with punctuation, that the minimum spanning tree of the distances has; DSpr the mean over the words \
              of a sentence of the Spearman correlation of their distances to all words, themselves included, with those in the \
              tree. dspr_mean averages DSpr over the words of all sentences of a length, then over the lengths 5 to 50 that occur. \
              A word that is equally far from all words has no correlation: it is left out and counted; a sentence all of whose \
              words coincide is left out of uuas too. Sentences of one word, \
              or without a tree over their words, are skipped and counted.",
        formula: "d_B(h_i, h_j)^2 = \\|B^\\top (h_i - h_j)\\|^2, \\quad \
                  \\min_B \\sum_s \\frac{1}{|s|^2} \\sum_{i,j} |d_T(w_i, w_j) - d_B(h_i, h_j)^2|",
        reference: "Hewitt & Manning 2019 (NAACL), section 2 and appendix A. Their code leaves punctuation out of uuas and holds out \
                    the development part; here all words count and a tenth of the training sentences is held out",
        ..OpMeta::DEFAULT
    };
    type Params = StructuralParams;

    fn open(p: StructuralParams, input: &Input, linalg: Linalg) -> Result<Self> {
        let d = input.cols.first().copied().unwrap_or(0);
        let given = if p.matrix.is_empty() {
            None
        } else {
            let given = p.matrix.len().checked_div(d).unwrap_or(0);
            let matrix = Array2::from_shape_vec((d, given), p.matrix).map_err(|e| {
                Error::Invalid(format!(
                    "parameter \"matrix\" must hold {d} numbers for each of its columns: {e}"
                ))
            })?;
            Some(matrix)
        };
        if p.rank == 0 || p.batch == 0 || p.epochs == 0 {
            return Err(Error::invalid("parameters \"rank\", \"batch\" and \"epochs\" must be at least 1"));
        }
        if !(p.learning_rate > 0.0 && p.learning_rate.is_finite()) {
            return Err(Error::invalid("parameter \"learning_rate\" must be above 0"));
        }
        let schedule = Schedule {
            rank: usize::try_from(p.rank).unwrap_or(usize::MAX).min(d),
            epochs: p.epochs,
            batch: usize::try_from(p.batch).unwrap_or(usize::MAX),
            learning_rate: p.learning_rate,
            seed: input.seed,
        };
        Ok(Self { given, schedule, linalg })
    }

    fn measure(&self, sample: &Sample, out: &mut Out<'_>) -> Result<()> {
        let sentences = Sentences::of(sample)?;
        out.set_n(sentences.test.len() as u64);
        out.value(SENTENCES, sentences.test.len() as f64)?;
        out.value(TRAIN_SENTENCES, sentences.train.len() as f64)?;
        out.value(SKIPPED, sentences.skipped as f64)?;
        let probe = if sentences.test.is_empty() {
            Err("no test sentence has a tree over at least two words")
        } else if let Some(given) = &self.given {
            Ok(given.clone())
        } else if sentences.train.is_empty() {
            Err("no training sentence has a tree over at least two words")
        } else {
            let trained = train(sample.rows(), &sentences.train, self.schedule, self.linalg)?;
            trained.ok_or("training left the range of numbers: the rows are too long for the learning rate")
        };
        match probe {
            Ok(b) => self.judge(sample.rows(), &sentences.test, b.view(), out),
            Err(reason) => {
                [L1, UUAS, DSPR_MEAN, UNDEFINED].iter().try_for_each(|id| out.null(id, reason))?;
                out.null_series(DSPR, reason)
            }
        }
    }
}

impl Structural {
    /// Writes what a probe is worth on sentences, of which there are some.
    fn judge(
        &self,
        rows: ArrayView2<'_, f64>,
        sentences: &[Sentence],
        b: ArrayView2<'_, f64>,
        out: &mut Out<'_>,
    ) -> Result<()> {
        let (mut loss, mut shared, mut edges, mut undefined) = (0.0, 0_usize, 0_usize, 0_usize);
        let mut per_sentence = Vec::new();
        let mut by_length: BTreeMap<usize, Vec<f64>> = BTreeMap::new();
        for sentence in sentences {
            let images = self.linalg.matmul(rows.select(Axis(0), &sentence.rows).view(), b)?;
            let distances = squared_distances(images.view());
            let gold = &sentence.tree.distances;
            loss += l1_loss(distances.view(), gold.view()) / sentences.len() as f64;
            let of_word = |i: usize| spearman(&distances.row(i).to_vec(), &gold.row(i).to_vec());
            let words: Vec<f64> = (0..sentence.rows.len()).filter_map(of_word).collect();
            undefined += sentence.rows.len() - words.len();
            // Where all words coincide every tree spans them equally well.
            if !words.is_empty() {
                let found = minimum_spanning_tree(distances.view());
                shared += found.intersection(&sentence.tree.edges).count();
                edges += sentence.tree.edges.len();
                per_sentence.push(words.iter().sum::<f64>() / words.len() as f64);
            }
            if LENGTHS.contains(&sentence.rows.len()) {
                by_length.entry(sentence.rows.len()).or_default().extend(words);
            }
        }
        out.value(L1, loss)?;
        out.value(UNDEFINED, undefined as f64)?;
        match per_sentence.as_slice() {
            [] => {
                out.null(UUAS, COINCIDE)?;
                out.null_series(DSPR, COINCIDE)?;
            }
            values => {
                out.value(UUAS, shared as f64 / edges as f64)?;
                out.series(DSPR, values)?;
            }
        }
        let means: Vec<f64> = by_length
            .values()
            .filter(|words| !words.is_empty())
            .map(|words| words.iter().sum::<f64>() / words.len() as f64)
            .collect();
        match means.len() {
            0 => out.null(DSPR_MEAN, "no test sentence of 5 to 50 words has a rank correlation"),
            n => out.value(DSPR_MEAN, means.iter().sum::<f64>() / n as f64),
        }
    }
}
