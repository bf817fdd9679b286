//! From the rows of tokens to those of words and sentences.

use super::{Columns, Scope};
use isoscope_core::pooling::{PoolingMode, RowKind, SentencePooling};
use ndarray::{Array2, ArrayView2, ArrayViewMut1, Axis, Slice};

/// Length below which a row is divided by this instead of its own, as PyTorch does: a row of zeros stays one.
const SHORTEST: f64 = 1e-12;

/// Pools the rows of tokens (n×d) that make up one row of the given kind; they are neighbours. Rows come out in order. `None` when a
/// row is a token anyway.
///
/// * Sentence: what the whole sentence shares stays: its number, which becomes the id of the row, and columns of
///   [`Scope::Sentence`].
/// * Word: the mean. Tokens of no word are left out. The id is that of the first token, all columns but the token's id stay, and the
///   position is the place among the words of the text, counted from 1.
#[must_use]
pub fn pool(kind: RowKind, rows: ArrayView2<'_, f64>, columns: &Columns) -> Option<(Array2<f64>, Columns)> {
    match kind {
        RowKind::Token => None,
        RowKind::Sentence(pooling) => {
            let spans = spans(columns.len(), |i| Some((columns.sentence[i], 0)));
            Some((pooled(pooling, rows, columns, &spans), of_sentences(columns, &spans)))
        }
        RowKind::Word => {
            let word = |i: usize| Some((columns.sentence[i], columns.word_place[i])).filter(|key| key.1 > 0);
            let spans = spans(columns.len(), word);
            Some((pooled(SentencePooling::MEAN, rows, columns, &spans), of_words(columns, &spans)))
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

fn pooled(
    pooling: SentencePooling,
    rows: ArrayView2<'_, f64>,
    columns: &Columns,
    spans: &[Span],
) -> Array2<f64> {
    let mut pooled = Array2::zeros((spans.len(), rows.ncols()));
    for (&(first, end), mut row) in spans.iter().zip(pooled.rows_mut()) {
        let tokens = rows.slice_axis(Axis(0), Slice::from(first..end));
        // Rows of matrices may have no places; then they stand in the order of the text.
        let place = |i: usize| columns.position.get(first + i).map_or(i, |&position| position as usize);
        pool_one(pooling.mode, tokens, place, &mut row);
        if pooling.normalize {
            let length = row.iter().map(|value| value * value).sum::<f64>().sqrt();
            row /= length.max(SHORTEST);
        }
    }
    pooled
}

/// Pools the tokens of one row, of which there is at least one, into `row`, which is zero.
fn pool_one(
    mode: PoolingMode,
    tokens: ArrayView2<'_, f64>,
    place: impl Fn(usize) -> usize,
    row: &mut ArrayViewMut1<'_, f64>,
) {
    let n = tokens.nrows();
    match mode {
        PoolingMode::Cls => row.assign(&tokens.row(0)),
        PoolingMode::LastToken => row.assign(&tokens.row(n - 1)),
        PoolingMode::Max => {
            row.assign(&tokens.row(0));
            for token in tokens.rows() {
                // A NaN stays, so that it is found.
                row.zip_mut_with(&token, |most, &value| {
                    if value > *most || value.is_nan() {
                        *most = value;
                    }
                });
            }
        }
        PoolingMode::Mean | PoolingMode::MeanSqrtLen => {
            for token in tokens.rows() {
                *row += &token;
            }
            let n = n as f64;
            *row /= if mode == PoolingMode::Mean { n } else { n.sqrt() };
        }
        PoolingMode::WeightedMean => {
            let mut total = 0.0;
            for (i, token) in tokens.rows().into_iter().enumerate() {
                let weight = (place(i) + 1) as f64;
                row.scaled_add(weight, &token);
                total += weight;
            }
            *row /= total;
        }
    }
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
        let (pooled, columns) =
            pool(RowKind::Sentence(SentencePooling::MEAN), rows.view(), &columns()).unwrap();
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
        let (pooled, columns) = pool(RowKind::Word, rows.view(), &columns()).unwrap();
        assert_eq!(pooled, array![[4.0], [7.0], [5.0]]);
        assert_eq!((&columns.row, &columns.position), (&vec![41, 43, 50], &vec![1, 2, 1]));
        assert_eq!(columns.sentence, [4, 4, 5]);
        let words: Vec<_> = (0..3).map(|i| columns.more["word"].text(i)).collect();
        assert_eq!(words, [Some("very"), Some("very"), Some("so")]);
        assert!(columns.token_id.is_empty());
    }

    #[test]
    fn every_mode_pools_by_its_own_rule() {
        let rows = array![[1.0, 0.0], [2.0, 0.0], [6.0, 3.0], [7.0, -1.0], [5.0, 5.0]];
        let pooled = |mode, normalize| {
            let pooling = SentencePooling { mode, normalize, ..SentencePooling::MEAN };
            pool(RowKind::Sentence(pooling), rows.view(), &columns()).unwrap().0
        };
        assert_eq!(pooled(PoolingMode::Cls, false), array![[1.0, 0.0], [5.0, 5.0]]);
        assert_eq!(pooled(PoolingMode::LastToken, false), array![[7.0, -1.0], [5.0, 5.0]]);
        assert_eq!(pooled(PoolingMode::Max, false), array![[7.0, 3.0], [5.0, 5.0]]);
        assert_eq!(pooled(PoolingMode::MeanSqrtLen, false), array![[8.0, 1.0], [5.0, 5.0]]);
        // (1·1 + 2·2 + 3·6 + 4·7) / 10 and (3·3 − 4) / 10.
        assert_eq!(pooled(PoolingMode::WeightedMean, false), array![[5.1, 0.5], [5.0, 5.0]]);
        let half = 0.5_f64.sqrt();
        let unit = pooled(PoolingMode::Cls, true);
        assert_eq!(unit.row(0), array![1.0, 0.0]);
        assert!(unit.row(1).iter().all(|value| (value - half).abs() < 1e-15));
    }

    #[test]
    fn weights_are_places_in_the_text_and_not_among_the_tokens_that_are_kept() {
        let columns =
            Columns { row: vec![3, 4], sentence: vec![0, 0], position: vec![1, 2], ..Columns::default() };
        let pooling = SentencePooling { mode: PoolingMode::WeightedMean, ..SentencePooling::MEAN };
        let pooled = pool(RowKind::Sentence(pooling), array![[1.0], [6.0]].view(), &columns).unwrap().0;
        assert_eq!(pooled, array![[4.0]]);
    }

    #[test]
    fn a_row_of_zeros_stays_one_and_what_is_not_a_number_is_not_hidden() {
        let columns = Columns { row: vec![0, 1], sentence: vec![0, 0], ..Columns::default() };
        let pooled = |rows: Array2<f64>, mode| {
            let pooling = SentencePooling { mode, normalize: true, ..SentencePooling::MEAN };
            pool(RowKind::Sentence(pooling), rows.view(), &columns).unwrap().0
        };
        assert_eq!(pooled(array![[0.0], [0.0]], PoolingMode::Mean), array![[0.0]]);
        for rows in [array![[f64::NAN], [1.0]], array![[1.0], [f64::NAN]]] {
            assert!(pooled(rows, PoolingMode::Max)[[0, 0]].is_nan());
        }
    }

    #[test]
    fn tokens_are_not_pooled_and_no_rows_pool_to_no_rows() {
        assert!(pool(RowKind::Token, array![[1.0]].view(), &Columns::default()).is_none());
        let (pooled, columns) =
            pool(RowKind::Word, Array2::zeros((0, 3)).view(), &Columns::default()).unwrap();
        assert_eq!((pooled.dim(), columns.len()), ((0, 3), 0));
    }
}
