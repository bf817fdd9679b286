//! The merged moments of a cloud, which the host folds once for all ops.

use core::fmt;

use isoscope_plugin_abi as abi;
use ndarray::{ArrayView1, ArrayView2};

use crate::{Error, Result};

/// Which matrix is decomposed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum EigenOf {
    Covariance,
    SecondMoment,
}

impl EigenOf {
    pub(crate) const fn code(self) -> u32 {
        match self {
            Self::Covariance => abi::ISO_EIGEN_COVARIANCE,
            Self::SecondMoment => abi::ISO_EIGEN_SECOND_MOMENT,
        }
    }
}

/// Answers eigen-decompositions, computed once and kept.
pub(crate) trait EigenSource {
    fn eigen(&self, of: EigenOf) -> Result<Eigen<'_>>;
}

/// An eigen-decomposition.
#[derive(Debug, Clone, Copy)]
pub struct Eigen<'a> {
    /// d eigenvalues, descending.
    pub values: ArrayView1<'a, f64>,
    /// d×d; row k is the unit eigenvector of `values[k]`.
    pub vectors: ArrayView2<'a, f64>,
}

/// Sums over directions and norms. The unit sums run over the rows of non-zero norm, `n - zero_rows` of them.
#[derive(Debug, Clone, Copy)]
pub struct Direction<'a> {
    /// Rows of norm zero.
    pub zero_rows: u64,
    /// d; sum of x / |x|.
    pub unit_sum: ArrayView1<'a, f64>,
    /// d; sum of the squares of the components of x / |x|.
    pub unit_square_sum: ArrayView1<'a, f64>,
    /// Sum of |x| over all n rows.
    pub norm_sum: f64,
    /// Smallest |x|.
    pub norm_min: f64,
    /// Largest |x|.
    pub norm_max: f64,
    /// Sum of (|x| - mean |x|)² over all n rows.
    pub norm_scatter: f64,
}

/// Per-dimension extrema and higher central sums, d each.
#[derive(Debug, Clone, Copy)]
pub struct ShapeSums<'a> {
    /// Smallest value.
    pub dim_min: ArrayView1<'a, f64>,
    /// Largest value.
    pub dim_max: ArrayView1<'a, f64>,
    /// Sum of (x - mean)³.
    pub cube_sum: ArrayView1<'a, f64>,
    /// Sum of (x - mean)⁴.
    pub fourth_sum: ArrayView1<'a, f64>,
}

/// The moments of n rows of width d, borrowed for the call.
#[derive(Clone)]
pub struct Moments<'a> {
    pub(crate) n: u64,
    pub(crate) mean: ArrayView1<'a, f64>,
    pub(crate) scatter: ArrayView2<'a, f64>,
    pub(crate) group: &'a str,
    pub(crate) direction: Option<Direction<'a>>,
    pub(crate) shape: Option<ShapeSums<'a>>,
    pub(crate) eigen: &'a dyn EigenSource,
}

impl fmt::Debug for Moments<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Moments")
            .field("n", &self.n)
            .field("cols", &self.cols())
            .field("group", &self.group)
            .finish_non_exhaustive()
    }
}

impl<'a> Moments<'a> {
    /// Returns the number of rows.
    #[must_use]
    pub const fn n(&self) -> u64 {
        self.n
    }

    /// Returns the width d.
    #[must_use]
    pub fn cols(&self) -> usize {
        self.mean.len()
    }

    /// Returns the mean of the rows, d.
    #[must_use]
    pub fn mean(&self) -> ArrayView1<'a, f64> {
        self.mean
    }

    /// Returns the centred scatter, d×d: the sum of (x - mean)(x - mean)ᵀ, not divided by n.
    #[must_use]
    pub fn scatter(&self) -> ArrayView2<'a, f64> {
        self.scatter
    }

    /// Returns the key of the group of rows; empty for all rows.
    #[must_use]
    pub const fn group(&self) -> &'a str {
        self.group
    }

    /// Returns the mean of |x|² over the rows: (tr scatter + n·|mean|²) / n. With no rows it is 0.
    #[must_use]
    pub fn mean_squared_norm(&self) -> f64 {
        if self.n == 0 {
            return 0.0;
        }
        self.scatter.diag().sum() / self.n as f64 + self.mean.iter().map(|x| x * x).sum::<f64>()
    }

    /// Returns the eigen-decomposition of the covariance, scatter / (n - 1).
    ///
    /// # Errors
    /// [`Error::Invalid`] for fewer than 2 rows; [`Error::Failed`] when the host's decomposition fails.
    pub fn covariance_eigen(&self) -> Result<Eigen<'a>> {
        if self.n < 2 {
            return Err(Error::Invalid(format!("a covariance needs at least 2 rows, there are {}", self.n)));
        }
        self.eigen.eigen(EigenOf::Covariance)
    }

    /// Returns the eigen-decomposition of `XᵀX` = scatter + n·mean·meanᵀ.
    ///
    /// # Errors
    /// [`Error::Failed`] when the host's decomposition fails.
    pub fn second_moment_eigen(&self) -> Result<Eigen<'a>> {
        self.eigen.eigen(EigenOf::SecondMoment)
    }

    /// Returns the sums over directions and norms; list [`Part::Direction`](crate::Part::Direction) in the op's parts.
    ///
    /// # Errors
    /// [`Error::Invalid`] when the host did not fold them.
    pub fn direction(&self) -> Result<Direction<'a>> {
        self.direction.ok_or_else(|| absent("Direction"))
    }

    /// Returns the higher sums per dimension; list [`Part::Shape`](crate::Part::Shape) in the op's parts.
    ///
    /// # Errors
    /// [`Error::Invalid`] when the host did not fold them.
    pub fn shape(&self) -> Result<ShapeSums<'a>> {
        self.shape.ok_or_else(|| absent("Shape"))
    }
}

fn absent(part: &str) -> Error {
    Error::Invalid(format!("these moments lack the part {part}: list Part::{part} in the op's metadata"))
}
