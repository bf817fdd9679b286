//! A bound on the memory of a process that tries a law.

use std::fs;
use std::io;

use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

/// Address space that a law may add to what the process has.
const HEADROOM: u64 = 4 << 30;

/// Reads a field of `/proc/self/statm` in bytes: 0 is the address space, 1 what of it is resident.
pub(crate) fn memory(field: usize) -> Option<u64> {
    let statm = fs::read_to_string("/proc/self/statm").ok()?;
    let pages: u64 = statm.split_whitespace().nth(field)?.parse().ok()?;
    Some(pages * rustix::param::page_size() as u64)
}

/// Lets this process grow by 4 GiB of address space and no further: an op that allocates without end fails then, and the
/// machine does not. A crash leaves no core file.
///
/// # Errors
/// When the system refuses the limit.
pub fn limit_memory() -> io::Result<()> {
    let core = getrlimit(Resource::Core);
    setrlimit(Resource::Core, Rlimit { current: Some(0), maximum: core.maximum })?;
    let Some(now) = memory(0) else { return Ok(()) };
    let limit = now + HEADROOM;
    let old = getrlimit(Resource::As);
    let lower = old.current.is_none_or(|current| limit < current);
    if lower {
        setrlimit(Resource::As, Rlimit { current: Some(limit), maximum: old.maximum })?;
    }
    Ok(())
}
