//! The C library's allocator, told how this process uses memory.

use core::ffi::c_int;

use libloading::os::unix::Library;

/// Numbers of glibc's `malloc.h`.
const M_TRIM_THRESHOLD: c_int = -1;
const M_MMAP_THRESHOLD: c_int = -3;
const M_ARENA_MAX: c_int = -8;

/// Buffers below this many bytes come from the heap; it is the largest that glibc takes.
const MAPPED_FROM: c_int = 32 << 20;
/// Free bytes at the end of the heap above which they go back to the system.
const KEPT_FREE: c_int = 256 << 20;
/// Threads that share a heap.
const THREADS_A_HEAP: usize = 4;

/// Asks the allocator of this process, when it is glibc's, to keep the memory of freed buffers for the next ones, in few heaps.
/// Answers whether it was there.
///
/// A task allocates and frees a few megabytes for each layer of each batch. By default such buffers are mapped anew each time, and
/// the system clears their pages each time; and every thread has a heap of its own that never gives back its peak.
#[must_use]
pub fn keep_freed_memory(threads: usize) -> bool {
    let process = Library::this();
    // SAFETY: glibc declares `int mallopt(int, int)`.
    let Ok(set) = (unsafe { process.get::<unsafe extern "C" fn(c_int, c_int) -> c_int>(b"mallopt") }) else {
        return false;
    };
    let heaps = c_int::try_from(threads.div_ceil(THREADS_A_HEAP).max(1)).unwrap_or(c_int::MAX);
    let options = [(M_ARENA_MAX, heaps), (M_MMAP_THRESHOLD, MAPPED_FROM), (M_TRIM_THRESHOLD, KEPT_FREE)];
    // SAFETY: as above; it may be called at any time, and refuses what it does not know.
    options.into_iter().all(|(option, value)| unsafe { set(option, value) } == 1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    #[cfg(target_env = "gnu")]
    fn the_allocator_takes_every_option() {
        assert!(keep_freed_memory(1) && keep_freed_memory(64));
    }
}
