//! What an op says of itself: constants from which the manifest is made at compile time.

use crate::Output;

/// What an op is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// One cloud → values.
    Metric,
    /// Fit, then apply: maps rows.
    Enhancement,
    /// A score against gold labels.
    Evaluation,
    /// Trained on labelled rows.
    Probe,
    /// Two row-aligned clouds → values.
    Comparison,
}

impl Kind {
    /// Returns the name in the manifest.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Metric => "metric",
            Self::Enhancement => "enhancement",
            Self::Evaluation => "evaluation",
            Self::Probe => "probe",
            Self::Comparison => "comparison",
        }
    }
}

/// What the host must give an op.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Needs {
    /// Nothing: an enhancement without a fit.
    Nothing,
    /// The merged moments of all rows; `measure` is called once.
    Moments,
    /// Passes over the rows.
    Rows,
    /// The moments first, then passes over the rows (`measure` answers [`Next::Again`](crate::Next::Again)).
    MomentsThenRows,
    /// A sample of the rows, all at once and in order: every row when there are no more than the parameter `rows`, else as
    /// many, drawn by a hash of seed and row. Whole sentences are drawn when the op reads the column `sentence`.
    Sample,
}

impl Needs {
    /// Returns the name in the manifest.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Nothing => "nothing",
            Self::Moments => "moments",
            Self::Rows => "rows",
            Self::MomentsThenRows => "moments_then_rows",
            Self::Sample => "sample",
        }
    }

    /// Returns whether the op reads moments.
    #[must_use]
    pub const fn moments(self) -> bool {
        matches!(self, Self::Moments | Self::MomentsThenRows)
    }
}

/// A part of the moments.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Part {
    /// Mean and centred scatter; implied for every op that needs moments.
    Second,
    /// Sums over unit vectors and norms.
    Direction,
    /// Per-dimension extrema, third and fourth central sums.
    Shape,
}

impl Part {
    /// Returns the name in the manifest.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Second => "second",
            Self::Direction => "direction",
            Self::Shape => "shape",
        }
    }
}

/// Describes an op. Write `OpMeta { id: "..", ..OpMeta::DEFAULT }`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct OpMeta {
    /// Id of the op: `spectrum.isoscore`, `abtt`, `sts`.
    pub id: &'static str,
    /// What the op is for.
    pub kind: Kind,
    /// Version of the definition: raised when a value changes its meaning.
    pub version: u32,
    /// What the host must give.
    pub needs: Needs,
    /// Parts of the moments that the op reads; [`Part::Second`] is implied when it reads any.
    pub parts: &'static [Part],
    /// Columns of the rows that the op reads, e.g. `["sentence", "gold"]`. `$group` stands for the column that the text
    /// parameter `group` names.
    pub columns: &'static [&'static str],
    /// What the op writes. An id may end in `*` when parameters name it.
    pub outputs: &'static [Output],
    /// Whether the op is an enhancement with a closed form on moments ([`Op::affine`](crate::Op::affine)).
    pub affine: bool,
    /// 1, or 2 row-aligned views for a comparison.
    pub views: u32,
    /// One or two sentences for people.
    pub doc: &'static str,
    /// The formula, in `KaTeX` or plain text.
    pub formula: &'static str,
    /// Paper and equation.
    pub reference: &'static str,
}

impl OpMeta {
    /// A metric, version 1, one view, that needs nothing and writes nothing.
    pub const DEFAULT: Self = Self {
        id: "",
        kind: Kind::Metric,
        version: 1,
        needs: Needs::Nothing,
        parts: &[],
        columns: &[],
        outputs: &[],
        affine: false,
        views: 1,
        doc: "",
        formula: "",
        reference: "",
    };

    /// Returns whether an output of this id is declared; a declared id that ends in `*` covers every id with that start.
    #[must_use]
    pub fn declares(&self, id: &str) -> bool {
        self.outputs.iter().any(|output| match output.id.strip_suffix('*') {
            Some(start) => id.starts_with(start),
            None => id == output.id,
        })
    }
}
