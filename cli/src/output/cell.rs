//! One value in a table.

use super::heading::Heading;
use isoscope_core::result::Measurement;

/// Shown where a value could not be had. A cell of something never measured is empty instead.
pub(super) const NULL: &str = "–";

/// The text of a value.
#[derive(Debug, Clone, PartialEq, Default)]
pub(super) struct Cell {
    /// The value, with its error where that is wanted.
    pub(super) text: String,
    /// Whether it differs from the baseline's.
    pub(super) marked: bool,
}

impl Cell {
    /// Writes a measurement.
    pub(super) fn of(row: &Measurement, heading: Heading, errors: bool, marked: bool) -> Self {
        let error = row.std_err.filter(|_| errors).map(|error| format!("±{}", heading.write_error(error)));
        let text = row.value.map_or_else(
            || NULL.to_owned(),
            |value| heading.write(value) + error.as_deref().unwrap_or_default(),
        );
        Self { text, marked }
    }

    /// The text with its mark; in a column that has one, the others leave room for it.
    pub(super) fn draw(&self, column_has_marks: bool) -> String {
        match (self.marked, column_has_marks && !self.text.is_empty()) {
            (true, _) => format!("{}*", self.text),
            (false, true) => format!("{} ", self.text),
            (false, false) => self.text.clone(),
        }
    }
}
