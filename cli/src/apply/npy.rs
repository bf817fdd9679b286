//! A matrix read block by block, and another written block by block.

use super::wrong;
use crate::npy::header;
use crate::save;
use anyhow::{Context as _, ensure};
use isoscope_worker::dataset::npy::{Dtype, NpyError, NpyHeader, read_header};
use ndarray::Array2;
use std::fs::File;
use std::io::{BufReader, BufWriter, Read as _, Write as _};
use std::path::{Path, PathBuf};
use tempfile::NamedTempFile;

/// The rows of a matrix that are left to read.
pub(super) struct Blocks {
    path: PathBuf,
    reader: BufReader<File>,
    header: NpyHeader,
    left: u64,
}

impl Blocks {
    /// Opens a matrix and checks its header against its size.
    pub(super) fn open(path: &Path) -> anyhow::Result<Self> {
        let file = File::open(path).map_err(|e| wrong(path, e))?;
        let len = file.metadata().map_err(|e| wrong(path, e))?.len();
        let mut reader = BufReader::new(file);
        let header = read_header(&mut reader).map_err(|e| wrong(path, e))?;
        let found = len.saturating_sub(header.data_start);
        if found != header.data_len {
            return Err(wrong(path, NpyError::Size { expected: header.data_len, found }).into());
        }
        Ok(Self { path: path.to_owned(), reader, header, left: header.rows })
    }

    /// Columns of the matrix.
    pub(super) fn cols(&self) -> usize {
        self.header.cols as usize
    }

    /// Rows of the matrix.
    pub(super) fn rows(&self) -> u64 {
        self.header.rows
    }

    /// Its element type.
    pub(super) fn dtype(&self) -> Dtype {
        self.header.dtype
    }

    /// Reads at most `most` further rows; none at the end.
    pub(super) fn next(&mut self, most: usize) -> anyhow::Result<Option<Array2<f64>>> {
        let rows = self.left.min(most as u64) as usize;
        if rows == 0 {
            return Ok(None);
        }
        let mut bytes = vec![0; rows * self.cols() * self.header.dtype.size() as usize];
        self.reader.read_exact(&mut bytes).map_err(|e| wrong(&self.path, e))?;
        let values = match self.header.dtype {
            Dtype::F4 => bytes.as_chunks::<4>().0.iter().map(|&b| f64::from(f32::from_le_bytes(b))).collect(),
            Dtype::F8 => bytes.as_chunks::<8>().0.iter().map(|&b| f64::from_le_bytes(b)).collect(),
        };
        self.left -= rows as u64;
        Ok(Some(Array2::from_shape_vec((rows, self.cols()), values)?))
    }
}

/// A matrix in the making: it takes its place when it is whole.
pub(super) struct Written {
    path: PathBuf,
    file: BufWriter<NamedTempFile>,
    dtype: Dtype,
}

impl Written {
    /// Begins a matrix, rows × cols, beside its place.
    pub(super) fn new(path: &Path, dtype: Dtype, rows: u64, cols: usize) -> anyhow::Result<Self> {
        let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
        let file =
            NamedTempFile::new_in(folder).map_err(|e| wrong(path, format!("cannot be written: {e}")))?;
        let mut written = Self { path: path.to_owned(), file: BufWriter::new(file), dtype };
        written.write(&header(dtype, rows, cols as u32))?;
        Ok(written)
    }

    /// Appends rows.
    pub(super) fn add(&mut self, rows: &Array2<f64>) -> anyhow::Result<()> {
        let mut bytes = Vec::with_capacity(rows.len() * self.dtype.size() as usize);
        for &value in rows {
            match self.dtype {
                Dtype::F8 => bytes.extend(value.to_le_bytes()),
                Dtype::F4 => {
                    let narrow = value as f32;
                    ensure!(
                        narrow.is_finite(),
                        wrong(&self.path, format!("{value} does not fit 32 bits; write 64 with --f64"))
                    );
                    bytes.extend(narrow.to_le_bytes());
                }
            }
        }
        self.write(&bytes)
    }

    /// Puts the matrix in its place.
    pub(super) fn commit(self) -> anyhow::Result<()> {
        let named = || format!("{} could not be written", self.path.display());
        let file = self.file.into_inner().map_err(std::io::IntoInnerError::into_error).with_context(named)?;
        save::make_readable(file.as_file()).with_context(named)?;
        file.as_file().sync_all().with_context(named)?;
        file.persist(&self.path).with_context(named)?;
        Ok(())
    }

    fn write(&mut self, bytes: &[u8]) -> anyhow::Result<()> {
        self.file.write_all(bytes).with_context(|| format!("{} could not be written", self.path.display()))
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use ndarray::array;

    fn written(path: &Path, dtype: Dtype) {
        let mut matrix = Written::new(path, dtype, 3, 2).unwrap();
        matrix.add(&array![[1.5, -2.0], [0.0, 3.25]]).unwrap();
        matrix.add(&array![[4.0, 5.0]]).unwrap();
        matrix.commit().unwrap();
    }

    #[test]
    fn what_is_written_in_blocks_reads_back_in_others() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("y.npy");
        for dtype in [Dtype::F4, Dtype::F8] {
            written(&path, dtype);
            let mut blocks = Blocks::open(&path).unwrap();
            assert_eq!((blocks.rows(), blocks.cols(), blocks.dtype()), (3, 2, dtype));
            assert_eq!(blocks.next(1).unwrap().unwrap(), array![[1.5, -2.0]]);
            assert_eq!(blocks.next(9).unwrap().unwrap(), array![[0.0, 3.25], [4.0, 5.0]]);
            assert!(blocks.next(9).unwrap().is_none());
        }
    }

    #[test]
    fn what_is_not_whole_is_not_there() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("y.npy");
        let mut matrix = Written::new(&path, Dtype::F4, 1, 1).unwrap();
        let error = matrix.add(&array![[1e300]]).unwrap_err().to_string();
        assert!(error.contains("--f64"), "{error}");
        drop(matrix);
        assert_eq!(std::fs::read_dir(directory.path()).unwrap().count(), 0);
    }

    #[test]
    fn a_matrix_that_is_cut_short_is_refused_by_name() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("y.npy");
        written(&path, Dtype::F8);
        let bytes = std::fs::read(&path).unwrap();
        std::fs::write(&path, &bytes[..bytes.len() - 1]).unwrap();
        let error = Blocks::open(&path).err().unwrap().to_string();
        assert!(error.contains("y.npy") && error.contains("cut short"), "{error}");
    }
}
