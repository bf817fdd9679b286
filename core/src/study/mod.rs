//! The study: the file that a user writes.
//!
//! [`Study::from_value`] turns the generic tree that a TOML, YAML or JSON reader yields into a [`Study`], refusing unknown
//! keys by the nearest known name and reporting every problem at once.

mod address;
mod keys;
mod number_format;
mod pooling;
mod spec;
mod validate;

pub use address::{AddressError, ModelAddress};
pub(crate) use keys::nearest;
pub use number_format::NumberFormat;
pub use pooling::Pooling;
pub use spec::{
    ComparisonSpec, DatasetSpec, EnhancementSpec, EvaluationSpec, Exclude, Exclusions, Format, LayerPairs,
    Layers, MetricSpec, ModelSpec, NonFinite, OnLongText, Params, PlanOptions, ProbeSpec, Representation,
    Statistics, Step, Study, TableRows, TableSpec, Unit,
};
pub use validate::{CONLLU_FIELDS, RAW};
