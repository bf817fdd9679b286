//! LAPACK's divide and conquer for symmetric matrices, which ndarray-linalg does not reach.

use core::ffi::{c_char, c_int};
use std::sync::OnceLock;

use libloading::os::unix::Library;

/// `DSYEVD(JOBZ, UPLO, N, A, LDA, W, WORK, LWORK, IWORK, LIWORK, INFO)`, with the lengths of the two strings that Fortran passes last.
type Dsyevd = unsafe extern "C" fn(
    *const c_char,
    *const c_char,
    *const c_int,
    *mut f64,
    *const c_int,
    *mut f64,
    *mut f64,
    *const c_int,
    *mut c_int,
    *const c_int,
    *mut c_int,
    usize,
    usize,
);

/// The routine of the LAPACK in this process; none when there is no such library.
fn dsyevd() -> Option<Dsyevd> {
    static FOUND: OnceLock<Option<Dsyevd>> = OnceLock::new();
    *FOUND.get_or_init(|| {
        // SAFETY: the reference LAPACK and every replacement of it give the symbol this signature, with 32-bit integers.
        unsafe { Library::this().get::<Dsyevd>(b"dsyevd_") }.ok().map(|found| *found)
    })
}

/// Decomposes a symmetric n×n matrix by divide and conquer, several times as fast as by the QR iteration: reads its lower triangle,
/// row by row, and writes n eigenvalues in ascending order and over the matrix their unit vectors, row k for value k.
///
/// Answers whether it converged; none when there is no LAPACK in this process, or the slices do not hold such a matrix.
#[must_use]
pub fn eigh_in_place(n: usize, a: &mut [f64], values: &mut [f64]) -> Option<bool> {
    let dsyevd = dsyevd()?;
    let order = c_int::try_from(n).ok()?;
    if n == 0 || a.len() != n.checked_mul(n)? || values.len() != n {
        return None;
    }
    // Row-major lower is column-major upper.
    let (vectors, upper): (c_char, c_char) = (b'V'.cast_signed(), b'U'.cast_signed());
    let mut call = |work: &mut [f64], iwork: &mut [c_int], sizes: (c_int, c_int)| {
        let mut info = 0;
        // SAFETY: a holds n·n numbers and values n; work and iwork hold as many as sizes says, or one each when it asks for them.
        unsafe {
            dsyevd(
                &raw const vectors,
                &raw const upper,
                &raw const order,
                a.as_mut_ptr(),
                &raw const order,
                values.as_mut_ptr(),
                work.as_mut_ptr(),
                &raw const sizes.0,
                iwork.as_mut_ptr(),
                &raw const sizes.1,
                &raw mut info,
                1,
                1,
            );
        }
        info
    };
    let (mut work, mut iwork) = (vec![0.0; 1], vec![0; 1]);
    if call(&mut work, &mut iwork, (-1, -1)) != 0 {
        return Some(false);
    }
    // The size is a whole number that is returned as a float.
    let sizes = (work[0] as c_int, iwork[0]);
    work.resize(usize::try_from(sizes.0).ok()?, 0.0);
    iwork.resize(usize::try_from(sizes.1).ok()?, 0);
    Some(call(&mut work, &mut iwork, sizes) == 0)
}
