//! Matrices in the `npy` format.

use super::Dataset;
use crate::dataset::npy::{self, Dtype, NpyError};
use crate::dataset::{read_matrix, read_texts};
use ndarray::{Array2, Axis, Slice, array};

/// An npy file as `numpy` writes it: the header is padded so that the data begin at a multiple of 64.
pub(super) fn file(version: u8, dict: &str, data: &[u8]) -> Vec<u8> {
    let size_bytes = if version == 1 { 2 } else { 4 };
    let unpadded = 8 + size_bytes + dict.len() + 1;
    let header = format!("{dict}{}\n", " ".repeat(unpadded.next_multiple_of(64) - unpadded));
    let size = (header.len() as u32).to_le_bytes();
    [b"\x93NUMPY", &[version, 0][..], &size[..size_bytes], header.as_bytes(), data].concat()
}

pub(super) fn dict(descr: &str, fortran: &str, shape: &str) -> String {
    format!("{{'descr': {descr}, 'fortran_order': {fortran}, 'shape': {shape}, }}")
}

pub(super) fn bytes32(x: &Array2<f64>) -> Vec<u8> {
    x.iter().flat_map(|&v| (v as f32).to_le_bytes()).collect()
}

pub(super) fn bytes64(x: &Array2<f64>) -> Vec<u8> {
    x.iter().flat_map(|v| v.to_le_bytes()).collect()
}

fn matrix() -> Array2<f64> {
    Array2::from_shape_fn((7, 3), |(i, j)| i as f64 - 0.25 * j as f64)
}

fn refusal(bytes: Vec<u8>) -> String {
    Dataset::new("x.npy", bytes, &[], None).refusal()
}

#[test]
fn a_matrix_is_surveyed_and_any_range_of_rows_equals_the_slice() {
    let x = matrix();
    for version in [1, 2, 3] {
        for (descr, data) in [("'<f4'", bytes32(&x)), ("'<f8'", bytes64(&x))] {
            let bytes = file(version, &dict(descr, "False", "(7, 3)"), &data);
            let dataset = Dataset::new("x.npy", &bytes, &[], None);
            let facts = dataset.survey().unwrap();
            assert_eq!((facts.rows, facts.width, facts.sides, facts.gold), (7, Some(3), 0, false));
            assert_eq!(facts.digest, isoscope_core::digest::sha256(&bytes));
            for from in 0..=7_u64 {
                for to in from..=7 {
                    let read = read_matrix(&dataset.spec, &facts, dataset.folder.path(), from..to).unwrap();
                    assert_eq!(read, x.slice_axis(Axis(0), Slice::from(from as usize..to as usize)));
                }
            }
            assert_eq!(npy::read_matrix(dataset.folder.path().join("x.npy")).unwrap(), x);
        }
    }
}

#[test]
fn floats_of_64_bits_lose_nothing_and_no_value_is_judged() {
    let x = array![[0.1, f64::MAX], [f64::MIN_POSITIVE / 4.0, f64::INFINITY]];
    let dataset = Dataset::new("x.npy", file(1, &dict("'<f8'", "False", "(2, 2)"), &bytes64(&x)), &[], None);
    assert_eq!(npy::read_matrix(dataset.folder.path().join("x.npy")).unwrap(), x);
}

#[test]
fn a_header_tells_where_the_data_begin() {
    let bytes = file(1, &dict("'<f4'", "False", "(5, 2)"), &[]);
    let header = npy::read_header(&mut bytes.as_slice()).unwrap();
    assert_eq!((header.dtype, header.rows, header.cols), (Dtype::F4, 5, 2));
    assert_eq!((header.data_start, header.data_len), (bytes.len() as u64, 40));
}

#[test]
fn what_is_not_a_row_major_matrix_of_floats_is_refused_with_what_to_do() {
    let x = bytes32(&matrix());
    let ends = |descr: &str, fortran: &str, shape: &str| refusal(file(1, &dict(descr, fortran, shape), &x));
    assert_eq!(
        ends("'<f4'", "True", "(7, 3)"),
        "x.npy: the matrix is stored in Fortran order; save it with np.save(path, np.ascontiguousarray(x)) to store it row by row"
    );
    for descr in ["'<f2'", "'>f4'", "'<i8'", "'|O'", "[('a', '<f4')]"] {
        let message = ends(descr, "False", "(7, 3)");
        assert_eq!(
            message,
            format!(
                "x.npy: dtype {descr} is not supported; save 32- or 64-bit floats with np.save(path, x.astype('<f4'))"
            )
        );
    }
    for (shape, shown) in [("(21,)", "21"), ("(7, 3, 1)", "7, 3, 1"), ("()", ""), ("(7, 0)", "7, 0")] {
        assert_eq!(
            ends("'<f4'", "False", shape),
            format!(
                "x.npy: shape ({shown}) is not that of a matrix of rows × columns with at least one column"
            )
        );
    }
    assert!(ends("'<f4'", "False", "(9223372036854775808, 4)").contains("is not that of a matrix"));
    assert_eq!(
        ends("'<f4'", "False", "(-7, 3)"),
        "x.npy: the npy header is damaged: `shape` does not hold sizes"
    );
    assert_eq!(refusal(file(1, &dict("'<f4'", "False", "(0, 3)"), &[])), "x.npy is empty: it has no row");
}

#[test]
fn data_shorter_or_longer_than_the_header_says_are_refused() {
    let x = bytes32(&matrix());
    for (data, found) in [(&x[..83], 83), (&[&x[..], &[0]].concat()[..], 85)] {
        assert_eq!(
            refusal(file(1, &dict("'<f4'", "False", "(7, 3)"), data)),
            format!(
                "x.npy: {found} bytes of data where the header promises 84; the file is cut short or damaged"
            )
        );
    }
}

#[test]
fn a_damaged_header_is_refused_without_harm() {
    assert_eq!(
        refusal(b"PK\x03\x04".to_vec()),
        "x.npy: not an npy file: it does not begin with NumPy's magic string"
    );
    assert_eq!(
        refusal(b"not numpy at all".to_vec()),
        "x.npy: not an npy file: it does not begin with NumPy's magic string"
    );
    assert!(refusal(file(4, "{}", &[])).starts_with("x.npy: version 4.0 of the npy format is not known"));
    assert!(refusal(file(1, "{'descr': '<f4'", &[])).contains("the npy header is damaged: "));
    assert!(refusal(file(1, "[1, 2]", &[])).ends_with("it is not a dictionary"));
    assert!(
        refusal(file(1, "{'descr': '<f4', 'shape': (1, 1)}", &[])).ends_with("`fortran_order` is missing")
    );
    assert!(refusal(file(2, &"(".repeat(5000), &[])).ends_with("it is nested too deeply"));
    assert!(refusal(file(2, &" ".repeat(20_000), &[])).ends_with("bytes are too long"));
    let cut = file(1, &dict("'<f4'", "False", "(7, 3)"), &[])[..40].to_vec();
    assert!(matches!(npy::read_header(&mut cut.as_slice()), Err(NpyError::Header { .. })));
}

#[test]
fn texts_are_not_read_from_a_matrix_nor_a_matrix_from_texts() {
    let dataset =
        Dataset::new("x.npy", file(1, &dict("'<f4'", "False", "(7, 3)"), &bytes32(&matrix())), &[], None);
    let facts = dataset.survey().unwrap();
    let error = read_texts(&dataset.spec, &facts, dataset.folder.path(), 0..1).unwrap_err();
    assert_eq!(dataset.brief(&error), "x.npy is in npy format, which holds no text");
    let text = Dataset::new("d.txt", "x\n", &[], None);
    let facts = text.survey().unwrap();
    let error = read_matrix(&text.spec, &facts, text.folder.path(), 0..1).unwrap_err();
    assert_eq!(text.brief(&error), "d.txt is in txt format, which holds no matrix");
}

#[test]
fn a_matrix_that_changed_after_the_survey_is_refused() {
    let x = bytes32(&matrix());
    let dataset = Dataset::new("x.npy", file(1, &dict("'<f4'", "False", "(7, 3)"), &x), &[], None);
    let facts = dataset.survey().unwrap();
    dataset.overwrite(file(1, &dict("'<f4'", "False", "(3, 7)"), &x));
    let error = read_matrix(&dataset.spec, &facts, dataset.folder.path(), 0..1).unwrap_err();
    assert!(dataset.brief(&error).contains("the matrix now is 3×7"));
}
