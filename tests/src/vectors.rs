//! Lists of labels and scores, stored as one-dimensional NumPy arrays beside the golden values.

use crate::golden;
use isoscope_worker::dataset::npy::read_matrix;
use ndarray::Array2;
use std::path::Path;

/// Bytes before the length of the header: the magic word and the version.
const MAGIC: usize = 8;

/// Reads a list of 32-bit whole numbers, such as the sentence of each token.
///
/// # Panics
/// When the file is not in the tree or holds something else.
#[must_use]
pub fn labels(name: &str) -> Vec<i64> {
    elements(name, "<i4").into_iter().map(|bytes| i64::from(i32::from_le_bytes(bytes))).collect()
}

/// Reads a list of 32-bit floats, such as the gold score of each pair.
///
/// # Panics
/// When the file is not in the tree or holds something else.
#[must_use]
pub fn scores(name: &str) -> Vec<f64> {
    elements(name, "<f4").into_iter().map(|bytes| f64::from(f32::from_le_bytes(bytes))).collect()
}

/// Reads a table of 32-bit whole numbers, row after row.
///
/// # Panics
/// When the file is not in the tree or holds something else.
#[must_use]
pub fn pairs(name: &str) -> Vec<i64> {
    labels(name)
}

/// Reads a matrix, n×d.
///
/// # Panics
/// When the file is not in the tree or holds something else.
#[must_use]
pub fn matrix(name: &str) -> Array2<f64> {
    read_matrix(golden::folder().join(format!("{name}.npy"))).expect("the matrix is in the tree")
}

/// Writes a matrix, n×d, as 64-bit floats.
///
/// # Panics
/// When it cannot be written.
pub fn write(path: &Path, rows: &Array2<f64>) {
    let (n, d) = rows.dim();
    let header = format!("{{'descr': '<f8', 'fortran_order': False, 'shape': ({n}, {d}), }}");
    // The header ends in a line feed and fills a multiple of 64 bytes, the preamble included.
    let header = format!("{header:<width$}\n", width = (header.len() + 11).next_multiple_of(64) - 11);
    let mut bytes = b"\x93NUMPY\x01\x00".to_vec();
    bytes.extend((header.len() as u16).to_le_bytes());
    bytes.extend(header.as_bytes());
    bytes.extend(rows.iter().flat_map(|value| value.to_le_bytes()));
    std::fs::write(path, bytes).expect("the matrix can be written");
}

/// Reads the four bytes of each element of an array of version 1.0.
fn elements(name: &str, dtype: &str) -> Vec<[u8; 4]> {
    let file = std::fs::read(golden::folder().join(format!("{name}.npy"))).expect("the list is in the tree");
    assert!(file.starts_with(b"\x93NUMPY\x01\x00"), "{name}.npy is not a NumPy array of version 1.0");
    let start = MAGIC + 2 + usize::from(u16::from_le_bytes([file[MAGIC], file[MAGIC + 1]]));
    let (header, body) = (String::from_utf8_lossy(&file[..start]), &file[start..]);
    assert!(header.contains(dtype), "{name}.npy does not hold {dtype}: {header}");
    let (chunks, rest) = body.as_chunks::<4>();
    assert!(rest.is_empty(), "{name}.npy ends inside a number");
    chunks.to_vec()
}
