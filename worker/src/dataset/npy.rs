//! Matrices in the `npy` format of `numpy`, versions 1, 2 and 3.
//!
//! Read are n×d matrices of little-endian 32- or 64-bit floats in row-major order; everything else is refused with the
//! line of Python that mends it. Format: <https://numpy.org/doc/stable/reference/generated/numpy.lib.format.html>.

use super::DatasetError;
use super::source::Source;
use ndarray::Array2;
use py_literal::Value;
use std::io::{self, BufReader, Read};
use std::ops::Range;
use std::path::Path;

const MAGIC: &[u8; 6] = b"\x93NUMPY";
/// Longest header taken, in bytes: the limit of `numpy.load` itself, which guards its parser of literals likewise.
const LONGEST_HEADER: u32 = 10_000;
/// Deepest nesting taken in a header. A matrix of floats has two; the parser is recursive.
const DEEPEST_HEADER: usize = 32;

/// A reason why a file is not a matrix that can be read.
#[derive(Debug, thiserror::Error)]
pub enum NpyError {
    /// The magic string is missing.
    #[error("not an npy file: it does not begin with NumPy's magic string")]
    NotNpy,
    /// A version of the format that is not known.
    #[error("version {major}.{minor} of the npy format is not known; known are 1.0, 2.0 and 3.0")]
    Version {
        /// Major version.
        major: u8,
        /// Minor version.
        minor: u8,
    },
    /// The header is not what the format asks for.
    #[error("the npy header is damaged: {message}")]
    Header {
        /// What is wrong with it.
        message: String,
    },
    /// Column-major order.
    #[error(
        "the matrix is stored in Fortran order; save it with np.save(path, np.ascontiguousarray(x)) to store it row by row"
    )]
    FortranOrder,
    /// Elements that are not little-endian floats of 32 or 64 bits.
    #[error("dtype {found} is not supported; save 32- or 64-bit floats with np.save(path, x.astype('<f4'))")]
    Dtype {
        /// The dtype as the header writes it.
        found: String,
    },
    /// Not a matrix of at least one column.
    #[error("shape ({}) is not that of a matrix of rows × columns with at least one column", comma(.found))]
    Shape {
        /// The shape as the header gives it.
        found: Vec<u64>,
    },
    /// Elements of a vector that are neither whole numbers nor floats.
    #[error(
        "dtype {found} is not supported; save whole numbers or floats, or write a text file with one value a line"
    )]
    VectorDtype {
        /// The dtype as the header writes it.
        found: String,
    },
    /// Not a vector.
    #[error("shape ({}) is not that of a vector: there must be one value a row", comma(.found))]
    NotVector {
        /// The shape as the header gives it.
        found: Vec<u64>,
    },
    /// The data are shorter or longer than the header says.
    #[error("{found} bytes of data where the header promises {expected}; the file is cut short or damaged")]
    Size {
        /// Bytes that the shape asks for.
        expected: u64,
        /// Bytes that there are.
        found: u64,
    },
    /// Reading failed.
    #[error("cannot be read: {0}")]
    Io(#[from] io::Error),
}

/// Element type of a matrix.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Dtype {
    /// `<f4`: little-endian 32-bit floats.
    F4,
    /// `<f8`: little-endian 64-bit floats.
    F8,
}

impl Dtype {
    /// Returns the bytes of an element.
    #[must_use]
    pub fn size(self) -> u64 {
        match self {
            Self::F4 => 4,
            Self::F8 => 8,
        }
    }
}

/// What the header of a matrix says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct NpyHeader {
    /// Element type.
    pub dtype: Dtype,
    /// Rows n.
    pub rows: u64,
    /// Columns d, at least 1.
    pub cols: u32,
    /// Byte at which the first row begins.
    pub data_start: u64,
    /// Bytes of data that the shape asks for.
    pub data_len: u64,
}

/// A header as written: what the three entries of its dictionary say.
pub(super) struct RawHeader {
    /// Element type as the file writes it, quotes included.
    pub(super) descr: Value,
    /// Whether columns lie end to end.
    pub(super) fortran_order: bool,
    /// Sizes of the axes.
    pub(super) shape: Vec<u64>,
    /// Byte at which the data begin.
    pub(super) data_start: u64,
}

/// Reads a header, and leaves the reader at the first row.
///
/// # Errors
/// Whatever is not a row-major n×d matrix of `<f4` or `<f8`.
pub fn read_header(reader: &mut impl Read) -> Result<NpyHeader, NpyError> {
    let RawHeader { descr, fortran_order, shape, data_start } = read_raw(reader)?;
    let dtype = match descr.as_string().map(String::as_str) {
        Some("<f4") => Dtype::F4,
        Some("<f8") => Dtype::F8,
        _ => return Err(NpyError::Dtype { found: descr.to_string() }),
    };
    let &[rows, wide] = shape.as_slice() else { return Err(NpyError::Shape { found: shape }) };
    let data_len = rows.checked_mul(wide).and_then(|elements| elements.checked_mul(dtype.size()));
    let (Some(data_len), Ok(cols @ 1..)) = (data_len, u32::try_from(wide)) else {
        return Err(NpyError::Shape { found: shape });
    };
    if fortran_order {
        return Err(NpyError::FortranOrder);
    }
    Ok(NpyHeader { dtype, rows, cols, data_start, data_len })
}

/// Reads a header whatever it describes, and leaves the reader at the first element.
pub(super) fn read_raw(reader: &mut impl Read) -> Result<RawHeader, NpyError> {
    let mut head = [0; 8];
    reader.read_exact(&mut head).map_err(|e| cut_short(e, NpyError::NotNpy))?;
    if !head.starts_with(MAGIC) {
        return Err(NpyError::NotNpy);
    }
    let wide = match (head[6], head[7]) {
        (1, 0) => false,
        (2 | 3, 0) => true,
        (major, minor) => return Err(NpyError::Version { major, minor }),
    };
    let mut size = [0; 4];
    let size_bytes = if wide { 4 } else { 2 };
    reader.read_exact(&mut size[..size_bytes]).map_err(|e| cut_short(e, damaged("it ends in its length")))?;
    let len = u32::from_le_bytes(size);
    if len > LONGEST_HEADER {
        return Err(damaged(format!("{len} bytes are too long")));
    }
    let mut text = vec![0; len as usize];
    reader.read_exact(&mut text).map_err(|e| cut_short(e, damaged("it is cut short")))?;
    let text = std::str::from_utf8(&text).map_err(|_| damaged("it is not UTF-8"))?;
    interpret(text, (head.len() + size_bytes) as u64 + u64::from(len))
}

/// Reads a whole matrix, n×d.
///
/// # Errors
/// A file that cannot be read or is not a matrix of floats.
pub fn read_matrix(path: impl AsRef<Path>) -> Result<Array2<f64>, DatasetError> {
    let source = Source::open_path(path.as_ref().to_path_buf())?;
    let header = checked_header(&source)?;
    read_rows(&source, &header, 0..header.rows)
}

/// Reads the header of a file and holds the size of the file against it.
pub(super) fn checked_header(source: &Source) -> Result<NpyHeader, DatasetError> {
    let header = read_header(&mut &source.file).and_then(|header| {
        let found = source.len.saturating_sub(header.data_start);
        if found == header.data_len {
            Ok(header)
        } else {
            Err(NpyError::Size { expected: header.data_len, found })
        }
    });
    header.map_err(|e| DatasetError::Npy { path: source.path.clone(), source: e })
}

/// Reads a range of rows that the matrix has.
pub(super) fn read_rows(
    source: &Source,
    header: &NpyHeader,
    rows: Range<u64>,
) -> Result<Array2<f64>, DatasetError> {
    let row_len = u64::from(header.cols) * header.dtype.size();
    source.seek(header.data_start + rows.start * row_len)?;
    let shape = ((rows.end - rows.start) as usize, header.cols as usize);
    let mut values = Vec::with_capacity(shape.0 * shape.1);
    let mut bytes = vec![0; row_len as usize];
    let mut reader = BufReader::new(&source.file);
    for _ in rows {
        reader.read_exact(&mut bytes).map_err(|e| source.unreadable(e))?;
        match header.dtype {
            Dtype::F4 => {
                values.extend(bytes.as_chunks::<4>().0.iter().map(|&b| f64::from(f32::from_le_bytes(b))));
            }
            Dtype::F8 => values.extend(bytes.as_chunks::<8>().0.iter().map(|&b| f64::from_le_bytes(b))),
        }
    }
    Array2::from_shape_vec(shape, values).map_err(|e| source.unreadable(io::Error::other(e)))
}

/// Takes the three entries from the dictionary.
fn interpret(text: &str, data_start: u64) -> Result<RawHeader, NpyError> {
    if text.bytes().filter(|byte| b"([{".contains(byte)).count() > DEEPEST_HEADER {
        return Err(damaged("it is nested too deeply"));
    }
    let value: Value = text.trim_end().parse().map_err(|e: py_literal::ParseError| damaged(e.to_string()))?;
    let entries = value.as_dict().ok_or_else(|| damaged("it is not a dictionary"))?;
    let entry = |key: &str| {
        let found = entries.iter().find(|(name, _)| name.as_string().is_some_and(|name| name == key));
        found.map(|(_, value)| value).ok_or_else(|| damaged(format!("`{key}` is missing")))
    };
    let descr = entry("descr")?.clone();
    let shape = shape(entry("shape")?)?;
    let fortran_order = entry("fortran_order")?.as_boolean();
    let fortran_order = fortran_order.ok_or_else(|| damaged("`fortran_order` is not a boolean"))?;
    Ok(RawHeader { descr, fortran_order, shape, data_start })
}

fn shape(value: &Value) -> Result<Vec<u64>, NpyError> {
    let sizes = value.as_tuple().ok_or_else(|| damaged("`shape` is not a tuple"))?;
    let size = |value: &Value| value.as_integer().and_then(|n| u64::try_from(n).ok());
    sizes.iter().map(size).collect::<Option<_>>().ok_or_else(|| damaged("`shape` does not hold sizes"))
}

fn cut_short(error: io::Error, meaning: NpyError) -> NpyError {
    if error.kind() == io::ErrorKind::UnexpectedEof { meaning } else { NpyError::Io(error) }
}

fn damaged(message: impl Into<String>) -> NpyError {
    NpyError::Header { message: message.into() }
}

fn comma(sizes: &[u64]) -> String {
    sizes.iter().map(u64::to_string).collect::<Vec<_>>().join(", ")
}
