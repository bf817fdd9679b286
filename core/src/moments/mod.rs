//! The moments reducer: the one pass over the rows that most metrics share.
//!
//! Three parts, each mergeable and each computed only when some op needs it: [`Second`] (count, mean, centred scatter),
//! [`Direction`] (norms and unit vectors) and [`Shape`] (extremes and higher powers of each dimension). All sums are f64 and
//! centred, merged by the pairwise formulas of Chan et al. and of Pébay; a raw sum of squares is never formed,
//! because a mean far from zero would eat its digits.

mod direction;
mod lanes;
mod second;
mod shape;

pub use direction::Direction;
pub use second::Second;
pub use shape::Shape;

use crate::catalogue::Part;
use ndarray::ArrayView2;
use serde::{Deserialize, Serialize};

/// Moments of a cloud, as far as they were asked for.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Moments {
    /// Count, mean and centred scatter.
    pub second: Option<Second>,
    /// Norms and unit vectors.
    pub direction: Option<Direction>,
    /// Extremes and higher powers.
    pub shape: Option<Shape>,
}

/// A state that cannot be read back or merged.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum MomentsError {
    /// The bytes are not those of moments.
    #[error("the bytes of a moments state cannot be read: {reason}")]
    Malformed {
        /// What the decoder said.
        reason: String,
    },
    /// Two states of different width or parts.
    #[error("moments of different clouds cannot be merged: widths {left} and {right}, or different parts")]
    Mismatch {
        /// Width of one side.
        left: usize,
        /// Width of the other.
        right: usize,
    },
}

impl Moments {
    /// Creates the moments of no rows of width `d`, with the given parts.
    #[must_use]
    pub fn empty(parts: &[Part], d: usize) -> Self {
        Self {
            second: parts.contains(&Part::Second).then(|| Second::empty(d)),
            direction: parts.contains(&Part::Direction).then(|| Direction::empty(d)),
            shape: parts.contains(&Part::Shape).then(|| Shape::empty(d)),
        }
    }

    /// Adds the rows of an n×d batch.
    pub fn absorb(&mut self, rows: ArrayView2<'_, f64>) {
        if rows.nrows() == 0 {
            return;
        }
        if let Some(second) = &mut self.second {
            second.absorb(rows);
        }
        if let Some(direction) = &mut self.direction {
            direction.absorb(rows);
        }
        if let Some(shape) = &mut self.shape {
            shape.absorb(rows);
        }
    }

    /// Adds the rows that another state has seen.
    ///
    /// # Errors
    /// When width or parts differ.
    pub fn merge(&mut self, other: &Self) -> Result<(), MomentsError> {
        let shape_of = |m: &Self| (m.width(), m.second.is_some(), m.direction.is_some(), m.shape.is_some());
        if shape_of(self) != shape_of(other) {
            return Err(MomentsError::Mismatch { left: self.width(), right: other.width() });
        }
        if let (Some(a), Some(b)) = (&mut self.second, &other.second) {
            a.merge(b);
        }
        if let (Some(a), Some(b)) = (&mut self.direction, &other.direction) {
            a.merge(b);
        }
        if let (Some(a), Some(b)) = (&mut self.shape, &other.shape) {
            a.merge(b);
        }
        Ok(())
    }

    /// Joins parts that were computed apart for the same cloud: what is missing here is taken from `other`.
    #[must_use]
    pub fn or(self, other: Self) -> Self {
        Self {
            second: self.second.or(other.second),
            direction: self.direction.or(other.direction),
            shape: self.shape.or(other.shape),
        }
    }

    /// Number of rows seen.
    #[must_use]
    pub fn n(&self) -> u64 {
        let second = self.second.as_ref().map(|s| s.n);
        second.or(self.direction.as_ref().map(|d| d.n)).or(self.shape.as_ref().map(|s| s.n)).unwrap_or(0)
    }

    /// Width of the rows.
    #[must_use]
    pub fn width(&self) -> usize {
        let second = self.second.as_ref().map(|s| s.mean.len());
        let direction = self.direction.as_ref().map(|d| d.unit_sum.len());
        second.or(direction).or(self.shape.as_ref().map(|s| s.mean.len())).unwrap_or(0)
    }

    /// Encodes the state; the scatter travels as its lower triangle.
    ///
    /// # Errors
    /// When the encoder runs out of memory.
    pub fn to_bytes(&self) -> Result<Vec<u8>, MomentsError> {
        postcard::to_stdvec(self).map_err(|e| MomentsError::Malformed { reason: e.to_string() })
    }

    /// Decodes what [`Moments::to_bytes`] wrote.
    ///
    /// # Errors
    /// When the bytes are not a moments state.
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, MomentsError> {
        postcard::from_bytes(bytes).map_err(|e| MomentsError::Malformed { reason: e.to_string() })
    }
}

#[cfg(test)]
mod tests;
