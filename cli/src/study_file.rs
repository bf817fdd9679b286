//! Reads a study file, in whichever of the three formats it is, or a study that comes with the program.

use crate::args::StudyArgs;
use crate::failure::Failure;
use crate::overrides;
use crate::presets::{self, Preset};
use isoscope_core::study::Study;
use isoscope_core::violation::Violations;
use serde_json::Value;
use std::path::{Path, PathBuf};

/// Reads a study and applies what the command line changes in it.
pub(crate) fn load(args: &StudyArgs) -> Result<Study, Failure> {
    let mut value = match presets::named(&args.study.to_string_lossy()) {
        Some(preset) => parse(preset.map_err(Failure::Input)?)?,
        None => read(&args.study)?,
    };
    overrides::apply(&mut value, args)?;
    Study::from_value(value).map_err(|Violations(found)| {
        let lines: Vec<String> = found.iter().map(|v| format!("{}: {v}", args.study.display())).collect();
        Failure::Input(lines.join("\n"))
    })
}

/// The directory that relative sources are taken from, as an absolute path.
pub(crate) fn base(args: &StudyArgs) -> Result<PathBuf, Failure> {
    let base = args.base.as_deref().unwrap_or(Path::new("."));
    // An empty path is none, and the dot would stay in the path.
    let absolute = if base == Path::new(".") { std::env::current_dir() } else { std::path::absolute(base) };
    absolute.map_err(|e| Failure::field("--base", format!("{}: {e}", base.display())))
}

fn parse(preset: &Preset) -> Result<Value, Failure> {
    let file = config::File::from_str(preset.text, config::FileFormat::Toml);
    let read = config::Config::builder().add_source(file).build().and_then(config::Config::try_deserialize);
    read.map_err(|e| Failure::Input(format!("paper:{}: {e}", preset.name)))
}

fn read(path: &Path) -> Result<Value, Failure> {
    let named = |e: &dyn std::fmt::Display| Failure::Input(format!("{}: {e}", path.display()));
    if !path.try_exists().map_err(|e| named(&e))? {
        return Err(named(&"there is no such study file"));
    }
    let file = config::File::from(path).required(true);
    let read = config::Config::builder().add_source(file).build().and_then(config::Config::try_deserialize);
    read.map_err(|e| named(&e))
}
