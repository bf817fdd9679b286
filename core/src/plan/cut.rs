//! Where a dataset is cut into shards, and how many of them a task takes.

use super::GROUPS;
use crate::facts::ModelFacts;
use crate::study::Study;
use crate::tree::level_with_at_most;

/// Shards that a dataset is cut into by default, as long as they hold at most [`MOST_SHARD_ROWS`]: no more than the end of a stage
/// merges itself, so that each is the block of a task, whose state is neither saved nor merged on the way.
const SHARDS: u64 = GROUPS;
/// Most rows in a shard by default.
const MOST_SHARD_ROWS: u64 = 1024;
/// Most shards in the block of one task.
const BLOCK_LEVEL: u32 = 3;
/// Floating-point operations that a task should take: 40 s of one core of a usual machine, or of a GPU. Shorter tasks spend their
/// time on states going to and fro, longer ones lose more with a worker.
const TASK_FLOP_CPU: f64 = 40.0 * 64e9;
const TASK_FLOP_GPU: f64 = 40.0 * 20e12;
/// Tokens of a usual text; how long the texts at hand are is not known before they are tokenized.
const USUAL_TOKENS: u32 = 32;
/// Fewest rows in a shard by default, so that a plan never has a task a row.
const FEWEST_SHARD_ROWS: u64 = 16;

/// Where a dataset is cut.
pub(super) struct Cut {
    pub(super) shard_rows: u64,
    pub(super) shards: u64,
    pub(super) block_level: u32,
    pub(super) group_level: u32,
}

impl Cut {
    /// Leaves `rows` rows in one shard, unless the study cuts them.
    pub(super) fn whole(study: &Study, rows: u64) -> Self {
        if study.plan.shard_rows.is_some() {
            return Self::new(study, rows, u64::MAX);
        }
        Self { shard_rows: rows.max(1), shards: 1, block_level: 0, group_level: 0 }
    }

    /// Cuts `rows` rows so that a task passes over about `task_rows` of them.
    pub(super) fn new(study: &Study, rows: u64, task_rows: u64) -> Self {
        let most = task_rows.clamp(FEWEST_SHARD_ROWS, MOST_SHARD_ROWS);
        let by_default = rows.div_ceil(SHARDS).clamp(1, most);
        let shard_rows = study.plan.shard_rows.unwrap_or(by_default);
        let shards = rows.div_ceil(shard_rows).max(1);
        let group_level = level_with_at_most(GROUPS, shards);
        let fitting = (task_rows / shard_rows).max(1).ilog2();
        Self { shard_rows, shards, block_level: group_level.min(BLOCK_LEVEL).min(fitting), group_level }
    }
}

/// Rows that a task should pass over, by what the encoders take for a usual text: 24 d² operations a token and layer, for the
/// products of attention and feed-forward network of four times the width.
pub(super) fn rows_of_a_task(
    numerics_class: &str,
    models: &[&ModelFacts],
    sides: u32,
    max_tokens: u32,
) -> u64 {
    let tokens = f64::from(sides.max(1) * max_tokens.min(USUAL_TOKENS));
    let a_row = |model: &&ModelFacts| {
        let (d, blocks) = (f64::from(model.width), f64::from(model.hidden_states.saturating_sub(1).max(1)));
        24.0 * d * d * blocks * tokens
    };
    let flop = if numerics_class.starts_with("cuda") { TASK_FLOP_GPU } else { TASK_FLOP_CPU };
    ((flop / models.iter().map(a_row).sum::<f64>()) as u64).max(1)
}
