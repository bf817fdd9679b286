#![allow(clippy::unwrap_used, clippy::expect_used)]

use core::ptr;

use isoscope_plugin_abi as abi;

use super::batch::{output, read, widen};
use crate::{Error, Result};

fn matrix<T>(data: &mut [T], rows: u64, cols: u64, row_stride: i64) -> abi::iso_matrix {
    abi::iso_matrix {
        data: data.as_mut_ptr().cast(),
        rows,
        cols,
        row_stride,
        dtype_code: abi::ISO_DTYPE_FLOAT,
        dtype_bits: (size_of::<T>() * 8) as u8,
        dtype_lanes: 1,
        device_type: abi::ISO_DEVICE_CPU,
        device_id: 0,
        flags: 0,
    }
}

fn batch(view: &abi::iso_matrix) -> abi::iso_batch {
    abi::iso_batch {
        struct_size: size_of::<abi::iso_batch>() as u32,
        n_views: 1,
        rows: view.rows,
        first_row: 0,
        views: view,
        columns: ptr::null(),
        n_columns: 0,
        reserved: 0,
    }
}

fn rows(raw: &abi::iso_batch, cols: usize) -> Result<Vec<f64>> {
    // SAFETY: the tests describe buffers that they own.
    let widened = unsafe { widen(raw) }?;
    // SAFETY: as above.
    let batch = unsafe { read(raw, &widened, &[cols]) }?;
    Ok(batch.rows().iter().copied().collect())
}

#[test]
fn strided_rows_are_read_in_place_and_narrow_ones_are_widened() {
    let mut wide = [1.0, 2.0, f64::NAN, 3.0, 4.0];
    let view = matrix(&mut wide, 2, 2, 3);
    assert_eq!(rows(&batch(&view), 2).unwrap(), [1.0, 2.0, 3.0, 4.0]);
    let mut narrow = [1.5_f32, 2.5, 9.0, 3.5, 4.5];
    let view = matrix(&mut narrow, 2, 2, 3);
    assert_eq!(rows(&batch(&view), 2).unwrap(), [1.5, 2.5, 3.5, 4.5]);
    let view = matrix::<f64>(&mut [], 0, 2, 2);
    assert!(rows(&batch(&view), 2).unwrap().is_empty());
}

#[test]
fn a_malformed_batch_is_refused() {
    let mut data = [1.0, 2.0, 3.0, 4.0];
    let good = matrix(&mut data, 2, 2, 2);
    let refused = |view: abi::iso_matrix, cols: usize| rows(&batch(&view), cols).unwrap_err();
    assert!(matches!(refused(good, 3), Error::Invalid(_)));
    assert!(matches!(refused(abi::iso_matrix { row_stride: 1, ..good }, 2), Error::Invalid(_)));
    assert!(matches!(refused(abi::iso_matrix { row_stride: -2, ..good }, 2), Error::Invalid(_)));
    assert!(matches!(refused(abi::iso_matrix { data: ptr::null_mut(), ..good }, 2), Error::Invalid(_)));
    assert!(matches!(refused(abi::iso_matrix { rows: 1 << 60, ..good }, 2), Error::Invalid(_)));
    assert!(matches!(refused(abi::iso_matrix { device_type: 2, ..good }, 2), Error::Unsupported(_)));
    assert!(matches!(refused(abi::iso_matrix { dtype_bits: 16, ..good }, 2), Error::Unsupported(_)));
    let short = abi::iso_batch { struct_size: 8, ..batch(&good) };
    assert!(matches!(rows(&short, 2), Err(Error::Invalid(_))));
}

#[test]
fn an_output_of_another_shape_or_type_is_refused() {
    let mut data = [0.0; 4];
    let good = matrix(&mut data, 2, 2, 2);
    // SAFETY: the matrix describes a buffer of the test; nothing else uses it.
    unsafe {
        output(&good, 2).unwrap().fill(7.0);
        assert!(matches!(output(&good, 3), Err(Error::Invalid(_))));
        let narrow = abi::iso_matrix { dtype_bits: 32, ..good };
        assert!(matches!(output(&narrow, 2), Err(Error::Unsupported(_))));
    }
    assert_eq!(data.map(f64::to_bits), [7.0_f64.to_bits(); 4]);
}
