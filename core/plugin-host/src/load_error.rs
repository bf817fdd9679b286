//! Why a file is not loaded as a plugin.

use std::path::PathBuf;

use isoscope_plugin_abi::{ISO_ABI_MAJOR, ISO_ABI_MINOR, ISO_ENTRY_SYMBOL, ISO_MANIFEST_SECTION};

/// Why a file or a table is refused.
#[derive(Debug, thiserror::Error)]
pub enum LoadError {
    /// The file cannot be read, or its private copy cannot be made.
    #[error("cannot read {}: {source}", path.display())]
    Io {
        /// The file.
        path: PathBuf,
        /// What the system said.
        source: std::io::Error,
    },
    /// The file is larger than a plugin may be.
    #[error("{} has {bytes} bytes, a plugin has at most {limit}", path.display())]
    TooLarge {
        /// The file.
        path: PathBuf,
        /// Its size.
        bytes: u64,
        /// The limit.
        limit: u64,
    },
    /// The file is not an ELF file.
    #[error("{} is not an ELF shared object ({reason}): build the plugin as a shared library for this system", path.display())]
    NotElf {
        /// The file.
        path: PathBuf,
        /// What the parser said.
        reason: String,
    },
    /// The file is a shared object, but not a plugin.
    #[error("{} is not an isoscope plugin: it has no section {ISO_MANIFEST_SECTION}", path.display())]
    NotAPlugin {
        /// The file.
        path: PathBuf,
    },
    /// The section holds more than one manifest.
    #[error(
        "{} has two manifests in its section {ISO_MANIFEST_SECTION}: it links another plugin statically; \
         declare that one without exporting it",
        path.display()
    )]
    TwoManifests {
        /// The file.
        path: PathBuf,
    },
    /// The manifest cannot be read.
    #[error("the manifest of {origin} is wrong: {reason}")]
    BadManifest {
        /// The file, or the built-in.
        origin: String,
        /// What is wrong.
        reason: String,
    },
    /// The plugin speaks another major version of the ABI.
    #[error(
        "plugin {id} speaks ABI {major}.{minor}, this worker speaks {ISO_ABI_MAJOR}.{ISO_ABI_MINOR}: \
         rebuild it with isoscope-plugin-sdk {ISO_ABI_MAJOR}.x, or use a worker that speaks ABI {major}"
    )]
    WrongMajor {
        /// Id of the plugin.
        id: String,
        /// The major version that it speaks.
        major: u64,
        /// The minor version that it needs.
        minor: u64,
    },
    /// The plugin needs a later minor version of the ABI.
    #[error(
        "plugin {id} needs ABI {ISO_ABI_MAJOR}.{minor}, this worker speaks {ISO_ABI_MAJOR}.{ISO_ABI_MINOR}: \
         use a newer worker"
    )]
    NewerMinor {
        /// Id of the plugin.
        id: String,
        /// The minor version that it needs.
        minor: u64,
    },
    /// The system's loader refused the file.
    #[error("cannot load {}: {reason}", path.display())]
    Open {
        /// The file.
        path: PathBuf,
        /// What the loader said.
        reason: String,
    },
    /// The file has a manifest, but not the entry symbol.
    #[error("{} exports no symbol {ISO_ENTRY_SYMBOL}: {reason}", path.display())]
    NoSymbol {
        /// The file.
        path: PathBuf,
        /// What the loader said.
        reason: String,
    },
    /// The file asks for static thread-local storage.
    #[error(
        "{} asks for static thread-local storage (DF_STATIC_TLS), of which a process has little: build it with \
         position-independent code and the default TLS model, and link no jemalloc or mimalloc into it",
        path.display()
    )]
    StaticTls {
        /// The file.
        path: PathBuf,
    },
    /// The manifest in the table differs from the one in the section.
    #[error(
        "the manifest that {} answers differs from the one in its section {ISO_MANIFEST_SECTION}: rebuild the plugin",
        path.display()
    )]
    ManifestMismatch {
        /// The file.
        path: PathBuf,
    },
    /// The table of the plugin breaks the ABI.
    #[error("the table of plugin {id} breaks the ABI: {reason}")]
    BadTable {
        /// Id of the plugin, or the file when the id is not known.
        id: String,
        /// What is wrong.
        reason: String,
    },
}
