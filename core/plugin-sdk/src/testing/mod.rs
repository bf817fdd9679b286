//! Runs ops in memory, without a host process, for the unit tests of their authors.
//!
//! ```
//! use isoscope_plugin_sdk::prelude::*;
//! use isoscope_plugin_sdk::testing;
//! # pub struct Energy;
//! # impl MomentMetric for Energy {
//! #     const META: OpMeta = OpMeta {
//! #         id: "energy",
//! #         needs: Needs::Moments,
//! #         outputs: &[Output::scalar("energy")],
//! #         ..OpMeta::DEFAULT
//! #     };
//! #     type Params = NoParams;
//! #     fn open(_: NoParams) -> Result<Self> { Ok(Self) }
//! #     fn measure(&self, m: &Moments<'_>, out: &mut Out<'_>) -> Result<()> {
//! #         out.value("energy", m.mean_squared_norm())
//! #     }
//! # }
//! let rows = ndarray::array![[3.0, 4.0], [0.0, 0.0]];
//! let moments = testing::moments_of(&rows);
//! let (found, _) = testing::measure::<MomentOp<Energy>>("{}", &moments)?;
//! assert_eq!(found.value("energy"), Some(12.5));
//! # Ok::<(), Error>(())
//! ```
//!
//! [`run`] carries a whole op through its life: moments where it needs them, passes over shards, states encoded and
//! merged, and every result checked against the outputs that the op declares.

mod batches;
mod collect;
mod moments;
mod native;
mod product;
mod run;

pub use batches::{OwnedBatch, batch_of, batch_of_views};
pub use collect::{Collected, Row, Series, collect, collect_n};
pub use moments::{OwnedMoments, moments_of};
pub use native::native_host;
pub use product::product;
pub use run::{Finished, apply, measure, open, run, run_with};
