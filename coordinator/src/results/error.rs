//! What can be wrong with results.

/// A reason why results cannot be written.
#[derive(Debug, thiserror::Error)]
pub enum ResultError {
    /// A NaN or an infinity; such a value must be a null with a reason.
    #[error(
        "`{column}` of {metric} (model `{model}`, layer {layer}, space `{space}`) is {value}, which is never written"
    )]
    NotFinite {
        /// Column in question.
        column: &'static str,
        /// Id of the metric.
        metric: String,
        /// Name of the model.
        model: String,
        /// Layer of the row.
        layer: u32,
        /// Space of the row.
        space: String,
        /// The value found.
        value: f64,
    },
    /// A null whose status is `ok`.
    #[error("{metric} (model `{model}`, layer {layer}, space `{space}`) is null without a reason")]
    NullWithoutReason {
        /// Id of the metric.
        metric: String,
        /// Name of the model.
        model: String,
        /// Layer of the row.
        layer: u32,
        /// Space of the row.
        space: String,
    },
    /// A count that does not fit the column.
    #[error("`{column}` is {value}, which is more than the column can hold")]
    TooLarge {
        /// Column in question.
        column: &'static str,
        /// The value found.
        value: u64,
    },
    /// The columns do not make a table.
    #[error("cannot assemble the results: {0}")]
    Arrow(#[from] arrow_schema::ArrowError),
    /// Parquet refused.
    #[error("cannot write the results as parquet: {0}")]
    Parquet(#[from] parquet::errors::ParquetError),
}
