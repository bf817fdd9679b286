//! Everything needed to write a plugin of isoscope: safe traits, views of batches and moments, and the macros that make
//! the C table of them.
//!
//! A metric that is a function of the moments, complete:
//!
//! ```
//! use isoscope_plugin_sdk::prelude::*;
//!
//! /// Share of the energy that lies in the mean vector.
//! pub struct MeanEnergy;
//!
//! impl MomentMetric for MeanEnergy {
//!     const META: OpMeta = OpMeta {
//!         id: "mean_energy",
//!         needs: Needs::Moments,
//!         outputs: &[Output::scalar("mean_energy").range("[0, 1]")],
//!         ..OpMeta::DEFAULT
//!     };
//!     type Params = NoParams;
//!
//!     fn open(_: NoParams) -> Result<Self> {
//!         Ok(Self)
//!     }
//!
//!     fn measure(&self, m: &Moments<'_>, out: &mut Out<'_>) -> Result<()> {
//!         let energy: f64 = m.mean().iter().map(|x| x * x).sum();
//!         out.value("mean_energy", energy / m.mean_squared_norm())
//!     }
//! }
//!
//! export_plugin!("org.example.mean-energy", MomentOp<MeanEnergy>);
//! # fn main() {}
//! ```
//!
//! An op on rows implements [`Op`]; an enhancement implements [`Enhancement`]. [`testing`] runs any of them in a plain
//! `cargo test`. A plugin is a crate of type `cdylib` that depends on this crate alone; eigenvectors and products come
//! from the host ([`Linalg`]).

mod adapters;
mod batch;
mod column;
mod declare;
mod error;
pub mod floats;
mod host;
mod json;
mod linalg;
mod manifest;
mod meta;
mod moments;
mod op;
mod out;
mod output;
pub mod params;
pub mod prelude;
mod sample;
mod shim;
pub mod testing;

pub use adapters::{EnhanceOp, Enhancement, MomentMetric, MomentOp};
pub use batch::Batch;
pub use column::{F64Column, I64Column, StringColumn};
pub use error::{Error, Result};
pub use host::Host;
pub use linalg::Linalg;
pub use meta::{Kind, Needs, OpMeta, Part};
pub use moments::{Direction, Eigen, Moments, ShapeSums};
pub use op::{Affine, Input, Next, Op};
pub use out::Out;
pub use output::{Better, Invariance, Output, Shape};
pub use params::{NoParams, ParamMeta, ParamType, Params};
pub use sample::{Sample, SampleMetric, SampleOp, SampleState};

/// What the macros expand to; not for use by hand.
#[doc(hidden)]
pub mod __private {
    pub use isoscope_plugin_abi as abi;

    pub use crate::manifest::{OpEntry, manifest, manifest_len};
    pub use crate::shim::{plugin_table, vtable, with_manifest};
}
