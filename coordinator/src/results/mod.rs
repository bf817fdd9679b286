//! Results as Parquet: `measurements` with one row a number, `curves` with one row a point, `differences` with one row a difference
//! of two numbers.
//!
//! Equal results give equal bytes: rows are sorted by everything that identifies them, nothing is stamped with a time
//! or with the version of a library, and the schema is written by name and version alone.
//!
//! Columns are plain strings, signed integers and doubles, which pandas, polars and `duckdb` read as just that. Repeated
//! strings are dictionary-encoded inside the file, where it costs the reader no categorical type; integers are signed so
//! that `layer - 1` is -1 at layer 0 rather than a wrapped 4294967295.

mod columns;
mod curves;
mod differences;
mod error;
mod file;
mod measurements;

#[cfg(test)]
mod tests;

pub use curves::curves_parquet;
pub use differences::differences_parquet;
pub use error::ResultError;
pub use measurements::measurements_parquet;

/// Version of the columns of all files, repeated in their first column `schema_version`.
pub const SCHEMA_VERSION: i32 = 1;
