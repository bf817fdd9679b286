//! What the host offers to plugins, and the C tables of it.

use core::ffi::c_void;
use core::ptr::{self, NonNull};
use core::slice;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;

use isoscope_plugin_abi as abi;

/// What the host offers to the ops of plugins. Functions may be called from any thread.
pub trait HostServices: Send + Sync {
    /// Takes a line of log; levels are 1 error, 2 warn, 3 info, 4 debug.
    fn log(&self, level: i32, message: &str);

    /// Answers whether ops should stop.
    fn should_stop(&self) -> bool;

    /// Decomposes a symmetric n×n matrix: `values` n, descending; `vectors` n×n, row k for value k. Answers whether it
    /// succeeded.
    fn eigh(&self, n: usize, a: &[f64], values: &mut [f64], vectors: &mut [f64]) -> bool;

    /// Multiplies matrices. Answers whether it succeeded.
    fn gemm(&self, args: Gemm<'_>) -> bool;
}

/// Arguments of c = alpha·op(a)·op(b) + beta·c, all row-major; op(a) is m×k, op(b) is k×n.
#[derive(Debug)]
pub struct Gemm<'a> {
    /// Whether op(a) is the transpose of what is stored.
    pub trans_a: bool,
    /// Whether op(b) is the transpose of what is stored.
    pub trans_b: bool,
    /// Rows of c.
    pub m: usize,
    /// Columns of c.
    pub n: usize,
    /// Inner size.
    pub k: usize,
    /// Factor of the product.
    pub alpha: f64,
    /// The first matrix as stored.
    pub a: &'a [f64],
    /// Its row stride as stored.
    pub lda: usize,
    /// The second matrix as stored.
    pub b: &'a [f64],
    /// Its row stride as stored.
    pub ldb: usize,
    /// Factor of the old values of c; when it is 0 they are not read.
    pub beta: f64,
    /// The result.
    pub c: &'a mut [f64],
    /// Its row stride.
    pub ldc: usize,
}

/// The C tables of some services; they live at a fixed address until dropped.
pub(crate) struct HostTables(NonNull<Tables>);

struct Tables {
    services: Arc<dyn HostServices>,
    host: abi::iso_host,
    linalg: abi::iso_linalg,
}

// SAFETY: the tables are immutable after `new`, and the services are Send and Sync.
unsafe impl Send for HostTables {}
// SAFETY: as above.
unsafe impl Sync for HostTables {}

impl HostTables {
    pub(crate) fn new(services: Arc<dyn HostServices>) -> Self {
        let tables = Tables {
            services,
            host: abi::iso_host {
                struct_size: size_of::<abi::iso_host>() as u32,
                abi_major: abi::ISO_ABI_MAJOR,
                abi_minor: abi::ISO_ABI_MINOR,
                ctx: ptr::null_mut(),
                log: Some(log),
                should_stop: Some(should_stop),
                get_extension: Some(get_extension),
            },
            linalg: abi::iso_linalg {
                struct_size: size_of::<abi::iso_linalg>() as u32,
                reserved: 0,
                ctx: ptr::null_mut(),
                eigh: Some(eigh),
                gemm: Some(gemm),
            },
        };
        let mut raw = NonNull::from(Box::leak(Box::new(tables)));
        let ctx = raw.as_ptr().cast();
        // SAFETY: the box was just made, and nobody else knows of it.
        unsafe {
            raw.as_mut().host.ctx = ctx;
            raw.as_mut().linalg.ctx = ctx;
        }
        Self(raw)
    }

    pub(crate) fn host(&self) -> *const abi::iso_host {
        // SAFETY: the box lives as long as this value.
        unsafe { &raw const (*self.0.as_ptr()).host }
    }
}

impl Drop for HostTables {
    fn drop(&mut self) {
        // SAFETY: the box was leaked in `new` and is taken back once.
        drop(unsafe { Box::from_raw(self.0.as_ptr()) });
    }
}

/// Calls a service. A panic of the host must not unwind through the plugin, so it becomes `otherwise`.
///
/// # Safety
/// `ctx` is the context of a live [`HostTables`].
unsafe fn with<A>(ctx: *mut c_void, otherwise: A, call: impl FnOnce(&Tables) -> A) -> A {
    // SAFETY: promised by the caller.
    let tables = unsafe { &*ctx.cast::<Tables>() };
    catch_unwind(AssertUnwindSafe(|| call(tables))).unwrap_or(otherwise)
}

unsafe extern "C" fn log(ctx: *mut c_void, level: i32, message: abi::iso_bytes) {
    // SAFETY: the header's contract of log.
    unsafe {
        let message = String::from_utf8_lossy(message.as_slice());
        with(ctx, (), |tables| tables.services.log(level, &message));
    }
}

unsafe extern "C" fn should_stop(ctx: *mut c_void) -> i32 {
    // SAFETY: the header's contract of should_stop.
    unsafe { with(ctx, 0, |tables| i32::from(tables.services.should_stop())) }
}

unsafe extern "C" fn get_extension(ctx: *mut c_void, id: abi::iso_bytes) -> *const c_void {
    // SAFETY: the header's contract of get_extension.
    if unsafe { id.as_slice() } != abi::ISO_LINALG.as_bytes() {
        return ptr::null();
    }
    // SAFETY: as above: the context is that of live tables.
    unsafe { (&raw const (*ctx.cast::<Tables>()).linalg).cast() }
}

/// Views `len` numbers; `None` when that cannot be.
///
/// # Safety
/// `ptr` is null or leads to `len` numbers that live and stay unchanged for `'a`.
unsafe fn floats<'a>(ptr: *const f64, len: usize) -> Option<&'a [f64]> {
    if len == 0 {
        return Some(&[]);
    }
    // SAFETY: promised by the caller, and checked not to be null or misaligned.
    (!ptr.is_null() && ptr.is_aligned()).then(|| unsafe { slice::from_raw_parts(ptr, len) })
}

/// Views `len` numbers for writing; `None` when that cannot be.
///
/// # Safety
/// `ptr` is null or leads to `len` numbers that nobody else reads or writes for `'a`.
unsafe fn floats_mut<'a>(ptr: *mut f64, len: usize) -> Option<&'a mut [f64]> {
    if len == 0 {
        return Some(&mut []);
    }
    // SAFETY: promised by the caller, and checked not to be null or misaligned.
    (!ptr.is_null() && ptr.is_aligned()).then(|| unsafe { slice::from_raw_parts_mut(ptr, len) })
}

unsafe extern "C" fn eigh(
    ctx: *mut c_void,
    n: u64,
    a: *const f64,
    values: *mut f64,
    vectors: *mut f64,
) -> i32 {
    let buffers = || {
        let n = usize::try_from(n).ok()?;
        let square = n.checked_mul(n)?;
        // SAFETY: the header's contract of eigh: n*n, n and n*n numbers.
        unsafe { Some((n, floats(a, square)?, floats_mut(values, n)?, floats_mut(vectors, square)?)) }
    };
    let Some((n, a, values, vectors)) = buffers() else { return 1 };
    // SAFETY: as above.
    unsafe { with(ctx, 1, |tables| i32::from(!tables.services.eigh(n, a, values, vectors))) }
}

/// Returns the numbers that a row-major matrix spans; `None` when the stride is too small or the size overflows.
fn span(rows: usize, cols: usize, stride: usize) -> Option<usize> {
    if rows == 0 || cols == 0 {
        return Some(0);
    }
    if stride < cols {
        return None;
    }
    (rows - 1).checked_mul(stride)?.checked_add(cols)
}

unsafe extern "C" fn gemm(
    ctx: *mut c_void,
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
    let size = |value: u64| usize::try_from(value).ok();
    let arguments = || {
        let (m, n, k) = (size(m)?, size(n)?, size(k)?);
        let (lda, ldb, ldc) = (size(lda)?, size(ldb)?, size(ldc)?);
        let (trans_a, trans_b) = (trans_a != 0, trans_b != 0);
        let (a_rows, a_cols) = if trans_a { (k, m) } else { (m, k) };
        let (b_rows, b_cols) = if trans_b { (n, k) } else { (k, n) };
        // SAFETY: the header's contract of gemm: the matrices span these numbers, and c overlaps neither a nor b.
        let (a, b, c) = unsafe {
            (
                floats(a, span(a_rows, a_cols, lda)?)?,
                floats(b, span(b_rows, b_cols, ldb)?)?,
                floats_mut(c, span(m, n, ldc)?)?,
            )
        };
        Some(Gemm { trans_a, trans_b, m, n, k, alpha, a, lda, b, ldb, beta, c, ldc })
    };
    let Some(arguments) = arguments() else { return 1 };
    // SAFETY: the header's contract of gemm.
    unsafe { with(ctx, 1, |tables| i32::from(!tables.services.gemm(arguments))) }
}
