//! From rows to columns.

use super::{ResultError, SCHEMA_VERSION};
use arrow_array::{ArrayRef, Float64Array, Int32Array, Int64Array, RecordBatch, StringArray, UInt64Array};
use arrow_schema::{DataType, Field, Schema};
use isoscope_core::result::{Key, OK};
use std::sync::Arc;

/// The columns of a table in the making, in their order.
pub(super) struct Columns {
    fields: Vec<Field>,
    arrays: Vec<ArrayRef>,
}

impl Columns {
    /// Begins with the version of the schema and the columns of the key.
    pub(super) fn of_keys(keys: &[&Key]) -> Result<Self, ResultError> {
        let mut columns = Self { fields: Vec::new(), arrays: Vec::new() };
        let versions = Int32Array::from(vec![SCHEMA_VERSION; keys.len()]);
        columns.push("schema_version", DataType::Int32, false, Arc::new(versions));
        columns.strings("study", keys.iter().map(|key| key.study.as_str()));
        columns.strings("model", keys.iter().map(|key| key.model.as_str()));
        columns.strings("dataset", keys.iter().map(|key| key.dataset.as_str()));
        columns.integers("layer", keys.iter().map(|key| key.layer))?;
        columns.strings("other", keys.iter().map(|key| key.other.as_str()));
        columns.integers("other_layer", keys.iter().map(|key| key.other_layer))?;
        columns.strings("by", keys.iter().map(|key| key.by.as_str()));
        columns.strings("group", keys.iter().map(|key| key.group.as_str()));
        columns.strings("space", keys.iter().map(|key| key.space.as_str()));
        columns.strings("metric", keys.iter().map(|key| key.metric.as_str()));
        columns.strings("weights_digest", keys.iter().map(|key| key.weights_digest.as_str()));
        columns.strings("model_revision", keys.iter().map(|key| key.model_revision.as_str()));
        columns.strings("dataset_digest", keys.iter().map(|key| key.dataset_digest.as_str()));
        columns.strings("unit", keys.iter().map(|key| key.unit.as_str()));
        columns.strings("pooling", keys.iter().map(|key| key.pooling.as_str()));
        columns.strings("token_policy", keys.iter().map(|key| key.token_policy.as_str()));
        columns.strings("chain", keys.iter().map(|key| key.chain.as_str()));
        columns.integers("definition", keys.iter().map(|key| key.definition))?;
        columns.strings("params", keys.iter().map(|key| key.params.as_str()));
        columns.strings("plugin", keys.iter().map(|key| key.plugin.as_str()));
        columns.strings("plugin_digest", keys.iter().map(|key| key.plugin_digest.as_str()));
        columns.integers("d", keys.iter().map(|key| key.d))?;
        // A seed is a pattern of 64 bits: the one column that has no room for a sign, and no use for subtraction.
        let seeds = keys.iter().map(|key| key.seed).collect::<UInt64Array>();
        columns.push("seed", DataType::UInt64, false, Arc::new(seeds));
        columns.strings("numerics_class", keys.iter().map(|key| key.numerics_class.as_str()));
        columns.strings("plan_digest", keys.iter().map(|key| key.plan_digest.as_str()));
        Ok(columns)
    }

    /// Adds a column of strings.
    pub(super) fn strings<'a>(&mut self, name: &'static str, values: impl Iterator<Item = &'a str>) {
        self.push(name, DataType::Utf8, false, Arc::new(StringArray::from_iter_values(values)));
    }

    /// Adds a column of 32-bit integers.
    pub(super) fn integers(
        &mut self,
        name: &'static str,
        values: impl Iterator<Item = u32>,
    ) -> Result<(), ResultError> {
        let fits = |value: u32| {
            i32::try_from(value).map_err(|_| ResultError::TooLarge { column: name, value: value.into() })
        };
        let values = values.map(fits).collect::<Result<Vec<_>, _>>()?;
        self.push(name, DataType::Int32, false, Arc::new(Int32Array::from(values)));
        Ok(())
    }

    /// Adds a column of counts.
    pub(super) fn counts(
        &mut self,
        name: &'static str,
        values: impl Iterator<Item = u64>,
    ) -> Result<(), ResultError> {
        let fits =
            |value: u64| i64::try_from(value).map_err(|_| ResultError::TooLarge { column: name, value });
        let values = values.map(fits).collect::<Result<Vec<_>, _>>()?;
        self.push(name, DataType::Int64, false, Arc::new(Int64Array::from(values)));
        Ok(())
    }

    /// Adds a column of numbers, some of which may be null.
    pub(super) fn numbers(&mut self, name: &'static str, values: impl Iterator<Item = Option<f64>>) {
        self.push(name, DataType::Float64, true, Arc::new(values.collect::<Float64Array>()));
    }

    /// Makes a table of the columns.
    pub(super) fn finish(self) -> Result<RecordBatch, ResultError> {
        Ok(RecordBatch::try_new(Arc::new(Schema::new(self.fields)), self.arrays)?)
    }

    fn push(&mut self, name: &'static str, data_type: DataType, nullable: bool, array: ArrayRef) {
        self.fields.push(Field::new(name, data_type, nullable));
        self.arrays.push(array);
    }
}

/// Refuses a NaN or an infinity.
pub(super) fn finite(column: &'static str, key: &Key, value: Option<f64>) -> Result<(), ResultError> {
    match value {
        Some(value) if !value.is_finite() => Err(ResultError::NotFinite {
            column,
            metric: key.metric.clone(),
            model: key.model.clone(),
            layer: key.layer,
            space: key.space.clone(),
            value,
        }),
        _ => Ok(()),
    }
}

/// Refuses a null whose status gives no reason.
pub(super) fn explained(key: &Key, value: Option<f64>, status: &str) -> Result<(), ResultError> {
    if value.is_none() && (status == OK || status.is_empty()) {
        return Err(ResultError::NullWithoutReason {
            metric: key.metric.clone(),
            model: key.model.clone(),
            layer: key.layer,
            space: key.space.clone(),
        });
    }
    Ok(())
}

/// Bits of a number in an order; breaks ties between rows that are equal in everything that identifies them.
pub(super) fn bits(value: Option<f64>) -> Option<u64> {
    value.map(f64::to_bits)
}
