//! Finds plugins, loads them, and runs their ops.
//!
//! [`scan`] and [`read_manifest`] read the manifest of a file without running any of its code. [`Plugin::load`] maps a
//! sealed private copy of the file, so that overwriting the file does not touch what runs, and never unloads it.
//! [`Plugin::built_in`] takes a plugin that is linked statically. Either way an [`Op`] is opened with the host's
//! services and driven through its life: `begin → update* → save / merge* → finish`, then `apply`, or `measure`.
//!
//! A plugin runs with the rights of the process. A panic of a plugin becomes [`OpError::Panicked`] and poisons the
//! handle; a crash of native code does not stop at this crate. Files are loaded on Linux only: the copy is a memfd, and the
//! manifest an ELF section.

mod batch;
mod blas;
mod collected;
mod dynamic;
mod elf;
mod lapack;
mod load;
mod load_error;
mod malloc;
mod manifest;
mod moments;
mod op;
mod op_error;
mod plugin;
mod receiver;
mod run;
mod scan;
mod sealed;
mod services;
mod table;

pub use batch::{BatchView, ColumnValues, ColumnView, MatrixView};
pub use blas::{OpenBlas, openblas_in_use, use_one_blas_thread};
pub use collected::{Collected, Finished, OutRow, OutSeries};
pub use dynamic::{DynamicFacts, read_dynamic};
pub use elf::read_manifest;
pub use lapack::eigh_in_place;
pub use load_error::LoadError;
pub use malloc::keep_freed_memory;
pub use moments::{DirectionView, EigenOf, EigenSource, MomentsView, ShapeView};
pub use op::{AffineMap, Op, OpInput};
pub use op_error::OpError;
pub use plugin::{Plugin, Source};
pub use receiver::NOT_FINITE;
pub use run::Run;
pub use scan::{Candidate, scan};
pub use services::{Gemm, HostServices};
