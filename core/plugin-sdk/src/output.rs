//! What an op writes: id, shape, unit, range, direction and invariances.

/// Shape of an output.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Shape {
    /// One number ([`Out::value`](crate::Out::value)).
    Scalar,
    /// A vector of numbers ([`Out::series`](crate::Out::series)).
    Vector,
    /// Named numbers ([`Out::part`](crate::Out::part)).
    Object,
}

impl Shape {
    /// Returns the name in the manifest.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Scalar => "scalar",
            Self::Vector => "vector",
            Self::Object => "object",
        }
    }
}

/// Which values are better.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Better {
    /// Higher values.
    Higher,
    /// Lower values.
    Lower,
    /// Neither: the value describes.
    Neither,
}

impl Better {
    /// Returns the name in the manifest.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Higher => "higher",
            Self::Lower => "lower",
            Self::Neither => "neither",
        }
    }
}

/// A change of the cloud that leaves the value as it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Invariance {
    /// Every row times the same orthogonal matrix.
    Rotation,
    /// The same vector added to every row.
    Translation,
    /// Every row times the same positive number.
    Scale,
    /// Another order of the rows.
    Permutation,
}

impl Invariance {
    /// Returns the name in the manifest.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Rotation => "rotation",
            Self::Translation => "translation",
            Self::Scale => "scale",
            Self::Permutation => "permutation",
        }
    }
}

/// Describes one output of an op: `Output::scalar("spectrum.isoscore").range("[0, 1]").better(Better::Higher)`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Output {
    /// Full id; it may end in `*` when parameters name the rest.
    pub id: &'static str,
    /// Shape of the output.
    pub shape: Shape,
    /// Unit; empty for a pure number.
    pub unit: &'static str,
    /// Range in interval notation; empty when unbounded.
    pub range: &'static str,
    /// Which values are better.
    pub better: Better,
    /// Changes that leave the value as it is.
    pub invariant: &'static [Invariance],
}

impl Output {
    const fn new(id: &'static str, shape: Shape) -> Self {
        Self { id, shape, unit: "", range: "", better: Better::Neither, invariant: &[] }
    }

    /// Describes one number.
    #[must_use]
    pub const fn scalar(id: &'static str) -> Self {
        Self::new(id, Shape::Scalar)
    }

    /// Describes a vector of numbers.
    #[must_use]
    pub const fn vector(id: &'static str) -> Self {
        Self::new(id, Shape::Vector)
    }

    /// Describes named numbers.
    #[must_use]
    pub const fn object(id: &'static str) -> Self {
        Self::new(id, Shape::Object)
    }

    /// Sets the range, e.g. `"[0, 1]"`.
    #[must_use]
    pub const fn range(mut self, range: &'static str) -> Self {
        self.range = range;
        self
    }

    /// Sets the unit.
    #[must_use]
    pub const fn unit(mut self, unit: &'static str) -> Self {
        self.unit = unit;
        self
    }

    /// Sets which values are better.
    #[must_use]
    pub const fn better(mut self, better: Better) -> Self {
        self.better = better;
        self
    }

    /// Sets the changes that leave the value as it is.
    #[must_use]
    pub const fn invariant(mut self, invariant: &'static [Invariance]) -> Self {
        self.invariant = invariant;
        self
    }
}
