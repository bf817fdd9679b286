//! Everything that the author of an op needs: `use isoscope_plugin_sdk::prelude::*;`.

pub use ndarray::{Array1, Array2, ArrayView1, ArrayView2, ArrayViewMut2};
pub use serde::{Deserialize, Serialize};

pub use crate::{
    Affine, Batch, Better, Direction, Eigen, EnhanceOp, Enhancement, Error, F64Column, Host, I64Column,
    Input, Invariance, Kind, Linalg, MomentMetric, MomentOp, Moments, Needs, Next, NoParams, Op, OpMeta, Out,
    Output, Params, Part, Result, Sample, SampleMetric, SampleOp, Shape, ShapeSums, StringColumn,
    declare_plugin, export_declared, export_plugin, params,
};
