//! From the rows of tokens to those of words and sentences.

use super::{Columns, Scope};
use isoscope_core::study::Unit;
use ndarray::{Array2, ArrayView2};

/// Averages the rows of tokens (n×d) that make up one `unit`; they are neighbours. Units come out in order. `None` when a
/// row is a token anyway.
///
/// * Sentence: what the whole sentence shares stays: its number, which becomes the id of the row, and columns of
///   [`Scope::Sentence`].
/// * Word: tokens of no word are left out. The id is that of the first token, all columns but the token's id stay, and the
///   position is the place among the words of the text, counted from 1.
#[must_use]
pub fn pool(unit: Unit, rows: ArrayView2<'_, f64>, columns: &Columns) -> Option<(Array2<f64>, Columns)> {
    match unit {
        Unit::Token => None,
        Unit::Sentence => {
            let spans = spans(columns.len(), |i| Some((columns.sentence[i], 0)));
            Some((means(rows, &spans), of_sentences(columns, &spans)))
        }
        Unit::Word => {
            let word = |i: usize| Some((columns.sentence[i], columns.word_place[i])).filter(|key| key.1 > 0);
            let spans = spans(columns.len(), word);
            Some((means(rows, &spans), of_words(columns, &spans)))
        }
    }
}

/// The first row of a unit, and the one behind its last.
type Span = (usize, usize);

/// Finds the runs of rows of the same key; rows without one are in none.
fn spans(n: usize, key: impl Fn(usize) -> Option<(i64, i64)>) -> Vec<Span> {
    let mut spans: Vec<Span> = Vec::new();
    let mut last = None;
    for i in 0..n {
        let now = key(i);
        match spans.last_mut() {
            Some(span) if now.is_some() && now == last => span.1 = i + 1,
            _ if now.is_some() => spans.push((i, i + 1)),
            _ => {}
        }
        last = now;
    }
    spans
}

fn means(rows: ArrayView2<'_, f64>, spans: &[Span]) -> Array2<f64> {
    let mut pooled = Array2::zeros((spans.len(), rows.ncols()));
    for (&(first, end), mut mean) in spans.iter().zip(pooled.rows_mut()) {
        for row in first..end {
            mean += &rows.row(row);
        }
        mean /= (end - first) as f64;
    }
    pooled
}

fn firsts(spans: &[Span]) -> Vec<usize> {
    spans.iter().map(|&(first, _)| first).collect()
}

fn of_sentences(columns: &Columns, spans: &[Span]) -> Columns {
    let mut shared = columns.clone();
    shared.more.retain(|_, column| column.scope() == Scope::Sentence);
    let (token_id, position, word_place) = Default::default();
    let picked = Columns { token_id, position, word_place, ..shared }.select(&firsts(spans));
    Columns { row: picked.sentence.clone(), ..picked }
}

fn of_words(columns: &Columns, spans: &[Span]) -> Columns {
    let picked = columns.select(&firsts(spans));
    Columns { position: picked.word_place.clone(), token_id: Vec::new(), ..picked }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::super::Column;
    use super::*;
    use ndarray::array;

    /// Two sentences; the first begins with a token of no word and says `very very`.
    fn columns() -> Columns {
        let word =
            Column::of_texts([None, Some("very"), Some("very"), Some("very"), Some("so")], Scope::Word);
        let label = Column::of_texts([Some("a"), Some("a"), Some("a"), Some("a"), None], Scope::Sentence);
        Columns {
            row: vec![40, 41, 42, 43, 50],
            sentence: vec![4, 4, 4, 4, 5],
            token_id: vec![1, 2, 3, 2, 9],
            position: vec![0, 1, 2, 3, 0],
            gold: vec![1.0, 1.0, 1.0, 1.0, 2.0],
            word_place: vec![0, 1, 1, 2, 1],
            more: [("word".to_owned(), word), ("label".to_owned(), label)].into(),
        }
    }

    #[test]
    fn pooling_averages_each_sentence_once() {
        let rows = array![[1.0, 0.0], [2.0, 0.0], [6.0, 3.0], [7.0, 1.0], [5.0, 5.0]];
        let (pooled, columns) = pool(Unit::Sentence, rows.view(), &columns()).unwrap();
        assert_eq!(pooled, array![[4.0, 1.0], [5.0, 5.0]]);
        assert_eq!((&columns.row, &columns.sentence), (&vec![4, 5], &vec![4, 5]));
        assert_eq!(columns.gold, [1.0, 2.0]);
        assert!(columns.token_id.is_empty() && columns.position.is_empty() && columns.word_place.is_empty());
        assert_eq!((columns.more["label"].text(0), columns.more["label"].text(1)), (Some("a"), None));
        assert!(!columns.has("word"), "a sentence has no word");
    }

    #[test]
    fn a_word_is_the_mean_of_its_tokens_and_the_same_word_again_is_another_row() {
        let rows = array![[9.0], [2.0], [6.0], [7.0], [5.0]];
        let (pooled, columns) = pool(Unit::Word, rows.view(), &columns()).unwrap();
        assert_eq!(pooled, array![[4.0], [7.0], [5.0]]);
        assert_eq!((&columns.row, &columns.position), (&vec![41, 43, 50], &vec![1, 2, 1]));
        assert_eq!(columns.sentence, [4, 4, 5]);
        let words: Vec<_> = (0..3).map(|i| columns.more["word"].text(i)).collect();
        assert_eq!(words, [Some("very"), Some("very"), Some("so")]);
        assert!(columns.token_id.is_empty());
    }

    #[test]
    fn tokens_are_not_pooled_and_no_rows_pool_to_no_rows() {
        assert!(pool(Unit::Token, array![[1.0]].view(), &Columns::default()).is_none());
        let (pooled, columns) = pool(Unit::Word, Array2::zeros((0, 3)).view(), &Columns::default()).unwrap();
        assert_eq!((pooled.dim(), columns.len()), ((0, 3), 0));
    }
}
