//! One file of a plugin directory: how to tell that it changed, and what it is.

use crate::plugins::Offered;
use isoscope_plugin_host::Plugin;
use sha2::{Digest as _, Sha256};
use std::collections::BTreeMap;
use std::fs::{self, File};
use std::io;
use std::path::{Path, PathBuf};
use std::time::SystemTime;

/// What changes when a file is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Stamp {
    size: u64,
    modified: Option<SystemTime>,
}

/// What is known of a file.
pub(super) struct Seen {
    /// At the last look.
    pub(super) stamp: Stamp,
    /// The last verdict, and the state of the file that it was about.
    pub(super) judged: Option<(Stamp, Verdict)>,
}

impl Seen {
    pub(super) fn new(stamp: Stamp) -> Self {
        Self { stamp, judged: None }
    }
}

/// What a file is.
pub(super) enum Verdict {
    /// A plugin, loaded.
    Good(Offered),
    /// None, or one that this worker cannot run.
    Bad {
        /// Of its bytes; empty when they cannot be read.
        digest: String,
        /// Why.
        reason: String,
    },
}

/// Lists the `*.so` files of a directory. Links are followed, as mounted volumes consist of them.
pub(super) fn list(directory: &Path) -> io::Result<BTreeMap<PathBuf, Stamp>> {
    let mut files = BTreeMap::new();
    for entry in fs::read_dir(directory)? {
        let path = entry?.path();
        if path.extension().is_none_or(|extension| extension != "so") {
            continue;
        }
        // A file that goes away between the two calls is not there.
        if let Ok(metadata) = fs::metadata(&path)
            && metadata.is_file()
        {
            files.insert(path, Stamp { size: metadata.len(), modified: metadata.modified().ok() });
        }
    }
    Ok(files)
}

/// Loads a file.
pub(super) fn judge(path: &Path) -> Verdict {
    let loaded = Plugin::load(path).map_err(|error| error.to_string());
    match loaded.and_then(|plugin| Offered::new(plugin).map_err(|error| error.to_string())) {
        Ok(offered) => Verdict::Good(offered),
        Err(reason) => Verdict::Bad { digest: digest(path).unwrap_or_default(), reason },
    }
}

/// The digest of a file, which may be larger than memory: what is no plugin may be anything.
fn digest(path: &Path) -> io::Result<String> {
    let mut hasher = Sha256::new();
    io::copy(&mut File::open(path)?, &mut hasher)?;
    Ok(format!("sha256:{}", hex::encode(hasher.finalize())))
}
