//! Measures tokens per second of an encoder, every hidden state read once.
//!
//! Usage: `OPENBLAS_NUM_THREADS=1 throughput MODEL_DIR SENTENCES.tsv [--threads N] [--rounds N] [--tokens N] [--products]`
//!
//! Encodes the columns `sentence1` and `sentence2` with all hidden states, sorted by length in batches of at most `--tokens`
//! tokens (1024), on `--threads` threads (1) that take one batch after another, as the slots of a worker do. With `--products` it
//! computes nothing but the matrix products of the dense layers, of the same shapes in the same order: what BLAS alone reaches.
#![allow(clippy::print_stdout)]

use std::error::Error;
use std::path::Path;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Instant;

use isoscope_encoders::{Checkpoint, Encoder, HiddenStateSink, SinkError, TokenBatch};
use ndarray::linalg::general_mat_mul;
use ndarray::{Array2, ArrayView2, ArrayViewMut2};

type Outcome<T> = Result<T, Box<dyn Error + Send + Sync>>;

/// Reads every value once, as any consumer must.
#[derive(Default)]
struct Sum(f64);

impl HiddenStateSink for Sum {
    fn layer(&mut self, _: usize, states: ArrayView2<'_, f32>) -> Result<(), SinkError> {
        self.0 += f64::from(states.sum());
        Ok(())
    }
}

struct Arguments {
    model: String,
    sentences: String,
    threads: usize,
    rounds: usize,
    tokens: usize,
    products: bool,
}

impl Arguments {
    fn parse(mut words: impl Iterator<Item = String>) -> Outcome<Self> {
        let mut found = Self {
            model: String::new(),
            sentences: String::new(),
            threads: 1,
            rounds: 3,
            tokens: 1024,
            products: false,
        };
        while let Some(word) = words.next() {
            let number = match word.as_str() {
                "--threads" => &mut found.threads,
                "--rounds" => &mut found.rounds,
                "--tokens" => &mut found.tokens,
                "--products" => {
                    found.products = true;
                    continue;
                }
                _ if found.model.is_empty() => {
                    found.model = word;
                    continue;
                }
                _ if found.sentences.is_empty() => {
                    found.sentences = word;
                    continue;
                }
                _ => return Err(format!("{word} is one argument too many").into()),
            };
            *number = words.next().ok_or(format!("{word} needs a number"))?.parse()?;
        }
        if found.sentences.is_empty() {
            return Err("usage: throughput MODEL_DIR SENTENCES.tsv [--threads N] [--rounds N] [--tokens N] [--products]".into());
        }
        Ok(found)
    }
}

fn main() -> Outcome<()> {
    let arguments = Arguments::parse(std::env::args().skip(1))?;
    let start = Instant::now();
    let checkpoint = Checkpoint::open(Path::new(&arguments.model))?;
    let opened = start.elapsed().as_secs_f64();
    let encoder = checkpoint.load()?;
    println!("open {opened:.3} s, load {:.3} s", start.elapsed().as_secs_f64() - opened);

    let start = Instant::now();
    let batches = batches(&checkpoint, &std::fs::read_to_string(&arguments.sentences)?, arguments.tokens)?;
    let tokens: usize = batches.iter().map(TokenBatch::tokens).sum();
    let seconds = start.elapsed().as_secs_f64();
    println!("{tokens} tokens in {} batches, tokenised in {seconds:.2} s", batches.len());

    let facts = encoder.facts();
    let (layers, width) = (facts.hidden_states - 1, facts.width);
    // Dense layers alone, at the usual inner width of 4H: 2·(4 + 8)·H² per layer.
    let flop = 24.0 * layers as f64 * (width as f64).powi(2);
    // One batch in eight, so that nothing is timed that happens once.
    let warm_up: Vec<&TokenBatch> = batches.iter().step_by(8).collect();
    let all: Vec<&TokenBatch> = batches.iter().collect();
    for round in 0..=arguments.rounds {
        let batches = if round == 0 { &warm_up } else { &all };
        let seconds = if arguments.products {
            let longest = all.iter().map(|batch| batch.tokens()).max().unwrap_or_default();
            on_threads(arguments.threads, batches, || {
                let mut products = Products::new(width, longest);
                move |batch| products.compute(layers, batch.tokens())
            })?
        } else {
            on_threads(arguments.threads, batches, || |batch| encode(encoder.as_ref(), batch))?
        };
        if round > 0 {
            let speed = tokens as f64 / seconds;
            println!("round {round}: {seconds:.2} s, {speed:.0} tokens/s, {:.1} GFLOP/s", speed * flop / 1e9);
        }
    }
    Ok(())
}

/// Has every thread take batches until none is left, each with work of its own; returns the wall time in seconds.
fn on_threads<W: FnMut(&TokenBatch) -> Outcome<()>>(
    threads: usize,
    batches: &[&TokenBatch],
    work: impl Fn() -> W + Sync,
) -> Outcome<f64> {
    // The longest first, so that the threads end together.
    let left = AtomicUsize::new(batches.len());
    let drain = || {
        let mut work = work();
        while let Ok(place) =
            left.fetch_update(Ordering::Relaxed, Ordering::Relaxed, |left| left.checked_sub(1))
        {
            work(batches[place - 1])?;
        }
        Ok(())
    };
    let start = Instant::now();
    let outcomes: Vec<_> = std::thread::scope(|scope| {
        let running: Vec<_> = (0..threads.max(1)).map(|_| scope.spawn(drain)).collect();
        running
            .into_iter()
            .map(|thread| thread.join().unwrap_or_else(|_| Err("a thread panicked".into())))
            .collect()
    });
    outcomes.into_iter().collect::<Outcome<()>>()?;
    Ok(start.elapsed().as_secs_f64())
}

fn encode(encoder: &dyn Encoder, batch: &TokenBatch) -> Outcome<()> {
    let mut sink = Sum::default();
    encoder.encode(batch, &mut sink)?;
    if sink.0.is_finite() { Ok(()) } else { Err("the hidden states are not finite".into()) }
}

fn batches(checkpoint: &Checkpoint, table: &str, budget: usize) -> Outcome<Vec<TokenBatch>> {
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

/// The four products of a layer of width H: H to 3H, H to H, H to 4H and 4H to H.
struct Products {
    weights: [Array2<f32>; 4],
    rows: Vec<f32>,
    result: Vec<f32>,
}

impl Products {
    /// Prepares products of up to `tokens` rows.
    fn new(width: usize, tokens: usize) -> Self {
        let shapes = [(3 * width, width), (width, width), (4 * width, width), (width, 4 * width)];
        let rows = (0..tokens * 4 * width).map(|i| (i % 13) as f32).collect();
        Self {
            weights: shapes.map(|shape| Array2::from_shape_fn(shape, |(i, j)| ((i * 7 + j * 5) % 11) as f32)),
            rows,
            result: vec![0.0; tokens * 4 * width],
        }
    }

    fn compute(&mut self, layers: usize, tokens: usize) -> Outcome<()> {
        for weight in self.weights.iter().cycle().take(4 * layers) {
            let (outputs, inputs) = weight.dim();
            let rows = ArrayView2::from_shape((tokens, inputs), &self.rows[..tokens * inputs])?;
            let result = &mut self.result[..tokens * outputs];
            let mut result = ArrayViewMut2::from_shape((tokens, outputs), result)?;
            general_mat_mul(1.0, &rows, &weight.t(), 0.0, &mut result);
        }
        Ok(())
    }
}
