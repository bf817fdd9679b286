//! Headers of NumPy's matrices.

use isoscope_worker::dataset::npy::Dtype;

/// Length of a header: that of the longest one, a multiple of 64 bytes, so that it can be written again when the rows are counted.
pub(crate) const HEADER: usize = 128;

/// The header of version 1.0 of a row-major matrix, rows × cols.
pub(crate) fn header(dtype: Dtype, rows: u64, cols: u32) -> Vec<u8> {
    let descr = match dtype {
        Dtype::F4 => "<f4",
        Dtype::F8 => "<f8",
    };
    let entries = format!("{{'descr': '{descr}', 'fortran_order': False, 'shape': ({rows}, {cols}), }}");
    let mut bytes = b"\x93NUMPY\x01\x00".to_vec();
    let before = bytes.len() + 2;
    let len = HEADER - before;
    bytes.extend((len as u16).to_le_bytes());
    bytes.extend(format!("{entries:<width$}\n", width = len - 1).into_bytes());
    bytes
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use isoscope_worker::dataset::npy::read_header;

    #[test]
    fn headers_of_all_shapes_are_of_one_length_and_read_back() {
        for (rows, cols) in [(0, 1), (3, 2), (1 << 40, 768)] {
            let bytes = header(Dtype::F4, rows, cols);
            let read = read_header(&mut bytes.as_slice()).unwrap();
            assert_eq!((read.rows, read.cols, read.data_start), (rows, cols, HEADER as u64));
        }
        assert_eq!(header(Dtype::F8, u64::MAX, u32::MAX).len(), HEADER);
    }
}
