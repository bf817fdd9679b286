//! A private copy of a file in memory that nobody can change any more.

use std::fs::File;
use std::io::{self, Read, Seek, Write};

use rustix::fs::{MemfdFlags, SealFlags, fcntl_add_seals, memfd_create};

/// Copies bytes into an anonymous file, seals it, and reads back what it holds: what is hashed is what is mapped.
pub(crate) fn sealed_copy(bytes: &[u8]) -> io::Result<(File, Vec<u8>)> {
    let flags = MemfdFlags::CLOEXEC | MemfdFlags::ALLOW_SEALING;
    let mut file = File::from(memfd_create("isoscope-plugin", flags)?);
    file.write_all(bytes)?;
    let seals = SealFlags::SEAL | SealFlags::SHRINK | SealFlags::GROW | SealFlags::WRITE;
    fcntl_add_seals(&file, seals)?;
    file.rewind()?;
    let mut sealed = Vec::with_capacity(bytes.len());
    file.read_to_end(&mut sealed)?;
    Ok((file, sealed))
}
