//! A law, and what came of trying it.

use std::path::Path;

use serde::{Deserialize, Serialize};

use crate::breach::{Breach, Judged};
use crate::drive::{MAX_PASSES, Subject};
use crate::laws::{degenerate, enhancement, file, invariance, life, merging, reading};

/// One law of a plugin.
#[derive(Debug, Clone, Copy)]
pub struct Law {
    /// Its name, e.g. `batches-do-not-matter`.
    pub id: &'static str,
    /// What it says, one sentence.
    pub says: &'static str,
    /// Whether the laws after it make no sense when it is broken.
    pub gate: bool,
    scope: Scope,
}

/// What a law is about.
#[derive(Debug, Clone, Copy)]
enum Scope {
    File(fn(&Path) -> Judged),
    Op(fn(&Subject) -> Judged),
}

/// What came of trying a law.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Verdict {
    /// It holds.
    Holds,
    /// It is broken.
    Broken,
    /// It says nothing about this op.
    DoesNotApply,
}

/// A verdict and its reason.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Outcome {
    /// The verdict.
    pub verdict: Verdict,
    /// Why, or a remark; may be empty when the law holds.
    pub detail: String,
}

impl Law {
    /// Tells whether the law is about each op, not about the file.
    #[must_use]
    pub fn is_about_ops(&self) -> bool {
        matches!(self.scope, Scope::Op(_))
    }

    /// Tries the law in this process, which a plugin may crash or never leave. `op` names the op when it is about one.
    #[must_use]
    pub fn judge(&self, file: &Path, op: Option<&str>) -> Outcome {
        let judged = match self.scope {
            Scope::File(judge) => judge(file),
            Scope::Op(judge) => match Subject::load(file, op) {
                Ok(subject) => judge(&subject),
                Err(error) => Err(Breach::Broken(error.to_string())),
            },
        };
        match judged {
            Ok(detail) => Outcome { verdict: Verdict::Holds, detail },
            Err(Breach::DoesNotApply(detail)) => Outcome { verdict: Verdict::DoesNotApply, detail },
            Err(Breach::Broken(detail)) => Outcome { verdict: Verdict::Broken, detail },
            Err(Breach::Op(error)) => Outcome { verdict: Verdict::Broken, detail: error.to_string() },
            Err(Breach::Endless) => Outcome {
                verdict: Verdict::Broken,
                detail: format!("it asks for more than {MAX_PASSES} passes"),
            },
        }
    }
}

/// Finds a law by its id.
#[must_use]
pub fn law(id: &str) -> Option<&'static Law> {
    LAWS.iter().find(|law| law.id == id)
}

/// Lists the laws: those of files first, those that others build on before them.
#[must_use]
pub fn laws() -> &'static [Law] {
    LAWS
}

const fn of_file(id: &'static str, gate: bool, judge: fn(&Path) -> Judged, says: &'static str) -> Law {
    Law { id, says, gate, scope: Scope::File(judge) }
}

const fn of_op(id: &'static str, gate: bool, judge: fn(&Subject) -> Judged, says: &'static str) -> Law {
    Law { id, says, gate, scope: Scope::Op(judge) }
}

const LAWS: &[Law] = &[
    of_file(
        "manifest-is-readable",
        true,
        file::manifest,
        "the section .iso_manifest holds one JSON text that names the plugin, its ops and their outputs",
    ),
    of_file(
        "abi-version-fits",
        true,
        file::abi_version,
        "manifest and table speak a version of the ABI that this host speaks",
    ),
    of_file(
        "parameter-schema-is-valid",
        false,
        file::schemas,
        "every parameter has a type and a default of that type, and no other parameter is let in",
    ),
    of_file(
        "entry-symbol-is-exported",
        true,
        file::entry_symbol,
        "the file exports isoscope_plugin_entry_v1",
    ),
    of_file("nothing-else-is-exported", false, file::no_other_symbol, "the file exports no other symbol"),
    of_file(
        "no-static-tls",
        true,
        file::static_tls,
        "the file asks for no static thread-local storage (DF_STATIC_TLS)",
    ),
    of_file(
        "glibc-level",
        false,
        file::glibc,
        "told, never broken: the newest version of the C library that the file needs",
    ),
    of_file(
        "symbols-resolve",
        true,
        file::loads,
        "every undefined symbol is found when the file is loaded (RTLD_NOW)",
    ),
    of_file(
        "manifest-is-that-in-memory",
        true,
        file::same_manifest,
        "the table answers the very bytes of the section",
    ),
    of_file(
        "table-is-complete",
        true,
        file::table,
        "the table has the ops of the manifest, each with every function it must have",
    ),
    of_op(
        "passes-are-bounded",
        true,
        life::passes_are_bounded,
        "an op ends: over ordinary rows, constant rows and no rows it asks for at most 10000 passes",
    ),
    of_op(
        "ordinary-rows-have-values",
        true,
        life::ordinary_rows,
        "over ordinary rows every declared output is reported once, at least one has a value, and no number is a NaN",
    ),
    of_op(
        "functions-match-the-manifest",
        false,
        life::functions,
        "the op offers measure, apply and affine exactly when its manifest says so",
    ),
    of_op(
        "defaults-are-accepted",
        false,
        life::defaults,
        "the defaults of the manifest, given in full, change nothing",
    ),
    of_op(
        "unknown-parameter-is-refused",
        false,
        life::unknown_parameter,
        "a parameter that the manifest does not list is refused as invalid",
    ),
    of_op(
        "shards-do-not-matter",
        false,
        merging::shards,
        "k shards give what one shard gives, up to rounding",
    ),
    of_op(
        "batches-do-not-matter",
        false,
        merging::batches,
        "the size of the batches does not matter, up to rounding",
    ),
    of_op(
        "merge-order-does-not-matter",
        false,
        merging::order,
        "states merged in another order or association agree up to rounding",
    ),
    of_op(
        "same-order-same-bits",
        false,
        merging::same_bits,
        "the same cut merged in the same order gives the same bits",
    ),
    of_op(
        "empty-shard-is-neutral",
        false,
        merging::empty_shard,
        "a shard without rows changes nothing, up to rounding",
    ),
    of_op(
        "state-survives-saving",
        false,
        merging::saving,
        "a state that is saved and merged into a fresh run gives what the run itself gives",
    ),
    of_op(
        "no-rows",
        false,
        degenerate::no_rows,
        "no rows: nulls with a reason, or values; no NaN and no failure",
    ),
    of_op("one-row", false, degenerate::one_row, "the same for one row"),
    of_op(
        "constant-rows",
        false,
        degenerate::constant_rows,
        "the same for rows that are all equal, and all zero",
    ),
    of_op("duplicate-rows", false, degenerate::duplicate_rows, "the same for two rows, each many times"),
    of_op("fewer-rows-than-columns", false, degenerate::few_rows, "the same for fewer rows than columns"),
    of_op(
        "padded-rows-are-read",
        false,
        reading::padded,
        "a row stride beyond the width is honoured, in update and in apply",
    ),
    of_op(
        "runs-are-independent",
        false,
        reading::independent,
        "two runs of an op, interleaved or on two threads, do not disturb each other",
    ),
    of_op(
        "open-and-close-do-not-leak",
        false,
        reading::no_leak,
        "1000 times open, begin, update, end, close: the memory of the process grows by less than 512 KiB",
    ),
    of_op(
        "apply-is-row-by-row",
        false,
        enhancement::row_by_row,
        "a batch is mapped as its rows are, one by one",
    ),
    of_op(
        "affine-is-apply",
        false,
        enhancement::affine,
        "the affine form of a model maps rows as apply does",
    ),
    of_op(
        "declared-rotation-holds",
        false,
        invariance::rotation,
        "outputs declared invariant to rotation are",
    ),
    of_op(
        "declared-translation-holds",
        false,
        invariance::translation,
        "outputs declared invariant to translation are",
    ),
    of_op("declared-scale-holds", false, invariance::scale, "outputs declared invariant to scale are"),
    of_op(
        "declared-permutation-holds",
        false,
        invariance::permutation,
        "outputs declared invariant to the order of the rows are",
    ),
];
