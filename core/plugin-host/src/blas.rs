//! The BLAS of this process: which it is, and one thread for it, as the host's parallelism is that of its shards.

use core::ffi::{CStr, c_char, c_int};
use core::fmt;
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

/// The `OpenBLAS` of a process.
///
/// It is loaded dynamically, so only the running program knows which it is; speed and the last bits of products depend on both.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OpenBlas {
    /// `0.3.21`.
    pub version: String,
    /// The processor whose kernels it chose: `Zen`.
    pub kernels: String,
}

impl OpenBlas {
    /// A word for it: `openblas0.3.21-zen`.
    #[must_use]
    pub fn word(&self) -> String {
        format!("openblas{}-{}", self.version, self.kernels.to_lowercase())
    }
}

impl fmt::Display for OpenBlas {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "OpenBLAS {}, kernels for {}", self.version, self.kernels)
    }
}

/// Finds the `OpenBLAS` of this process. None when there is none.
#[must_use]
pub fn openblas_in_use() -> Option<&'static OpenBlas> {
    // Asked once: the library puts its answer together in memory that all calls share.
    static FOUND: OnceLock<Option<OpenBlas>> = OnceLock::new();
    FOUND
        .get_or_init(|| {
            let config = openblas_text(b"openblas_get_config")?;
            let version = config.split_whitespace().nth(1)?.to_owned();
            let kernels = openblas_text(b"openblas_get_corename").unwrap_or_else(|| "unknown".to_owned());
            Some(OpenBlas { version, kernels })
        })
        .as_ref()
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
