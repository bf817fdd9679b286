//! Text to token ids, as the checkpoint's own `tokenizer.json` defines it.

use std::ops::Range;
use std::path::Path;

use tokenizers::tokenizer::{PostProcessor, Tokenizer};
use tokenizers::{Encoding, TruncationDirection};

use crate::error::EncoderError;

/// Turns texts into token ids the way the checkpoint was trained.
///
/// Padding and truncation that are baked into `tokenizer.json` are ignored: batches are packed, and truncation is the caller's
/// explicit decision.
pub struct TextTokenizer {
    inner: Tokenizer,
    special: usize,
}

/// Holds the tokens of one text, special tokens included; the first four lists run in parallel.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct EncodedText {
    /// Token ids.
    pub ids: Vec<u32>,
    /// Whether the tokenizer added the token (`[CLS]`, `[SEP]`, …) rather than finding it in the text.
    pub special: Vec<bool>,
    /// Index of the word the token belongs to, counted from 0; `None` for special tokens.
    pub words: Vec<Option<u32>>,
    /// Bytes of the text that the token stands for; empty for special tokens.
    pub spans: Vec<Range<usize>>,
    /// Bytes of the text that each word stands for, one entry a word, without space around them. Words that were cut off
    /// count too, so that a word which lost tokens is still known as it was written.
    pub word_spans: Vec<Range<usize>>,
    /// Byte of the text at which the first token that was cut off begins; `None` when the text fits.
    pub cut: Option<usize>,
    /// Tokens cut off the end to keep within the limit; 0 when the text fits.
    pub truncated: usize,
}

impl TextTokenizer {
    /// Builds a tokenizer from the bytes of `tokenizer.json`; `path` is for the error only.
    pub(crate) fn from_bytes(path: &Path, bytes: &[u8]) -> Result<Self, EncoderError> {
        let refused = |reason: String| EncoderError::Tokenizer { path: path.to_owned(), reason };
        let mut inner = Tokenizer::from_bytes(bytes).map_err(|e| refused(e.to_string()))?;
        inner.with_truncation(None).map_err(|e| refused(e.to_string()))?;
        inner.with_padding(None);
        let special = inner.get_post_processor().map_or(0, |p| p.added_tokens(false));
        Ok(Self { inner, special })
    }

    /// Returns a token as the vocabulary writes it; `None` for an id that it does not have.
    #[must_use]
    pub fn token(&self, id: u32) -> Option<String> {
        self.inner.id_to_token(id)
    }

    /// Tokenises one text and keeps at most `max_tokens` tokens, special tokens included; the end of the text is cut off.
    ///
    /// # Errors
    /// [`EncoderError::TokenLimit`] when `max_tokens` leaves no room for a token of the text beside the special ones;
    /// [`EncoderError::Tokenize`] when the tokenizer itself fails.
    pub fn encode(&self, text: &str, max_tokens: usize) -> Result<EncodedText, EncoderError> {
        if max_tokens <= self.special {
            return Err(EncoderError::TokenLimit { max_tokens, special: self.special });
        }
        let room = max_tokens - self.special;
        let refused = |e: tokenizers::Error| EncoderError::Tokenize { reason: e.to_string() };
        let mut encoding: Encoding = self.inner.encode_char_offsets(text, false).map_err(refused)?;
        // Adding special tokens is the second time that the text passes the post-processor, and one that trims the space
        // before a word trims its first letter then: the spans are those of the first time.
        let found = byte_spans(text, &encoding);
        let truncated = encoding.len().saturating_sub(room);
        let word_spans = word_spans(text, encoding.get_word_ids(), &found);
        let cut = found.get(room).map(|span| span.start);
        encoding.truncate(room, 0, TruncationDirection::Right);
        // The parts cut off would be given their own special tokens.
        encoding.take_overflowing();
        let mut found = found.into_iter();
        let encoding = self.inner.post_process(encoding, None, true).map_err(refused)?;
        let special: Vec<bool> = encoding.get_special_tokens_mask().iter().map(|&flag| flag == 1).collect();
        let spans = special.iter().map(|&special| if special { None } else { found.next() });
        Ok(EncodedText {
            ids: encoding.get_ids().to_vec(),
            words: encoding.get_word_ids().to_vec(),
            spans: spans.map(Option::unwrap_or_default).collect(),
            special,
            word_spans,
            cut,
            truncated,
        })
    }
}

/// Returns the bytes that each token stands for. The tokenizer is asked for characters: where it counts bytes itself, it takes
/// a space that it has put before the text for one byte of the first character.
fn byte_spans(text: &str, encoding: &Encoding) -> Vec<Range<usize>> {
    let mut starts: Vec<usize> = text.char_indices().map(|(byte, _)| byte).collect();
    starts.push(text.len());
    let byte = |character: usize| starts.get(character).copied().unwrap_or(text.len());
    encoding.get_offsets().iter().map(|&(start, end)| byte(start)..byte(end)).collect()
}

/// Joins the spans of the tokens of each word. Tokenizers that mark the beginning of a word count the space before it to its
/// first token; it is no part of the word as written.
fn word_spans(text: &str, words: &[Option<u32>], tokens: &[Range<usize>]) -> Vec<Range<usize>> {
    let mut spans: Vec<Range<usize>> = Vec::new();
    for (&word, token) in words.iter().zip(tokens) {
        let (start, end) = (token.start, token.end);
        let Some(word) = word.map(|word| word as usize) else { continue };
        // Words that left no token, such as control characters, have no bytes.
        spans.resize(spans.len().max(word + 1), start..start);
        let span = &mut spans[word];
        *span = if span.start == span.end { start..end } else { span.start.min(start)..span.end.max(end) };
    }
    for span in &mut spans {
        let written = text.get(span.clone()).unwrap_or_default();
        let start = span.start + (written.len() - written.trim_start().len());
        *span = start..start + written.trim().len();
    }
    spans
}
