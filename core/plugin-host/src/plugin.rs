//! A plugin that is ready to open its ops.

use std::fmt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use isoscope_plugin_abi as abi;

use crate::load::load;
use crate::manifest::Manifest;
use crate::op::{Op, OpInput};
use crate::op_error::Blame;
use crate::services::HostServices;
use crate::table::{OpTable, check_major, op_tables, plugin_of};
use crate::{LoadError, OpError};

/// Where a plugin comes from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Source {
    /// Linked statically.
    BuiltIn,
    /// Loaded from this file.
    File(PathBuf),
}

impl fmt::Display for Source {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::BuiltIn => f.write_str("built-in"),
            Self::File(path) => path.display().fmt(f),
        }
    }
}

/// What is known of a plugin for as long as the process lives.
#[derive(Debug)]
pub(crate) struct Loaded {
    pub(crate) id: String,
    pub(crate) version: String,
    pub(crate) manifest_json: String,
    pub(crate) digest: String,
    pub(crate) ops: Vec<OpTable>,
}

/// A plugin: cheap to clone, never unloaded.
#[derive(Debug, Clone)]
pub struct Plugin {
    loaded: Arc<Loaded>,
    source: Source,
}

impl Plugin {
    /// Takes a plugin that is linked statically.
    ///
    /// # Errors
    /// A [`LoadError`] when the table or its manifest breaks the ABI.
    pub fn built_in(table: &'static abi::iso_plugin) -> Result<Self, LoadError> {
        let origin = "a built-in plugin";
        // SAFETY: the reference is valid; what it holds is the promise of whoever declared the static.
        unsafe { check_major(table, origin) }?;
        // SAFETY: as above.
        let plugin = unsafe { plugin_of(table, origin) }?;
        // SAFETY: the manifest of a static table is static.
        let text = std::str::from_utf8(unsafe { plugin.manifest.as_slice() }).map_err(|error| {
            LoadError::BadManifest { origin: origin.to_owned(), reason: error.to_string() }
        })?;
        let manifest = Manifest::parse(text, origin)?;
        // SAFETY: as above.
        let ops = unsafe { op_tables(&plugin, &manifest) }?;
        // Told apart from the others by its id: whoever keeps what belongs to a digest must not mix them up.
        let digest = format!("built-in:{}@{}", manifest.id, manifest.version);
        let (id, version) = (manifest.id, manifest.version);
        let loaded = Loaded { id, version, manifest_json: text.to_owned(), digest, ops };
        Ok(Self { loaded: Arc::new(loaded), source: Source::BuiltIn })
    }

    /// Loads a plugin from a file.
    ///
    /// The file is copied into sealed memory, hashed and checked there, and mapped from there: what happens to the file
    /// later does not matter. The same bytes are mapped once. The version of the ABI is checked before any code runs.
    ///
    /// # Errors
    /// A [`LoadError`] that names the file or the plugin and what to do.
    pub fn load(path: &Path) -> Result<Self, LoadError> {
        Ok(Self { loaded: load(path)?, source: Source::File(path.to_owned()) })
    }

    /// Returns the manifest, a JSON text.
    #[must_use]
    pub fn manifest_json(&self) -> &str {
        &self.loaded.manifest_json
    }

    /// Returns the id, e.g. `org.isoscope.spectrum`.
    #[must_use]
    pub fn id(&self) -> &str {
        &self.loaded.id
    }

    /// Returns the version of the plugin.
    #[must_use]
    pub fn version(&self) -> &str {
        &self.loaded.version
    }

    /// Returns `sha256:…` of the file that is mapped, or `built-in:ID@VERSION`; no two plugins share one.
    #[must_use]
    pub fn digest(&self) -> &str {
        &self.loaded.digest
    }

    /// Returns where the plugin comes from.
    #[must_use]
    pub const fn source(&self) -> &Source {
        &self.source
    }

    /// Returns the ids of the ops in the order of the table.
    #[must_use]
    pub fn op_ids(&self) -> Vec<String> {
        self.loaded.ops.iter().map(|op| op.manifest.id.clone()).collect()
    }

    /// Opens an op with the host's services.
    ///
    /// # Errors
    /// [`OpError::Invalid`] for an op that the plugin does not have and for wrong parameters; what the op answers else.
    pub fn open(
        &self,
        op_id: &str,
        host: Arc<dyn HostServices>,
        input: &OpInput,
        params_json: &str,
    ) -> Result<Op, OpError> {
        let blame = Blame { plugin: self.loaded.id.clone(), op: op_id.to_owned() };
        let table = self.loaded.ops.iter().find(|op| op.manifest.id == op_id);
        let table = table.ok_or_else(|| {
            blame.invalid(format!("the plugin has no such op; it has {}", self.op_ids().join(", ")))
        })?;
        Op::open(table.clone(), blame, host, input, params_json)
    }
}
