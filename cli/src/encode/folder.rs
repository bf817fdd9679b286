//! The directory of an encoding: built beside its place, and put there when it is whole.

use super::args::FileFormat;
use super::index::Index;
use super::positioned::Positioned;
use super::table::Table;
use crate::failure::Failure;
use anyhow::Context as _;
use isoscope_worker::encode::{Encoding, FilesError, RowFiles};
use isoscope_worker::rows::Columns;
use ndarray::ArrayView2;
use serde_json::Value;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};
use tempfile::TempDir;

/// Name of the file that says what was encoded.
const MANIFEST: &str = "manifest.json";

/// The files of all layers and their index.
pub(super) struct Folder<'a> {
    encoding: &'a Encoding,
    target: PathBuf,
    temporary: TempDir,
    layers: Vec<LayerFile>,
    index: Mutex<(Index, u64)>,
}

enum LayerFile {
    Positioned(Positioned),
    Table(Box<Table>),
}

/// Refuses a target that holds anything.
pub(super) fn check_free(target: &Path) -> Result<(), Failure> {
    let refused = |message: String| Err(Failure::field("--out", message));
    match fs::read_dir(target).map(Iterator::count) {
        Ok(0) => Ok(()),
        Ok(_) => refused(format!("{} is not empty; name a new directory", target.display())),
        Err(e) if e.kind() == std::io::ErrorKind::NotFound => Ok(()),
        Err(e) => refused(format!("{} is no directory that can be written: {e}", target.display())),
    }
}

/// The name of a layer's file, without its extension.
pub(super) fn layer_name(layer: u32) -> String {
    format!("layer{layer:02}")
}

impl<'a> Folder<'a> {
    /// Begins the files beside their place.
    pub(super) fn create(target: &Path, encoding: &'a Encoding, format: FileFormat) -> anyhow::Result<Self> {
        let named = || format!("{} could not be written", target.display());
        let parent =
            target.parent().filter(|parent| !parent.as_os_str().is_empty()).unwrap_or(Path::new("."));
        fs::create_dir_all(parent).with_context(named)?;
        let temporary =
            tempfile::Builder::new().prefix(".isoscope-encode-").tempdir_in(parent).with_context(named)?;
        let width = encoding.facts().width;
        let layer = |&layer: &u32| -> Result<LayerFile, FilesError> {
            let (folder, name) = (temporary.path(), layer_name(layer));
            Ok(match format {
                FileFormat::Parquet => LayerFile::Table(Box::new(Table::create(folder, &name, width)?)),
                _ => LayerFile::Positioned(Positioned::create(folder, &name, format, width)?),
            })
        };
        let layers = encoding.layers().iter().map(layer).collect::<Result<_, _>>();
        let layers = layers.map_err(anyhow::Error::from_boxed).with_context(named)?;
        let index = Index::create(temporary.path(), encoding.sides(), encoding.row_kind().pooling());
        let index = index.map_err(anyhow::Error::from_boxed).with_context(named)?;
        let (target, index) = (target.to_owned(), Mutex::new((index, 0)));
        Ok(Self { encoding, target, temporary, layers, index })
    }

    /// Rows described so far.
    pub(super) fn rows(&self) -> u64 {
        self.index.lock().unwrap_or_else(PoisonError::into_inner).1
    }

    /// Ends every file and puts the directory in its place.
    pub(super) fn commit(self, manifest: &Value) -> anyhow::Result<()> {
        let target = self.target.clone();
        self.finish(manifest).with_context(|| format!("{} could not be written", target.display()))
    }

    fn finish(self, manifest: &Value) -> anyhow::Result<()> {
        let (index, rows) = self.index.into_inner().unwrap_or_else(PoisonError::into_inner);
        for layer in self.layers {
            let ended = match layer {
                LayerFile::Positioned(file) => file.finish(rows),
                LayerFile::Table(table) => table.finish(),
            };
            ended.map_err(anyhow::Error::from_boxed)?;
        }
        index.finish().map_err(anyhow::Error::from_boxed)?;
        let text = format!("{}\n", serde_json::to_string_pretty(manifest)?);
        fs::write(self.temporary.path().join(MANIFEST), text)?;
        make_readable(self.temporary.path())?;
        fs::rename(self.temporary.path(), &self.target)?;
        // What was temporary is at its place now: nothing is left to remove.
        let _ = self.temporary.keep();
        Ok(())
    }
}

impl RowFiles for Folder<'_> {
    fn describe(&self, first: u64, columns: &Columns) -> Result<(), FilesError> {
        let token = |id| self.encoding.tokenizer().and_then(|tokenizer| tokenizer.token(id));
        let mut index = self.index.lock().unwrap_or_else(PoisonError::into_inner);
        index.0.append(first, columns, &token)?;
        index.1 = first + columns.len() as u64;
        Ok(())
    }

    fn rows(&self, layer: usize, first: u64, rows: ArrayView2<'_, f32>) -> Result<(), FilesError> {
        match self.layers.get(layer) {
            Some(LayerFile::Positioned(file)) => file.write(first, rows),
            Some(LayerFile::Table(table)) => table.write(first, rows),
            None => Ok(()),
        }
    }

    fn give_up(&self, first: u64) {
        for layer in &self.layers {
            if let LayerFile::Table(table) = layer {
                table.give_up(first);
            }
        }
    }
}

/// Temporary directories are private to their owner; results are not.
fn make_readable(folder: &Path) -> std::io::Result<()> {
    use std::os::unix::fs::PermissionsExt as _;
    fs::set_permissions(folder, fs::Permissions::from_mode(0o755))
}
