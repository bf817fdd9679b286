//! What can be wrong with a dataset.

use super::npy::NpyError;
use std::io;
use std::ops::Range;
use std::path::PathBuf;

/// A reason why a dataset cannot be read. Lines and columns count from 1, rows from 0.
#[derive(Debug, thiserror::Error)]
pub enum DatasetError {
    /// The file cannot be opened.
    #[error("cannot open {path}: {source}")]
    Open {
        /// File as resolved.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// The file was opened, but reading it failed.
    #[error("cannot read {path}: {source}")]
    Read {
        /// File as resolved.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// The file is compressed; a shard of it could not be read without what precedes it.
    #[error("{path} is gzip-compressed; decompress it (gunzip --keep {path}) and name the result as source")]
    Compressed {
        /// File as resolved.
        path: PathBuf,
    },
    /// Neither the study nor the name of the file says the format.
    #[error(
        "the format of {path} cannot be told from its name; add format = \"tsv\", \"csv\", \"jsonl\", \"txt\", \
         \"conllu\" or \"npy\""
    )]
    UnknownFormat {
        /// File as resolved.
        path: PathBuf,
    },
    /// Keys of the dataset contradict each other or its format.
    #[error("dataset `{dataset}`: `{field}` {message}")]
    Contradiction {
        /// Name of the dataset.
        dataset: String,
        /// Key in question.
        field: String,
        /// What is wrong with it and what to do.
        message: String,
    },
    /// Texts were asked of a matrix, or a matrix of a text file.
    #[error("{path} is in {format} format, which holds no {wanted}")]
    WrongKind {
        /// File as resolved.
        path: PathBuf,
        /// Format of the file.
        format: &'static str,
        /// What was asked for.
        wanted: &'static str,
    },
    /// There is no row at all.
    #[error("{path} is empty: it has no row")]
    Empty {
        /// File as resolved.
        path: PathBuf,
    },
    /// A column that the study names does not exist.
    #[error("{path}, line {line}: no column `{column}`{}; columns here: {}", did_you_mean(.nearest.as_deref()), listed(.known))]
    MissingColumn {
        /// File as resolved.
        path: PathBuf,
        /// Line of the header, or of the object.
        line: u64,
        /// Column that the study names.
        column: String,
        /// Columns that exist.
        known: Vec<String>,
        /// The one most like `column`.
        nearest: Option<String>,
    },
    /// Two columns bear the name that the study names.
    #[error("{path}, line {line}: two columns are called `{column}`; rename one of them")]
    AmbiguousColumn {
        /// File as resolved.
        path: PathBuf,
        /// Line of the header.
        line: u64,
        /// Name in question.
        column: String,
    },
    /// A row has more or fewer fields than there are columns.
    #[error("{path}, line {line}: there are {expected} columns, but this row has {found}")]
    Ragged {
        /// File as resolved.
        path: PathBuf,
        /// Line in which the row begins.
        line: u64,
        /// Fields of the row.
        found: usize,
        /// Columns of the file.
        expected: usize,
    },
    /// A quote is opened and never closed.
    #[error("{path}, line {line}: a quoted field of the row that begins here is never closed")]
    UnclosedQuote {
        /// File as resolved.
        path: PathBuf,
        /// Line in which the row begins.
        line: u64,
    },
    /// Bytes that are not UTF-8.
    #[error(
        "{path}, line {line}: not UTF-8; convert the file (iconv -f LATIN1 -t UTF-8, or the encoding it has)"
    )]
    NotUtf8 {
        /// File as resolved.
        path: PathBuf,
        /// Line of the first bad byte.
        line: u64,
    },
    /// A gold score that is not a finite number.
    #[error(
        "{path}, line {line}, column `{column}`: `{value}` is not a finite number; a gold score must be one"
    )]
    Gold {
        /// File as resolved.
        path: PathBuf,
        /// Line in which the row begins.
        line: u64,
        /// Column of the gold score.
        column: String,
        /// The value as written.
        value: String,
    },
    /// A line of a `jsonl` file that is not a JSON object.
    #[error("{path}, line {line}: not a JSON object: {message}")]
    Json {
        /// File as resolved.
        path: PathBuf,
        /// Line in question.
        line: u64,
        /// What the JSON reader said.
        message: String,
    },
    /// A line of a file of token ids that is not an array of them.
    #[error("{path}, line {line}: not a JSON array of token ids: {message}")]
    NotTokenIds {
        /// File as resolved.
        path: PathBuf,
        /// Line in question.
        line: u64,
        /// What is wrong with it.
        message: String,
    },
    /// A text without a token.
    #[error("{path}, line {line}: there is no id, so there is no hidden state; remove the line")]
    NoTokens {
        /// File as resolved.
        path: PathBuf,
        /// Line in question.
        line: u64,
    },
    /// A text of more token ids than the encoder takes, or is allowed.
    #[error(
        "{path}, line {line}: {found} tokens, but at most {limit} are taken; cut the text before it becomes ids"
    )]
    TooManyTokens {
        /// File as resolved.
        path: PathBuf,
        /// Line in question.
        line: u64,
        /// Ids on the line.
        found: usize,
        /// Most ids.
        limit: usize,
    },
    /// A token id without an embedding.
    #[error(
        "{path}, line {line}, position {position}: id {id} is outside the vocabulary of {vocab}; the ids must come from the \
         tokenizer of this encoder"
    )]
    UnknownToken {
        /// File as resolved.
        path: PathBuf,
        /// Line in question.
        line: u64,
        /// Place of the id in the array, from 0.
        position: usize,
        /// The id.
        id: u64,
        /// Ids that have an embedding.
        vocab: usize,
    },
    /// A text field of a `jsonl` file that is not a string.
    #[error("{path}, line {line}, column `{column}`: the text is {found}; it must be a string")]
    NotText {
        /// File as resolved.
        path: PathBuf,
        /// Line in question.
        line: u64,
        /// Column of the text.
        column: String,
        /// JSON type found, with its article.
        found: &'static str,
    },
    /// A field of a `jsonl` file that no column of strings can take.
    #[error(
        "{path}, line {line}, column `{column}`: the value is {found}; it must be a string, a number or a boolean"
    )]
    NotValue {
        /// File as resolved.
        path: PathBuf,
        /// Line in question.
        line: u64,
        /// Column in question.
        column: String,
        /// JSON type found, with its article.
        found: &'static str,
    },
    /// A line that breaks the CoNLL-U format.
    #[error("{path}, line {line}: {message}")]
    Conllu {
        /// File as resolved.
        path: PathBuf,
        /// Line in question.
        line: u64,
        /// What is wrong with it.
        message: String,
    },
    /// An attached file has more or fewer values than the dataset has rows.
    #[error("{path} has {found} values for the column `{column}`, but the dataset has {expected} rows{}", of_training(*.train))]
    AttachedRows {
        /// File as resolved.
        path: PathBuf,
        /// Name of the column.
        column: String,
        /// Values in the file.
        found: u64,
        /// Rows of the dataset.
        expected: u64,
        /// Those of the training file among them.
        train: u64,
    },
    /// A value of an attached file that its column cannot take.
    #[error("{path}, {place}: `{value}` is not {expected}, which the column `{column}` holds")]
    AttachedValue {
        /// File as resolved.
        path: PathBuf,
        /// Line, or entry of the vector.
        place: String,
        /// Name of the column.
        column: String,
        /// The value as written.
        value: String,
        /// What it should be.
        expected: &'static str,
    },
    /// The training matrix is of another width.
    #[error(
        "{path} is {found} wide, but the matrix that is measured is {expected} wide; the two parts must be of one kind"
    )]
    TrainWidth {
        /// File of the training part.
        path: PathBuf,
        /// Its width.
        found: u32,
        /// Width of the source.
        expected: u32,
    },
    /// A part of the dataset is empty.
    #[error(
        "{path}: the column `{column}` puts no row into the part `{empty}` ({train} train, {test} test, {other} of any other \
         part); its values are `train` or `tr`, `test` or `te`"
    )]
    EmptyPart {
        /// File that holds the column.
        path: PathBuf,
        /// Name of the column.
        column: String,
        /// The part without rows.
        empty: &'static str,
        /// Rows of the training part.
        train: u64,
        /// Rows of the test part.
        test: u64,
        /// Rows that are left out.
        other: u64,
    },
    /// A line of a table of frequencies that is not a word and a number.
    #[error(
        "{path}, line {line}: {message}; a line holds a word, a tab, and its frequency on the Zipf scale"
    )]
    Frequency {
        /// File as resolved.
        path: PathBuf,
        /// Line in question.
        line: u64,
        /// What is wrong with it.
        message: String,
    },
    /// Rows that the dataset does not have.
    #[error("{path}: rows {} to {} were asked for, but there are {have}", .rows.start, .rows.end)]
    OutOfRange {
        /// File as resolved.
        path: PathBuf,
        /// Rows asked for, half open.
        rows: Range<u64>,
        /// Rows that there are.
        have: u64,
    },
    /// The file no longer is what was surveyed.
    #[error("{path} has changed since it was surveyed ({what}); submit the study again")]
    Changed {
        /// File as resolved.
        path: PathBuf,
        /// How it shows.
        what: String,
    },
    /// Not a matrix that can be read.
    #[error("{path}: {source}")]
    Npy {
        /// File as resolved.
        path: PathBuf,
        /// What is wrong with it.
        source: NpyError,
    },
}

fn of_training(rows: u64) -> String {
    if rows == 0 { String::new() } else { format!(", the {rows} of the training file first") }
}

fn did_you_mean(nearest: Option<&str>) -> String {
    nearest.map(|name| format!(" (did you mean `{name}`?)")).unwrap_or_default()
}

fn listed(names: &[String]) -> String {
    if names.is_empty() { "none".to_owned() } else { names.join(", ") }
}
