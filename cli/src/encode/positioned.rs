//! Layer files of a fixed header and rows of one length: each row has its place, so batches are written as they come.

use super::args::FileFormat;
use crate::npy;
use isoscope_worker::dataset::npy::Dtype;
use isoscope_worker::encode::FilesError;
use ndarray::ArrayView2;
use serde_json::json;
use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt as _;
use std::path::Path;

/// Length of a safetensors header with its own length before it: long enough for one tensor of any size.
const SAFETENSORS_HEADER: usize = 256;

/// One layer in a file of its own.
pub(super) struct Positioned {
    file: File,
    name: String,
    format: FileFormat,
    width: u32,
}

impl Positioned {
    /// Begins the file of the layer `name`, whose rows have `width` values.
    pub(super) fn create(folder: &Path, name: &str, format: FileFormat, width: u32) -> io::Result<Self> {
        let file = File::create_new(folder.join(format!("{name}.{}", format.extension())))?;
        Ok(Self { file, name: name.to_owned(), format, width })
    }

    /// Writes n×d rows in their places, from row `first` on.
    pub(super) fn write(&self, first: u64, rows: ArrayView2<'_, f32>) -> Result<(), FilesError> {
        let rows = rows.as_standard_layout();
        let values = rows.as_slice().unwrap_or_default();
        let mut bytes = vec![0; size_of_val(values)];
        for (bytes, value) in bytes.as_chunks_mut::<4>().0.iter_mut().zip(values) {
            *bytes = value.to_le_bytes();
        }
        let header = self.header(0)?.len() as u64;
        Ok(self.file.write_all_at(&bytes, header + first * self.row_bytes())?)
    }

    /// Writes the header of a file of `rows` rows, and sees to it that everything is on the disk.
    pub(super) fn finish(self, rows: u64) -> Result<(), FilesError> {
        self.file.write_all_at(&self.header(rows)?, 0)?;
        Ok(self.file.sync_all()?)
    }

    fn row_bytes(&self) -> u64 {
        u64::from(self.width) * Dtype::F4.size()
    }

    fn header(&self, rows: u64) -> Result<Vec<u8>, FilesError> {
        if self.format == FileFormat::Npy {
            return Ok(npy::header(Dtype::F4, rows, self.width));
        }
        let tensor = json!({"dtype": "F32", "shape": [rows, self.width], "data_offsets": [0, rows * self.row_bytes()]});
        let mut text = serde_json::to_vec(&json!({ &self.name: tensor }))?;
        // The format lets a header end in spaces.
        let len = SAFETENSORS_HEADER - size_of::<u64>();
        text.resize(len, b' ');
        Ok([&(len as u64).to_le_bytes()[..], &text].concat())
    }
}
