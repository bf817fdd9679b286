//! The BLAS of this process: which it is, and one thread for it, as the host's parallelism is that of its shards.

use core::ffi::{CStr, c_char, c_int};
use std::sync::OnceLock;

use libloading::os::unix::Library;

/// Asks the `OpenBLAS` of this process, when there is one, to use a single thread. Answers whether it was there.
///
/// Several tasks run beside each other, and a pool of threads under each of them would only fight for the cores; a fixed
/// number of threads also fixes the order of summation.
#[must_use]
pub fn use_one_blas_thread() -> bool {
    let process = Library::this();
    // SAFETY: OpenBLAS declares `void openblas_set_num_threads(int)`.
    let set = unsafe { process.get::<unsafe extern "C" fn(c_int)>(b"openblas_set_num_threads") };
    match set {
        Ok(set) => {
            // SAFETY: as above; it may be called at any time.
            unsafe { set(1) };
            true
        }
        Err(_) => false,
    }
}

/// Names the `OpenBLAS` of this process by its version and the processor whose kernels it chose: `OpenBLAS 0.3.21, kernels for Zen`.
/// None when there is none.
///
/// It is loaded dynamically, so only the running program knows; and the speed of an encoder depends on it.
#[must_use]
pub fn openblas_in_use() -> Option<String> {
    // Asked once: the library puts its answer together in memory that all calls share.
    static FOUND: OnceLock<Option<String>> = OnceLock::new();
    FOUND
        .get_or_init(|| {
            let config = openblas_text(b"openblas_get_config")?;
            let version: Vec<&str> = config.split_whitespace().take(2).collect();
            let kernels = openblas_text(b"openblas_get_corename").map(|core| format!(", kernels for {core}"));
            Some(version.join(" ") + &kernels.unwrap_or_default())
        })
        .clone()
}

/// What a function of `OpenBLAS` without arguments says.
fn openblas_text(function: &[u8]) -> Option<String> {
    let process = Library::this();
    // SAFETY: OpenBLAS declares both functions asked for as `char *f(void)`.
    let tell = unsafe { process.get::<unsafe extern "C" fn() -> *const c_char>(function) }.ok()?;
    // SAFETY: as above; no other thread is in one of them, as all calls come from one initialisation.
    let text = unsafe { tell() };
    if text.is_null() {
        return None;
    }
    // SAFETY: they return a string of static storage that ends with a zero.
    let text = unsafe { CStr::from_ptr(text) };
    Some(text.to_string_lossy().into_owned())
}
