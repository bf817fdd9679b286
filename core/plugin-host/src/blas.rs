//! One thread for BLAS: the host's parallelism is that of its shards.

use core::ffi::c_int;

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
