//! Measures tokens per second of one thread.
//!
//! Usage: `OPENBLAS_NUM_THREADS=1 cargo run -p isoscope-encoders --example throughput -- MODEL_DIR SENTENCES.tsv [TOKENS]`
//!
//! Encodes the columns `sentence1` and `sentence2` with all hidden states, sorted by length in batches of at most TOKENS
//! tokens (1024), and compares with the bare matrix product of the same machine.
#![allow(clippy::print_stdout)]

use std::error::Error;
use std::path::Path;
use std::time::Instant;

use isoscope_encoders::{Checkpoint, Encoder, HiddenStateSink, SinkError, TokenBatch};
use ndarray::linalg::general_mat_mul;
use ndarray::{Array2, ArrayView2};

/// Reads every value once, as any consumer must.
#[derive(Default)]
struct Sum(f64);

impl HiddenStateSink for Sum {
    fn layer(&mut self, _: usize, states: ArrayView2<'_, f32>) -> Result<(), SinkError> {
        self.0 += f64::from(states.sum());
        Ok(())
    }
}

fn main() -> Result<(), Box<dyn Error>> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [model, sentences, rest @ ..] = arguments.as_slice() else {
        return Err("usage: throughput MODEL_DIR SENTENCES.tsv [TOKENS]".into());
    };
    let budget: usize = rest.first().map_or(Ok(1024), |tokens| tokens.parse())?;
    println!("sgemm 2048x384 by 384x1536: {:.1} GFLOP/s", product_speed());

    let start = Instant::now();
    let checkpoint = Checkpoint::open(Path::new(model))?;
    let opened = start.elapsed().as_secs_f64();
    let encoder = checkpoint.load()?;
    println!("open {opened:.3} s, load {:.3} s", start.elapsed().as_secs_f64() - opened);

    let start = Instant::now();
    let batches = batches(&checkpoint, &std::fs::read_to_string(sentences)?, budget)?;
    let tokens: usize = batches.iter().map(TokenBatch::tokens).sum();
    println!(
        "{tokens} tokens in {} batches, tokenised in {:.2} s",
        batches.len(),
        start.elapsed().as_secs_f64()
    );

    let facts = encoder.facts();
    // Dense layers alone, at the usual inner width of 4H: 2·(4 + 8)·H² per layer.
    let flop = 24.0 * (facts.hidden_states - 1) as f64 * (facts.width as f64).powi(2);
    for round in 1..=3 {
        let seconds = encode(encoder.as_ref(), &batches)?;
        let speed = tokens as f64 / seconds;
        println!("round {round}: {seconds:.2} s, {speed:.0} tokens/s, {:.1} GFLOP/s", speed * flop / 1e9);
    }
    Ok(())
}

fn encode(encoder: &dyn Encoder, batches: &[TokenBatch]) -> Result<f64, Box<dyn Error>> {
    let start = Instant::now();
    let mut sink = Sum::default();
    for batch in batches {
        encoder.encode(batch, &mut sink)?;
    }
    if !sink.0.is_finite() {
        return Err("the hidden states are not finite".into());
    }
    Ok(start.elapsed().as_secs_f64())
}

fn batches(checkpoint: &Checkpoint, table: &str, budget: usize) -> Result<Vec<TokenBatch>, Box<dyn Error>> {
    let tokenizer = checkpoint.tokenizer()?;
    let mut lines = table.lines();
    let header: Vec<&str> = lines.next().unwrap_or_default().split('\t').collect();
    let column =
        |name: &str| header.iter().position(|h| *h == name).ok_or(format!("the table has no column {name}"));
    let columns = [column("sentence1")?, column("sentence2")?];
    let mut texts = Vec::new();
    for line in lines {
        let cells: Vec<&str> = line.split('\t').collect();
        for text in columns.iter().filter_map(|&c| cells.get(c)) {
            texts.push(tokenizer.encode(text, checkpoint.facts().max_positions)?.ids);
        }
    }
    texts.sort_by_key(Vec::len);
    let mut batches = vec![TokenBatch::new()];
    for ids in texts {
        if batches.last().is_some_and(|batch| batch.tokens() + ids.len() > budget && batch.tokens() > 0) {
            batches.push(TokenBatch::new());
        }
        if let Some(batch) = batches.last_mut() {
            batch.push(&ids);
        }
    }
    Ok(batches)
}

fn product_speed() -> f64 {
    let (m, k, n) = (2048, 384, 1536);
    let a = Array2::from_shape_fn((m, k), |(i, j)| ((i * 7 + j) % 13) as f32);
    let b = Array2::from_shape_fn((n, k), |(i, j)| ((i + j * 5) % 11) as f32);
    let mut c = Array2::<f32>::zeros((m, n));
    let best = (0..10)
        .map(|_| {
            let start = Instant::now();
            general_mat_mul(1.0, &a, &b.t(), 0.0, &mut c);
            start.elapsed().as_secs_f64()
        })
        .fold(f64::INFINITY, f64::min);
    2.0 * (m * k * n) as f64 / best / 1e9
}
