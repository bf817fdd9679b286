//! Sentences with their trees, as the structural probe reads them.

use std::collections::BTreeMap;

use isoscope_plugin_sdk::prelude::*;

use crate::labels::Side;
use crate::tree::Tree;

/// A sentence of at least two words that form a tree.
#[derive(Debug, Clone)]
pub(crate) struct Sentence {
    /// Key of the sentence.
    pub(crate) id: i64,
    /// Rows of its words in the sample, in their order.
    pub(crate) rows: Vec<usize>,
    pub(crate) tree: Tree,
}

/// The sentences of both parts.
#[derive(Debug, Clone, Default)]
pub(crate) struct Sentences {
    pub(crate) train: Vec<Sentence>,
    pub(crate) test: Vec<Sentence>,
    /// Sentences of either part that have one word, a word without a head, heads that form no tree, or words in both parts.
    pub(crate) skipped: u64,
}

impl Sentences {
    /// Reads the sentences of a sample in the order of their keys. Rows of no part or without a sentence belong to none.
    ///
    /// # Errors
    /// Refuses a sample without the columns `split`, `sentence` and `head`.
    pub(crate) fn of(sample: &Sample) -> Result<Self> {
        let mut sentences = Self::default();
        if sample.is_empty() {
            return Ok(sentences);
        }
        let (split, head) = (sample.strings("split")?, sample.i64s("head")?);
        let mut words: BTreeMap<i64, Vec<(usize, Side)>> = BTreeMap::new();
        for (row, sentence) in sample.i64s("sentence")?.iter().enumerate() {
            if let (Some(sentence), Some(side)) = (sentence, Side::named(split[row].as_deref())) {
                words.entry(*sentence).or_default().push((row, side));
            }
        }
        for (id, words) in words {
            let side = words[0].1;
            let heads: Option<Vec<i64>> = words.iter().map(|(row, _)| head[*row]).collect();
            let whole = words.len() > 1 && words.iter().all(|word| word.1 == side);
            match heads.filter(|_| whole).and_then(|heads| Tree::of(&heads)) {
                None => sentences.skipped += 1,
                Some(tree) => {
                    let sentence = Sentence { id, rows: words.iter().map(|word| word.0).collect(), tree };
                    match side {
                        Side::Train => sentences.train.push(sentence),
                        Side::Test => sentences.test.push(sentence),
                    }
                }
            }
        }
        Ok(sentences)
    }
}
