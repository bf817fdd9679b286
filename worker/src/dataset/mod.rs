//! Datasets: text in `tsv`, `csv`, `jsonl`, `txt` and `conllu` files, and precomputed matrices in `npy` files.
//!
//! A worker first makes a [`survey`]: one pass over the bytes that checks every row, counts the rows, digests the file
//! and builds a sparse [`RowIndex`](isoscope_core::facts::RowIndex). From then on any range of rows is read by
//! [`read_texts`] or [`read_matrix`] without reading what precedes it.
//!
//! What a row is:
//! * `txt`: a line, even an empty one. A line feed at the end of the file begins no further row.
//! * `tsv`: a line, split on tabs; quotes have no meaning.
//! * `csv`: a record by RFC 4180; a quoted field may span lines.
//! * `jsonl`: a line that holds an object.
//! * `conllu`: a sentence, which is the lines up to a blank one.
//! * `npy`: a row of an n×d matrix.
//!
//! A dataset may have a training part in a file of its own; its rows then come first. Columns of the rows lie in the file
//! itself or in attached files of one value a row; [`read_columns`] makes them.
//!
//! An empty *text* is a row. A blank *line* of a `jsonl` or `csv` file, or of a `tsv` file with several columns, holds no
//! row. Lines end in LF or CRLF; a UTF-8 byte order mark at the start of a file is skipped.

mod attached;
mod columns;
mod conllu;
mod content;
mod error;
mod fields;
mod frequency;
mod index;
mod lines;
pub mod npy;
mod parts;
mod read;
mod records;
mod rows;
mod source;
mod split;
mod survey;
mod token_ids;
mod vector;

#[cfg(test)]
mod tests;

pub use conllu::Word;
pub use error::DatasetError;
pub use frequency::{Frequencies, frequencies};
pub use read::{Row, read_column, read_columns, read_matrix, read_texts};
pub use survey::survey;
pub use token_ids::{IdLimits, TokenIds};
