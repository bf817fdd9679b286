//! `isoscope plugin new`.

use super::args::NewArgs;
use super::template::{self, Language, TemplateFile};
use crate::failure::Failure;
use anyhow::Context as _;
use std::fs::{self, Permissions};
use std::io::{self, Write as _};
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};

/// Words that a crate or a C function cannot be called.
const RESERVED: [&str; 42] = [
    "as", "async", "await", "break", "const", "continue", "crate", "dyn", "else", "enum", "extern", "false",
    "fn", "for", "gen", "if", "impl", "in", "let", "loop", "match", "mod", "move", "mut", "pub", "ref",
    "return", "self", "static", "struct", "super", "trait", "true", "type", "unsafe", "use", "where",
    "while", "core", "std", "test", "alloc",
];

/// Writes a new plugin, all of it or nothing.
pub(super) fn run(args: &NewArgs) -> anyhow::Result<()> {
    check_name(&args.name)?;
    let directory = args.dir.clone().unwrap_or_else(|| PathBuf::from(&args.name));
    check_directory(&directory)?;
    let sdk = match args.lang {
        Language::Rust => sdk(args.sdk.as_deref())?,
        Language::C => PathBuf::new(),
    };
    let files = template::files(args.kind, args.lang, &args.name, &sdk);
    write_all(&directory, &files).with_context(|| format!("{} could not be written", directory.display()))?;
    let built = match args.lang {
        Language::Rust => {
            format!("cargo build --release\nisoscope plugin check target/release/lib{}.so", args.name)
        }
        Language::C => format!("make\nisoscope plugin check {}.so", args.name),
    };
    Ok(writeln!(io::stdout().lock(), "cd {}\n{built}", directory.display())?)
}

fn check_name(name: &str) -> Result<(), Failure> {
    let plain = name.chars().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_');
    if !plain || !name.starts_with(|c: char| c.is_ascii_lowercase()) {
        return Err(Failure::field(
            "NAME",
            format!(
                "`{name}` is no name of a plugin: take lower-case letters, digits and underscores, a letter first"
            ),
        ));
    }
    if RESERVED.contains(&name) {
        return Err(Failure::field("NAME", format!("`{name}` is a word of Rust: take another name")));
    }
    Ok(())
}

/// Lets pass what is not there and what is an empty directory.
fn check_directory(directory: &Path) -> Result<(), Failure> {
    let refuse = |why: String| Failure::field("--dir", format!("{} {why}", directory.display()));
    match fs::read_dir(directory) {
        Ok(mut entries) => match entries.next() {
            None => Ok(()),
            Some(_) => Err(refuse("is not empty: name another directory".to_owned())),
        },
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
        Err(error) => Err(refuse(format!("cannot be used: {error}"))),
    }
}

/// Finds the SDK: where the flag says, or in the tree from which this program was built.
fn sdk(given: Option<&Path>) -> Result<PathBuf, Failure> {
    let own = Path::new(env!("CARGO_MANIFEST_DIR")).join("../core/plugin-sdk");
    let directory = given.unwrap_or(&own);
    let found = fs::read_to_string(directory.join("Cargo.toml"))
        .is_ok_and(|text| text.contains("isoscope-plugin-sdk"));
    let found = found.then(|| directory.canonicalize().ok()).flatten();
    found.ok_or_else(|| {
        Failure::field(
            "--sdk",
            format!(
                "{} does not hold the crate isoscope-plugin-sdk: name its directory, core/plugin-sdk of the source tree",
                directory.display()
            ),
        )
    })
}

/// Writes files beside the directory and moves them there at once.
fn write_all(directory: &Path, files: &[TemplateFile]) -> io::Result<()> {
    let parent = match directory.parent() {
        Some(parent) if !parent.as_os_str().is_empty() => parent,
        _ => Path::new("."),
    };
    fs::create_dir_all(parent)?;
    let open = Permissions::from_mode(0o777);
    let fresh = tempfile::Builder::new().prefix(".plugin-").permissions(open).tempdir_in(parent)?;
    for file in files {
        let path = fresh.path().join(file.path);
        if let Some(folder) = path.parent() {
            fs::create_dir_all(folder)?;
        }
        fs::write(path, &file.text)?;
    }
    fs::rename(fresh.path(), directory)?;
    // What it would remove has another name now.
    let _ = fresh.keep();
    Ok(())
}
