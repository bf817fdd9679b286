//! A pass: the rows of a block of shards, absorbed on every layer.

use crate::blobs;
use crate::error::WorkerError;
use crate::rows::{self, Columns};
use crate::source::{RowSink, Sources};
use crate::stage::{LayerStage, NodeState, ShardRun};
use crate::tasks::{Context, Planned};
use isoscope_core::pooling::RowKind;
use isoscope_core::result::Tally;
use isoscope_core::study::NonFinite;
use isoscope_core::task::{Output, Pass};
use isoscope_core::tree;
use isoscope_encoders::DeviceStates;
use ndarray::{Array2, ArrayView2, Axis};

/// Runs a pass over the shards of a block, and stores the merged state of each layer.
///
/// # Errors
/// When the source, the encoder or an op fails, or the task is revoked.
pub fn run(context: &Context<'_>, pass: &Pass) -> Result<Output, WorkerError> {
    let planned = Planned::fetch(context, &pass.plan, pass.subject)?;
    let stages = planned.layer_stages(context, pass.stage, &pass.slots, &pass.broadcasts)?;
    let sources = Sources {
        plan: planned.plan(),
        subject: planned.subject(),
        base: context.base,
        models: context.models,
        cache: context.cache,
    };
    let mut tally = Tally::default();
    let mut merged: Vec<Vec<NodeState>> = stages.iter().map(|_| Vec::new()).collect();
    let first = pass.node.shards(planned.subject().shards);
    if !stages.iter().all(LayerStage::is_idle) {
        let mut counter = ShardCounter::default();
        for shard in first {
            context.check_revoked()?;
            let (states, counts) = absorb_shard(&sources, &pass.slots, &stages, shard)?;
            tally.add(&counts);
            counter.push(&stages, &mut merged, states)?;
            context.progress();
        }
    }
    let mut layers = Vec::new();
    for (stage, states) in stages.iter().zip(merged) {
        let state = fold_right(stage, states)?;
        layers.push(blobs::put(context.blobs, "layer state", &state.to_layer_state()?)?);
    }
    let tally =
        if pass.stage == 1 { serde_json::to_string(&tally).unwrap_or_default() } else { String::new() };
    Ok(Output::Node { layers, tally })
}

/// Absorbs one shard on every layer that is at work.
fn absorb_shard(
    sources: &Sources<'_>,
    slots: &[u32],
    stages: &[LayerStage],
    shard: u64,
) -> Result<(Vec<NodeState>, Tally), WorkerError> {
    let absorb = |on_host| {
        let mut runs: Vec<Option<ShardRun<'_>>> = sources.subject.layers.iter().map(|_| None).collect();
        for (&slot, stage) in slots.iter().zip(stages) {
            runs[slot as usize] = Some(stage.begin()?);
        }
        let mut sink = Absorber { sources, runs, dropped: 0, on_host };
        let tally = sources.shard(shard, &mut sink)?;
        Ok::<_, WorkerError>((sink, tally))
    };
    let (mut sink, mut tally) = absorb(false)?;
    let runs = sink.runs.iter_mut().flatten();
    let fetched = runs.map(ShardRun::fetch_from_device).collect::<Result<Vec<_>, _>>()?;
    if fetched.contains(&false) {
        (sink, tally) = absorb(true)?;
    }
    tally.nonfinite_rows = sink.dropped;
    Ok((sink.runs.into_iter().flatten().map(ShardRun::save).collect::<Result<_, _>>()?, tally))
}

/// Merges shards as they come, keeping one state per level of the merge tree: the association is that of [`tree::fold`].
#[derive(Default)]
struct ShardCounter {
    shards: u64,
}

impl ShardCounter {
    fn push(
        &mut self,
        stages: &[LayerStage],
        merged: &mut [Vec<NodeState>],
        states: Vec<NodeState>,
    ) -> Result<(), WorkerError> {
        self.shards += 1;
        for ((stage, stack), state) in stages.iter().zip(merged).zip(states) {
            stack.push(state);
            for _ in 0..self.shards.trailing_zeros() {
                if let (Some(right), Some(left)) = (stack.pop(), stack.pop()) {
                    stack.push(stage.merge(left, right)?);
                }
            }
        }
        Ok(())
    }
}

/// Merges what is left of different levels, from the right.
fn fold_right(stage: &LayerStage, mut stack: Vec<NodeState>) -> Result<NodeState, WorkerError> {
    while stack.len() > 1 {
        if let (Some(right), Some(left)) = (stack.pop(), stack.pop()) {
            stack.push(stage.merge(left, right)?);
        }
    }
    match stack.pop() {
        Some(state) => Ok(state),
        None => Ok(stage.begin()?.save()?),
    }
}

/// Widens, pools and checks rows on their way into the runs of a shard.
struct Absorber<'a> {
    sources: &'a Sources<'a>,
    /// By slot; none for a layer that is not at work any more.
    runs: Vec<Option<ShardRun<'a>>>,
    dropped: u64,
    /// Takes all rows to the host, even those whose sums a device could fold.
    on_host: bool,
}

impl RowSink for Absorber<'_> {
    fn wants(&self, layer: usize) -> bool {
        self.runs.get(layer).and_then(Option::as_ref).is_some_and(ShardRun::is_active)
    }

    fn rows(
        &mut self,
        layer: usize,
        rows: ArrayView2<'_, f32>,
        columns: &Columns,
    ) -> Result<(), WorkerError> {
        if !self.wants(layer) {
            return Ok(());
        }
        let wide = rows.mapv(f64::from);
        match rows::pool(self.kind(), wide.view(), columns) {
            Some((pooled, columns)) => self.absorb(layer, &[pooled.view()], &columns),
            None => self.absorb(layer, &[wide.view()], columns),
        }
    }

    fn device_rows(
        &mut self,
        layer: usize,
        states: &DeviceStates<'_>,
        kept: &[u32],
    ) -> Result<bool, WorkerError> {
        let kind = self.kind();
        match self.runs.get_mut(layer).and_then(Option::as_mut) {
            Some(run) if !self.on_host && kind == RowKind::Token => run.fold_on_device(states, kept),
            _ => Ok(false),
        }
    }

    fn wide_rows(&mut self, rows: ArrayView2<'_, f64>, columns: &Columns) -> Result<(), WorkerError> {
        self.absorb(0, &[rows], columns)
    }

    fn pair(
        &mut self,
        slot: usize,
        left: ArrayView2<'_, f64>,
        right: ArrayView2<'_, f64>,
        columns: &Columns,
    ) -> Result<(), WorkerError> {
        if !self.wants(slot) {
            return Ok(());
        }
        self.absorb(slot, &[left, right], columns)
    }
}

impl Absorber<'_> {
    /// Rows of a matrix are what they are.
    fn kind(&self) -> RowKind {
        self.sources.subject.row_kind().unwrap_or(RowKind::Token)
    }

    /// Hands on the rows of one cloud, or of two that are aligned, that are finite.
    fn absorb(
        &mut self,
        layer: usize,
        views: &[ArrayView2<'_, f64>],
        columns: &Columns,
    ) -> Result<(), WorkerError> {
        let run = self
            .runs
            .get_mut(layer)
            .and_then(Option::as_mut)
            .ok_or_else(|| WorkerError::task("rows of a layer that is not planned"))?;
        let mut bad: Vec<usize> = views.iter().flat_map(|view| rows::nonfinite(*view)).collect();
        if bad.is_empty() {
            return run.absorb(views, columns);
        }
        bad.sort_unstable();
        bad.dedup();
        let (plan, subject) = (self.sources.plan, self.sources.subject);
        if plan.study.nonfinite == NonFinite::Error {
            let dataset = subject.dataset.name.clone();
            let layer = subject.layers.get(layer).copied().unwrap_or(0);
            return Err(WorkerError::NonFinite {
                dataset,
                layer,
                count: bad.len(),
                rows: name_rows(&bad, columns),
            });
        }
        let kept: Vec<usize> = (0..columns.len()).filter(|i| bad.binary_search(i).is_err()).collect();
        self.dropped += bad.len() as u64;
        let finite: Vec<Array2<f64>> = views.iter().map(|view| view.select(Axis(0), &kept)).collect();
        let finite: Vec<ArrayView2<'_, f64>> = finite.iter().map(|rows| rows.view()).collect();
        run.absorb(&finite, &columns.select(&kept))
    }
}

/// Names the first few rows for a person.
pub(crate) fn name_rows(places: &[usize], columns: &Columns) -> String {
    const NAMED: usize = 5;
    let name = |&i: &usize| match (columns.sentence.get(i), columns.position.get(i)) {
        (Some(sentence), Some(position)) => format!("text {sentence} token {position}"),
        (Some(sentence), None) => format!("text {sentence}"),
        _ => format!("row {}", columns.row[i]),
    };
    let mut names: Vec<String> = places.iter().take(NAMED).map(name).collect();
    if places.len() > NAMED {
        names.push("…".to_owned());
    }
    names.join(", ")
}

/// Merges nodes of the merge tree, given in order.
///
/// # Errors
/// When states do not belong together, or there is none.
pub fn fold(stage: &LayerStage, nodes: Vec<NodeState>) -> Result<NodeState, WorkerError> {
    tree::fold(nodes, |left, right| stage.merge(left, right))?
        .ok_or_else(|| WorkerError::task("nothing to merge"))
}
