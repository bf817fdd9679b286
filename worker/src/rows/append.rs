//! Columns put one after the other.

use super::{Column, Columns};
use isoscope_core::facts::ColumnType;

impl Column {
    /// Appends the values of a column of the same type.
    pub fn append(&mut self, other: &Self) {
        for i in 0..other.len() {
            match other.values() {
                ColumnType::I64 => self.push_i64(other.i64(i)),
                ColumnType::F64 => self.push_f64(other.f64(i)),
                ColumnType::Text => self.push_text(other.text(i)),
            }
        }
    }
}

impl Columns {
    /// Appends the columns of further rows of the same dataset; an empty side takes what the other has.
    pub fn append(&mut self, other: Self) {
        if self.is_empty() {
            *self = other;
            return;
        }
        self.row.extend(other.row);
        self.sentence.extend(other.sentence);
        self.token_id.extend(other.token_id);
        self.position.extend(other.position);
        self.gold.extend(other.gold);
        self.word_place.extend(other.word_place);
        for (name, column) in &mut self.more {
            if let Some(more) = other.more.get(name) {
                column.append(more);
            }
        }
    }
}
