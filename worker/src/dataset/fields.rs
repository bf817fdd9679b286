//! Which fields of a file the rows take along, and under which names.

use isoscope_core::study::{DatasetSpec, Format};

/// A field that rows take along.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Field<'a> {
    /// Name of the column of the rows.
    pub(super) name: &'a str,
    /// Name in the file.
    pub(super) column: &'a str,
}

/// Lists the fields that rows take along, in the order in which readers yield them; of a `conllu` file those of words.
pub(super) fn fields(spec: &DatasetSpec, format: Format) -> Vec<Field<'_>> {
    if !format.has_fields() && format != Format::Conllu {
        return Vec::new();
    }
    let label = spec.label.as_deref().map(|column| Field { name: "label", column });
    let split = spec.split.as_deref().map(|column| Field { name: "split", column });
    let carried = spec.carry.iter().map(|column| Field { name: column, column });
    label.into_iter().chain(split).chain(carried).collect()
}
