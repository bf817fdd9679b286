//! What is left of hidden states when they were folded.

/// Count, mean and centred scatter of n×d rows.
#[derive(Clone, Debug, PartialEq)]
pub struct SecondSums {
    /// Number of rows.
    pub n: u64,
    /// Mean row, d.
    pub mean: Vec<f64>,
    /// Σ(x−μ)(x−μ)ᵀ, d×d by rows; the triangle above the diagonal holds nothing of use.
    pub lower: Vec<f64>,
}

/// Norms and unit vectors of n×d rows.
#[derive(Clone, Debug, PartialEq)]
pub struct DirectionSums {
    /// Number of rows.
    pub n: u64,
    /// Rows of length 0.
    pub zero_rows: u64,
    /// Sum of x/‖x‖, d.
    pub unit_sum: Vec<f64>,
    /// Sum of its square, d.
    pub unit_square_sum: Vec<f64>,
    /// Mean of ‖x‖.
    pub norm_mean: f64,
    /// Σ(‖x‖ − mean)².
    pub norm_scatter: f64,
    /// Least ‖x‖.
    pub norm_min: f64,
    /// Greatest ‖x‖.
    pub norm_max: f64,
}

/// The parts that were asked for.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct FoldedSums {
    /// Count, mean and scatter.
    pub second: Option<SecondSums>,
    /// Norms and unit vectors.
    pub direction: Option<DirectionSums>,
}
