//! What a shared object says of its dynamic linking, read as data.

use std::path::Path;

use object::elf::{DF_STATIC_TLS, DT_FLAGS};
use object::read::elf::ElfFile64;
use object::{Endianness, Object, ObjectSymbol};

use crate::LoadError;
use crate::elf::read_file;

/// Names that linkers put into every shared object.
const OF_THE_LINKER: [&str; 5] = ["_init", "_fini", "_edata", "_end", "__bss_start"];

/// What a shared object exports and asks of the system.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DynamicFacts {
    /// Names of the symbols that it exports, without those that the linker adds; sorted.
    pub exported: Vec<String>,
    /// Whether it asks for room in the static block of thread-locals, of which a process has little.
    pub static_tls: bool,
    /// The newest version of the C library that a symbol asks for, e.g. `(2, 34)`; `None` when it asks for none.
    pub newest_glibc: Option<(u32, u32)>,
}

/// Reads the dynamic section of a shared object; nothing of it runs.
///
/// # Errors
/// A [`LoadError`] that names the file: unreadable, or not a 64-bit ELF file.
pub fn read_dynamic(path: &Path) -> Result<DynamicFacts, LoadError> {
    dynamic_in(&read_file(path)?, path)
}

/// Reads the dynamic section in the bytes of a file.
fn dynamic_in(bytes: &[u8], path: &Path) -> Result<DynamicFacts, LoadError> {
    facts(bytes).map_err(|error| LoadError::NotElf { path: path.to_owned(), reason: error.to_string() })
}

/// Refuses a file that could fail to load late, when a process has loaded many.
pub(crate) fn refuse_static_tls(bytes: &[u8], path: &Path) -> Result<(), LoadError> {
    if dynamic_in(bytes, path)?.static_tls {
        return Err(LoadError::StaticTls { path: path.to_owned() });
    }
    Ok(())
}

fn facts(bytes: &[u8]) -> object::Result<DynamicFacts> {
    let file = ElfFile64::<Endianness>::parse(bytes)?;
    let symbols = file.dynamic_symbols().filter(|symbol| symbol.is_definition() && symbol.is_global());
    let mut exported: Vec<String> = symbols
        .filter_map(|symbol| symbol.name().ok())
        .filter(|name| !name.is_empty() && !OF_THE_LINKER.contains(name))
        .map(str::to_owned)
        .collect();
    exported.sort();
    exported.dedup();
    let flags = file.elf_dynamic_table()?.iter().filter(|entry| entry.tag == DT_FLAGS);
    let static_tls = flags.fold(0, |all, entry| all | entry.val) & DF_STATIC_TLS.0 != 0;
    Ok(DynamicFacts { exported, static_tls, newest_glibc: newest_glibc(&file)? })
}

/// Finds the newest `GLIBC_x.y` among the versions that symbols ask for.
fn newest_glibc(file: &ElfFile64<'_, Endianness>) -> object::Result<Option<(u32, u32)>> {
    let (endian, sections) = (file.endian(), file.elf_section_table());
    let Some((mut needs, strings)) = sections.gnu_verneed(endian, file.data())? else { return Ok(None) };
    let strings = sections.strings(endian, file.data(), strings)?;
    let mut newest = None;
    while let Some((_, mut versions)) = needs.next()? {
        while let Some(version) = versions.next()? {
            newest = newest.max(glibc_version(version.name(endian, strings)?));
        }
    }
    Ok(newest)
}

fn glibc_version(name: &[u8]) -> Option<(u32, u32)> {
    let version = str::from_utf8(name).ok()?.strip_prefix("GLIBC_")?;
    let (major, minor) = version.split_once('.')?;
    let minor = minor.split_once('.').map_or(minor, |(minor, _)| minor);
    Some((major.parse().ok()?, minor.parse().ok()?))
}
