//! A host whose linear algebra is plain Rust: a cyclic Jacobi eigensolver and a triple loop.

use core::ffi::c_void;
use core::ptr::{self, NonNull};
use core::slice;

use isoscope_plugin_abi as abi;

use crate::Host;

/// A static table: immutable, and its functions read no context.
struct Table<T>(T);

// SAFETY: the tables are never written and hold no pointer but null and functions.
unsafe impl<T> Sync for Table<T> {}

static HOST: Table<abi::iso_host> = Table(abi::iso_host {
    struct_size: size_of::<abi::iso_host>() as u32,
    abi_major: abi::ISO_ABI_MAJOR,
    abi_minor: abi::ISO_ABI_MINOR,
    ctx: ptr::null_mut(),
    log: None,
    should_stop: None,
    get_extension: Some(get_extension),
});

static LINALG: Table<abi::iso_linalg> = Table(abi::iso_linalg {
    struct_size: size_of::<abi::iso_linalg>() as u32,
    reserved: 0,
    ctx: ptr::null_mut(),
    eigh: Some(eigh),
    gemm: Some(gemm),
});

/// Returns a host that logs nothing, never stops, and computes in plain Rust.
#[must_use]
pub fn native_host() -> Host {
    // SAFETY: the table is a static.
    unsafe { Host::from_raw(NonNull::from(&HOST.0)) }
}

unsafe extern "C" fn get_extension(_ctx: *mut c_void, id: abi::iso_bytes) -> *const c_void {
    // SAFETY: the header's contract: the id is borrowed for the call.
    if unsafe { id.as_slice() } == abi::ISO_LINALG.as_bytes() {
        ptr::from_ref(&LINALG.0).cast()
    } else {
        ptr::null()
    }
}

unsafe extern "C" fn eigh(
    _ctx: *mut c_void,
    n: u64,
    a: *const f64,
    values: *mut f64,
    vectors: *mut f64,
) -> i32 {
    let n = n as usize;
    if n == 0 {
        return 0;
    }
    // SAFETY: the header's contract: n*n, n and n*n values.
    let (a, values, vectors) = unsafe {
        (
            slice::from_raw_parts(a, n * n),
            slice::from_raw_parts_mut(values, n),
            slice::from_raw_parts_mut(vectors, n * n),
        )
    };
    i32::from(!jacobi(n, a, values, vectors))
}

/// Share of the squared elements that may lie off the diagonal at the end. The rounding of a rotation leaves about the square
/// of the machine precision, 5e-32, on each element; a stricter rule would wait for what rounding keeps putting back.
const CONVERGED: f64 = 1e-30;

/// Decomposes a symmetric n×n matrix by cyclic Jacobi rotations (Golub & Van Loan, Matrix Computations, §8.5): values
/// descending, row k of `vectors` for value k. Answers whether it converged.
pub(super) fn jacobi(n: usize, a: &[f64], values: &mut [f64], vectors: &mut [f64]) -> bool {
    let mut work = a.to_vec();
    let mut rows = vec![0.0; n * n];
    (0..n).for_each(|i| rows[i * n + i] = 1.0);
    let total: f64 = a.iter().map(|x| x * x).sum();
    let mut converged = false;
    for _ in 0..100 {
        let off: f64 = (0..n).flat_map(|p| (0..p).map(move |q| p * n + q)).map(|i| work[i] * work[i]).sum();
        if off <= CONVERGED * total {
            converged = true;
            break;
        }
        for p in 0..n {
            for q in p + 1..n {
                rotate(n, p, q, &mut work, &mut rows);
            }
        }
    }
    let mut order: Vec<usize> = (0..n).collect();
    order.sort_by(|&i, &j| work[j * n + j].total_cmp(&work[i * n + i]));
    for (k, &i) in order.iter().enumerate() {
        values[k] = work[i * n + i];
        vectors[k * n..(k + 1) * n].copy_from_slice(&rows[i * n..(i + 1) * n]);
    }
    converged
}

/// Zeroes element (p, q) by a rotation of the plane of p and q.
fn rotate(n: usize, p: usize, q: usize, a: &mut [f64], rows: &mut [f64]) {
    let apq = a[p * n + q];
    if apq == 0.0 {
        return;
    }
    let tau = (a[q * n + q] - a[p * n + p]) / (2.0 * apq);
    let t = tau.signum() / (tau.abs() + tau.hypot(1.0));
    let c = 1.0 / t.hypot(1.0);
    let s = t * c;
    for k in 0..n {
        let (x, y) = (a[k * n + p], a[k * n + q]);
        a[k * n + p] = c * x - s * y;
        a[k * n + q] = s * x + c * y;
    }
    for matrix in [a, rows] {
        for k in 0..n {
            let (x, y) = (matrix[p * n + k], matrix[q * n + k]);
            matrix[p * n + k] = c * x - s * y;
            matrix[q * n + k] = s * x + c * y;
        }
    }
}

unsafe extern "C" fn gemm(
    _ctx: *mut c_void,
    trans_a: u32,
    trans_b: u32,
    m: u64,
    n: u64,
    k: u64,
    alpha: f64,
    a: *const f64,
    lda: u64,
    b: *const f64,
    ldb: u64,
    beta: f64,
    c: *mut f64,
    ldc: u64,
) -> i32 {
    let (m, n, k) = (m as usize, n as usize, k as usize);
    let (lda, ldb, ldc) = (lda as usize, ldb as usize, ldc as usize);
    let at = |transposed: u32, row: usize, col: usize, stride: usize| {
        if transposed == 0 { row * stride + col } else { col * stride + row }
    };
    for i in 0..m {
        for j in 0..n {
            // SAFETY: the header's contract: op(a) is m×k, op(b) is k×n, c is m×n, with these row strides.
            unsafe {
                let sum: f64 =
                    (0..k).map(|l| *a.add(at(trans_a, i, l, lda)) * *b.add(at(trans_b, l, j, ldb))).sum();
                let cell = c.add(i * ldc + j);
                *cell = alpha * sum + if beta == 0.0 { 0.0 } else { beta * *cell };
            }
        }
    }
    0
}
