//! Lists of labels and scores, stored as one-dimensional NumPy arrays beside the golden values.

use crate::golden;

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
