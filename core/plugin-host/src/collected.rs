//! What an op wrote.

/// A number that an op wrote.
#[derive(Debug, Clone, PartialEq)]
pub struct OutRow {
    /// Full id of the metric.
    pub metric: String,
    /// Key inside an object; empty for a scalar.
    pub part: String,
    /// The value, finite; `None` with a reason in `status`.
    pub value: Option<f64>,
    /// `ok`, or why there is no value.
    pub status: String,
    /// Standard error, when it was estimated.
    pub std_err: Option<f64>,
    /// Observations behind the value.
    pub n: u64,
}

/// A vector that an op wrote.
#[derive(Debug, Clone, PartialEq)]
pub struct OutSeries {
    /// Full id of the metric.
    pub metric: String,
    /// Key inside an object; empty otherwise.
    pub part: String,
    /// `ok`, or why there are no values.
    pub status: String,
    /// The values, all finite; empty with a reason in `status`.
    pub values: Vec<f64>,
    /// Observations behind the values.
    pub n: u64,
}

/// Everything that an op wrote, in order. A call that fails adds nothing.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Collected {
    /// The numbers.
    pub rows: Vec<OutRow>,
    /// The vectors.
    pub series: Vec<OutSeries>,
}

/// What follows a pass.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Finished {
    /// The model of the next pass, or the final one.
    pub model: Vec<u8>,
    /// Whether another pass over the rows follows.
    pub again: bool,
}
