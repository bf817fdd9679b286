//! Miniature checkpoints with random weights against transformers, every layer of every row.
#![allow(missing_docs, clippy::unwrap_used, clippy::expect_used)]

mod support;

use isoscope_encoders::{Checkpoint, Encoder, EncoderError, HiddenStateSink, SinkError, TokenBatch};
use ndarray::{ArrayView2, s};

use support::miniature::{largest_difference, reference};
use support::{encode, fixture, max_difference};

fn load(name: &str) -> Box<dyn Encoder> {
    Checkpoint::open(&fixture(name)).unwrap().load().unwrap()
}

fn assert_matches_reference(name: &str) {
    let sequences = reference(name);
    assert_eq!(sequences.len(), 5);
    let worst = largest_difference(load(name).as_ref(), &sequences);
    assert!(worst <= 2e-5, "{name}: largest difference {worst:e}");
}

#[test]
fn bert_with_exact_gelu_matches_transformers_in_every_layer() {
    assert_matches_reference("bert");
}

#[test]
fn bert_with_gelu_new_matches_transformers_in_every_layer() {
    assert_matches_reference("bert-gelu-new");
}

#[test]
fn the_relatives_of_bert_match_transformers_in_every_layer() {
    for name in ["roberta", "xlm-roberta", "camembert", "distilbert", "mpnet", "electra", "albert"] {
        assert_matches_reference(name);
    }
}

#[test]
fn the_encoder_of_t5_matches_transformers_in_every_layer() {
    assert_matches_reference("t5");
}

#[test]
fn the_two_activations_are_told_apart() {
    // Guards the tests above: were the activation ignored, both references could not hold at once.
    let ids = &reference("bert")[0].input_ids;
    let (exact, tanh) = (load("bert"), load("bert-gelu-new"));
    let (exact, tanh) = (encode(exact.as_ref(), &[ids]), encode(tanh.as_ref(), &[ids]));
    assert!(max_difference(exact[3].view(), tanh[3].view()) > 1e-4);
}

#[test]
fn a_sequence_alone_gives_the_rows_it_gives_among_batch_mates() {
    let encoder = load("bert");
    let sequences = reference("bert");
    let ids: Vec<&[u32]> = sequences.iter().map(|s| s.input_ids.as_slice()).collect();
    let together = encode(encoder.as_ref(), &ids);
    let mut row = 0;
    for ids in ids {
        let alone = encode(encoder.as_ref(), &[ids]);
        for (layer, states) in alone.iter().enumerate() {
            let worst = max_difference(together[layer].slice(s![row..row + ids.len(), ..]), states.view());
            assert!(worst <= 1e-5, "layer {layer}: {worst:e}");
        }
        row += ids.len();
    }
}

#[test]
fn the_same_batch_gives_the_same_bits() {
    let encoder = load("bert");
    let sequences = reference("bert");
    let ids: Vec<&[u32]> = sequences.iter().map(|s| s.input_ids.as_slice()).collect();
    assert_eq!(encode(encoder.as_ref(), &ids), encode(encoder.as_ref(), &ids));
}

#[test]
fn no_thread_is_started_by_loading_or_encoding() {
    // 16,000 rows: far above the size from which candle's own sums go to its pool.
    let encoder = load("bert");
    let ids = vec![5; 80];
    encode(encoder.as_ref(), &vec![ids.as_slice(); 200]);
    let tasks = std::fs::read_dir("/proc/self/task").unwrap();
    let names: Vec<String> =
        tasks.filter_map(|task| std::fs::read_to_string(task.unwrap().path().join("comm")).ok()).collect();
    assert!(!names.is_empty());
    assert!(names.iter().all(|name| !name.starts_with("candle") && !name.starts_with("rayon")), "{names:?}");
}

#[test]
fn token_types_enter_the_embeddings() {
    let encoder = load("bert");
    let states = |batch: &TokenBatch| {
        let mut sink = support::Keep::default();
        encoder.encode(batch, &mut sink).unwrap();
        sink.layers.swap_remove(0).1
    };
    let (mut plain, mut pair) = (TokenBatch::new(), TokenBatch::new());
    plain.push(&[5, 6, 7, 8]);
    pair.push_pair(&[5, 6], &[7, 8]);
    let (plain, pair) = (states(&plain), states(&pair));
    assert_eq!(plain.slice(s![..2, ..]), pair.slice(s![..2, ..]));
    assert!(max_difference(plain.slice(s![2.., ..]), pair.slice(s![2.., ..])) > 1e-2);
}

#[test]
fn facts_describe_the_checkpoint() {
    let checkpoint = Checkpoint::open(&fixture("bert")).unwrap();
    let facts = checkpoint.facts();
    assert_eq!(facts.model_type, "bert");
    assert_eq!((facts.hidden_states, facts.width, facts.max_positions, facts.vocab), (4, 32, 80, 211));
    assert_eq!(
        facts.weights_digest,
        "sha256:dc35b190580beb72c773a55a46774d77678e0db7d04456bef427d563a1114c9e"
    );
    assert_eq!(
        facts.tokenizer_digest,
        "sha256:4d011b3692ef498117cfbd7833b2dfbb67905e801c2a180dc54186946d27ff77"
    );
    assert_eq!(checkpoint.load().unwrap().facts(), facts);
    let json = serde_json::to_string(facts).unwrap();
    assert_eq!(&serde_json::from_str::<isoscope_encoders::CheckpointFacts>(&json).unwrap(), facts);
}

#[test]
fn padding_and_truncation_baked_into_the_tokenizer_are_overridden() {
    let tokenizer = Checkpoint::open(&fixture("bert")).unwrap().tokenizer().unwrap();
    let short = tokenizer.encode("The old bridges.", 80).unwrap();
    assert_eq!(short.ids, [2, 87, 113, 131, 48, 76, 3]);
    assert_eq!(short.special, [true, false, false, false, false, false, true]);
    assert_eq!(short.words, [None, Some(0), Some(1), Some(2), Some(2), Some(3), None]);
    assert_eq!(short.truncated, 0);
    let text = "the boats of the king, the queen and the small red bird on the river are old!";
    let long = tokenizer.encode(text, 80).unwrap();
    assert!(long.ids.len() > 12, "tokenizer.json truncates at 12");
    let cut = tokenizer.encode(text, 9).unwrap();
    assert_eq!((cut.ids.len(), cut.truncated), (9, long.ids.len() - 9));
    assert_eq!(cut.ids[..8], long.ids[..8]);
    assert_eq!(cut.ids[8], 3, "the closing special token stays");
    assert_eq!(tokenizer.encode("", 80).unwrap().ids, [2, 3]);
}

#[test]
fn tokens_and_words_know_the_bytes_that_they_stand_for() {
    let tokenizer = Checkpoint::open(&fixture("bert")).unwrap().tokenizer().unwrap();
    let text = "The  óld bridges.";
    let whole = tokenizer.encode(text, 80).unwrap();
    let words: Vec<&str> = whole.word_spans.iter().map(|span| &text[span.clone()]).collect();
    assert_eq!(words, ["The", "óld", "bridges", "."]);
    assert_eq!((whole.spans[0].clone(), whole.spans[1].clone(), whole.cut), (0..0, 0..3, None));
    assert_eq!(&text[whole.spans[whole.ids.len() - 2].clone()], ".");
    let cut = tokenizer.encode(text, 5).unwrap();
    let lost = cut.cut.unwrap();
    assert_eq!(cut.word_spans, whole.word_spans, "what was cut off is known as it was written");
    let inside = cut.word_spans.iter().filter(|span| span.start < lost && lost < span.end);
    assert_eq!(inside.map(|span| &text[span.clone()]).collect::<Vec<_>>(), ["bridges"]);
}

#[test]
fn a_limit_without_room_for_a_token_is_refused() {
    let tokenizer = Checkpoint::open(&fixture("bert")).unwrap().tokenizer().unwrap();
    let error = tokenizer.encode("rain", 2).unwrap_err();
    assert!(matches!(error, EncoderError::TokenLimit { max_tokens: 2, special: 2 }), "{error}");
}

#[test]
fn an_unknown_token_id_is_refused_with_its_place() {
    let mut batch = TokenBatch::new();
    batch.push(&[5, 6]);
    batch.push(&[7, 8, 211]);
    let error = load("bert").encode(&batch, &mut support::Keep::default()).unwrap_err();
    assert_eq!(error.to_string(), "sequence 1, position 2: token id 211 is outside the vocabulary of 211");
}

#[test]
fn a_sequence_without_enough_positions_is_refused_and_the_longest_is_not() {
    let encoder = load("bert");
    let mut sink = support::Keep::default();
    let mut batch = TokenBatch::new();
    batch.push(&[5; 80]);
    encoder.encode(&batch, &mut sink).unwrap();
    batch.push(&[5; 81]);
    let error = encoder.encode(&batch, &mut sink).unwrap_err();
    assert!(
        matches!(error, EncoderError::SequenceTooLong { sequence: 1, tokens: 81, max_positions: 80 }),
        "{error}"
    );
}

/// Wants some layers only, and fails on one of them when asked to.
struct Picky {
    wanted: [bool; 4],
    fails_at: Option<usize>,
    seen: Vec<(usize, usize)>,
}

impl HiddenStateSink for Picky {
    fn layer(&mut self, layer: usize, states: ArrayView2<'_, f32>) -> Result<(), SinkError> {
        self.seen.push((layer, states.nrows()));
        if self.fails_at == Some(layer) { Err("the disk is full".into()) } else { Ok(()) }
    }

    fn wants(&self, layer: usize) -> bool {
        self.wanted[layer]
    }
}

fn offer(
    sequence: &[u32],
    wanted: [bool; 4],
    fails_at: Option<usize>,
) -> (Vec<(usize, usize)>, Result<(), EncoderError>) {
    let mut batch = TokenBatch::new();
    batch.push(sequence);
    let mut sink = Picky { wanted, fails_at, seen: Vec::new() };
    let result = load("bert").encode(&batch, &mut sink);
    (sink.seen, result)
}

#[test]
fn only_wanted_layers_are_handed_over() {
    assert_eq!(offer(&[5, 6], [false, true, true, false], None).0, [(1, 2), (2, 2)]);
    assert_eq!(offer(&[5, 6], [false; 4], None).0, []);
}

#[test]
fn a_batch_without_tokens_gives_layers_without_rows() {
    assert_eq!(offer(&[], [true, false, true, true], None).0, [(0, 0), (2, 0), (3, 0)]);
}

#[test]
fn a_failing_sink_ends_the_pass_and_its_error_is_kept() {
    let (seen, result) = offer(&[5, 6], [true; 4], Some(1));
    assert_eq!(seen.len(), 2);
    match result {
        Err(EncoderError::Sink { layer: 1, source }) => assert_eq!(source.to_string(), "the disk is full"),
        other => panic!("{other:?}"),
    }
}
