//! Cuts do not matter: shards, batches, merges.

use crate::breach::{Breach, HOLDS, Judged, does_not_apply};
use crate::cut::{Cut, Merging};
use crate::drive::Subject;
use crate::report::{Report, TOLERANCE};

/// Skips ops that see no rows: the host folds and merges for them.
fn sees_rows(subject: &Subject) -> Result<(), Breach> {
    if subject.reads_no_rows() {
        return does_not_apply("the host folds the moments: no shard reaches the op");
    }
    Ok(())
}

fn report(subject: &Subject, cut: &Cut) -> Result<Report, Breach> {
    Ok(subject.evaluate(&subject.cloud(), cut)?.report)
}

fn cut(subject: &Subject, shards: usize, batch: usize, merging: Merging) -> Cut {
    Cut::of(&subject.cloud(), shards, batch, merging)
}

/// k shards = 1 shard.
pub(crate) fn shards(subject: &Subject) -> Judged {
    sees_rows(subject)?;
    let whole = report(subject, &cut(subject, 1, usize::MAX, Merging::Tree))?;
    for k in [2, 3, 5, 8] {
        let cut = cut(subject, k, usize::MAX, Merging::Tree);
        let how = format!("with the rows in {} shards instead of one", cut.shards.len());
        whole.same(&report(subject, &cut)?, TOLERANCE, &how)?;
    }
    HOLDS
}

/// Batches of any size give the same.
pub(crate) fn batches(subject: &Subject) -> Judged {
    sees_rows(subject)?;
    let whole = report(subject, &cut(subject, 1, usize::MAX, Merging::Tree))?;
    for size in [1, 7, 20] {
        let cut = cut(subject, 1, size, Merging::Tree);
        let rows = cut.shards[0][0].len();
        let how = format!("with batches of {rows} rows instead of one batch");
        whole.same(&report(subject, &cut)?, TOLERANCE, &how)?;
    }
    HOLDS
}

/// Any order and association of merges gives the same.
pub(crate) fn order(subject: &Subject) -> Judged {
    sees_rows(subject)?;
    let tree = report(subject, &cut(subject, 5, usize::MAX, Merging::Tree))?;
    for (merging, how) in [
        (Merging::Left, "with states merged one after the other instead of in pairs"),
        (Merging::Reversed, "with states merged from last to first"),
        (Merging::Rotated, "with the first state merged last"),
    ] {
        tree.same(&report(subject, &cut(subject, 5, usize::MAX, merging))?, TOLERANCE, how)?;
    }
    HOLDS
}

/// The same order gives the same bits.
pub(crate) fn same_bits(subject: &Subject) -> Judged {
    let cut = cut(subject, 5, 7, Merging::Tree);
    let first = report(subject, &cut)?;
    for _ in 0..3 {
        first.identical(&report(subject, &cut)?, "when the same rows are measured again in the same way")?;
    }
    HOLDS
}

/// An empty shard changes nothing.
pub(crate) fn empty_shard(subject: &Subject) -> Judged {
    sees_rows(subject)?;
    let plain = cut(subject, 3, usize::MAX, Merging::Left);
    let without = report(subject, &plain)?;
    for place in 0..=plain.shards.len() {
        let how = format!("with a shard without rows in place {place}");
        without.same(&report(subject, &plain.clone().with_empty_shard(place))?, TOLERANCE, &how)?;
    }
    HOLDS
}

/// Saving and merging a state loses nothing.
pub(crate) fn saving(subject: &Subject) -> Judged {
    sees_rows(subject)?;
    let kept = report(subject, &cut(subject, 1, 20, Merging::None))?;
    let saved = report(subject, &cut(subject, 1, 20, Merging::Left))?;
    kept.same(&saved, TOLERANCE, "when the state is saved and merged into a fresh run before the end")?;
    HOLDS
}
