//! The bundled families as plugin files, built from the tree by the test that wants them.

use isoscope_worker::PluginSet;
use std::path::{Path, PathBuf};
use std::process::Command;

/// Every bundled family.
pub const FAMILIES: [&str; 13] = [
    "moments",
    "spectrum",
    "angular",
    "partition",
    "enhance",
    "sts",
    "pairs",
    "neighbour",
    "cluster",
    "grouped",
    "compare",
    "probe",
    "topology",
];

/// Builds the families as plugin files and returns their paths.
///
/// # Panics
/// When cargo cannot build them.
#[must_use]
pub fn build() -> Vec<PathBuf> {
    let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).parent().expect("the tests lie in the workspace");
    let target = target_directory();
    let mut command = Command::new(cargo);
    command.current_dir(root).args(["build", "--quiet", "--target-dir"]).arg(&target);
    for family in FAMILIES {
        command.args(["-p", &format!("isoscope-{family}-dylib")]);
    }
    let status = command.status().expect("cargo can be started");
    assert!(status.success(), "the plugin files could not be built");
    FAMILIES
        .iter()
        .map(|family| target.join("debug").join(format!("libisoscope_{family}_dylib.so")))
        .collect()
}

/// Builds the families as plugin files and loads them into an empty set.
///
/// # Panics
/// When one cannot be built or loaded.
#[must_use]
pub fn load() -> PluginSet {
    let mut set = PluginSet::empty();
    for path in build() {
        set.load(&path).unwrap_or_else(|e| panic!("{}: {e}", path.display()));
    }
    set
}

/// The folder that holds `debug/deps/<this test>`.
fn target_directory() -> PathBuf {
    let test = std::env::current_exe().expect("a test has a path");
    test.ancestors().nth(3).expect("tests lie in target/debug/deps").to_owned()
}
