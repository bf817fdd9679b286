//! One column: a value for each row, or none.

use isoscope_core::facts::ColumnType;
use isoscope_plugin_host::{ColumnValues, ColumnView};
use serde::{Deserialize, Serialize};
use std::borrow::Cow;

/// A column of values of one type, some of which may be missing.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Column {
    values: Values,
    /// Whether values are there, a bit each, least significant first; none when all of them are.
    valid: Option<Vec<u8>>,
    scope: Scope,
}

/// What a value belongs to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum Scope {
    /// The row of the dataset: all tokens of a sentence share it.
    Sentence,
    /// A word: a sentence as a whole has no such value.
    Word,
}

/// The values; where one is missing stands 0 or the empty string.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
enum Values {
    I64(Vec<i64>),
    F64(Vec<f64>),
    /// Strings as Arrow lays them out: one offset more than there are strings, and their bytes.
    Text {
        offsets: Vec<i32>,
        bytes: Vec<u8>,
    },
}

impl Column {
    /// Begins an empty column.
    #[must_use]
    pub fn new(values: ColumnType, scope: Scope) -> Self {
        let values = match values {
            ColumnType::I64 => Values::I64(Vec::new()),
            ColumnType::F64 => Values::F64(Vec::new()),
            ColumnType::Text => Values::Text { offsets: vec![0], bytes: Vec::new() },
        };
        Self { values, valid: None, scope }
    }

    /// Makes a column of whole numbers, all of them there.
    #[must_use]
    pub fn of_i64s(values: Vec<i64>, scope: Scope) -> Self {
        Self { values: Values::I64(values), valid: None, scope }
    }

    /// Makes a column of floats, all of them there.
    #[must_use]
    pub fn of_f64s(values: Vec<f64>, scope: Scope) -> Self {
        Self { values: Values::F64(values), valid: None, scope }
    }

    /// Makes a column of strings.
    #[must_use]
    pub fn of_texts<'a>(texts: impl IntoIterator<Item = Option<&'a str>>, scope: Scope) -> Self {
        let mut column = Self::new(ColumnType::Text, scope);
        for text in texts {
            column.push_text(text);
        }
        column
    }

    /// Number of rows.
    #[must_use]
    pub fn len(&self) -> usize {
        match &self.values {
            Values::I64(values) => values.len(),
            Values::F64(values) => values.len(),
            Values::Text { offsets, .. } => offsets.len() - 1,
        }
    }

    /// Tells whether there are no rows.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Type of the values.
    #[must_use]
    pub fn values(&self) -> ColumnType {
        match self.values {
            Values::I64(_) => ColumnType::I64,
            Values::F64(_) => ColumnType::F64,
            Values::Text { .. } => ColumnType::Text,
        }
    }

    /// What a value belongs to.
    #[must_use]
    pub fn scope(&self) -> Scope {
        self.scope
    }

    /// Appends a whole number; a float to a column of floats, nothing to one of strings.
    pub fn push_i64(&mut self, value: Option<i64>) {
        match &mut self.values {
            Values::I64(values) => values.push(value.unwrap_or_default()),
            Values::F64(values) => values.push(value.unwrap_or_default() as f64),
            Values::Text { .. } => return self.push_text(None),
        }
        self.mark(value.is_some());
    }

    /// Appends a float; a column of another type misses the value.
    pub fn push_f64(&mut self, value: Option<f64>) {
        match &mut self.values {
            Values::F64(values) => values.push(value.unwrap_or_default()),
            Values::I64(_) => return self.push_i64(None),
            Values::Text { .. } => return self.push_text(None),
        }
        self.mark(value.is_some());
    }

    /// Appends a string; a column of another type misses the value.
    pub fn push_text(&mut self, value: Option<&str>) {
        match &mut self.values {
            Values::Text { offsets, bytes } => {
                bytes.extend_from_slice(value.unwrap_or_default().as_bytes());
                offsets.push(bytes.len() as i32);
            }
            Values::I64(_) => return self.push_i64(None),
            Values::F64(_) => return self.push_f64(None),
        }
        self.mark(value.is_some());
    }

    /// Notes whether the value appended last is there.
    fn mark(&mut self, there: bool) {
        let i = self.len() - 1;
        if there && self.valid.is_none() {
            return;
        }
        let bits = self.valid.get_or_insert_with(|| {
            let mut bits = vec![u8::MAX; i.div_ceil(8)];
            if let Some(last) = bits.last_mut().filter(|_| !i.is_multiple_of(8)) {
                *last = (1 << (i % 8)) - 1;
            }
            bits
        });
        bits.resize(i / 8 + 1, 0);
        bits[i / 8] |= u8::from(there) << (i % 8);
    }

    /// Tells whether row `i` has a value.
    #[must_use]
    pub fn is_valid(&self, i: usize) -> bool {
        i < self.len()
            && self
                .valid
                .as_ref()
                .is_none_or(|bits| bits.get(i / 8).is_some_and(|byte| byte >> (i % 8) & 1 == 1))
    }

    /// The whole number of row `i`.
    #[must_use]
    pub fn i64(&self, i: usize) -> Option<i64> {
        match &self.values {
            Values::I64(values) if self.is_valid(i) => values.get(i).copied(),
            _ => None,
        }
    }

    /// The float of row `i`.
    #[must_use]
    pub fn f64(&self, i: usize) -> Option<f64> {
        match &self.values {
            Values::F64(values) if self.is_valid(i) => values.get(i).copied(),
            _ => None,
        }
    }

    /// The string of row `i`.
    #[must_use]
    pub fn text(&self, i: usize) -> Option<&str> {
        match &self.values {
            Values::Text { offsets, bytes } if self.is_valid(i) => {
                let range = *offsets.get(i)? as usize..*offsets.get(i + 1)? as usize;
                std::str::from_utf8(bytes.get(range)?).ok()
            }
            _ => None,
        }
    }

    /// The value of row `i` as the key of a group: whole numbers in decimal, floats as the whole number below.
    #[must_use]
    pub fn key(&self, i: usize) -> Option<Cow<'_, str>> {
        match &self.values {
            Values::I64(_) => self.i64(i).map(decimal),
            Values::F64(_) => self.f64(i).map(bin),
            Values::Text { .. } => self.text(i).map(Cow::Borrowed),
        }
    }

    /// Keeps the rows at the given places, which may repeat.
    #[must_use]
    pub fn select(&self, places: &[usize]) -> Self {
        let mut picked = Self::new(self.values(), self.scope);
        match (&self.values, &mut picked.values) {
            (Values::I64(from), Values::I64(to)) => to.extend(places.iter().map(|&i| from[i])),
            (Values::F64(from), Values::F64(to)) => to.extend(places.iter().map(|&i| from[i])),
            (Values::Text { offsets, bytes }, Values::Text { offsets: ends, bytes: to }) => {
                ends.reserve(places.len());
                for &i in places {
                    to.extend_from_slice(&bytes[offsets[i] as usize..offsets[i + 1] as usize]);
                    ends.push(to.len() as i32);
                }
            }
            _ => {}
        }
        if self.valid.is_some() {
            let mut bits = vec![0_u8; places.len().div_ceil(8)];
            for (to, &from) in places.iter().enumerate() {
                bits[to / 8] |= u8::from(self.is_valid(from)) << (to % 8);
            }
            picked.valid = Some(bits);
        }
        picked
    }

    /// Borrows the column for a plugin.
    pub(super) fn view<'a>(&'a self, name: &'a str) -> ColumnView<'a> {
        let values = match &self.values {
            Values::I64(values) => ColumnValues::I64(values),
            Values::F64(values) => ColumnValues::F64(values),
            Values::Text { offsets, bytes } => ColumnValues::Utf8 { offsets, bytes },
        };
        ColumnView { name, values, validity: self.valid.as_deref() }
    }
}

/// A whole number as a key.
pub(super) fn decimal(value: i64) -> Cow<'static, str> {
    Cow::Owned(value.to_string())
}

/// A float as a key: the whole number below it. There is no bin for what is not finite, and no bin `-0`.
pub(super) fn bin(value: f64) -> Cow<'static, str> {
    Cow::Owned(if value.is_finite() { format!("{}", value.floor() + 0.0) } else { value.to_string() })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn texts() -> Column {
        let mut words: Vec<Option<&str>> = vec![Some("a"); 9];
        words.extend([None, Some(""), Some("été")]);
        Column::of_texts(words, Scope::Word)
    }

    #[test]
    fn missing_values_are_told_from_empty_ones_wherever_they_stand() {
        let column = texts();
        assert_eq!((column.len(), column.text(0), column.text(8)), (12, Some("a"), Some("a")));
        assert_eq!((column.text(9), column.text(10), column.text(11)), (None, Some(""), Some("été")));
        assert!(column.text(12).is_none() && column.is_valid(8) && !column.is_valid(9));
        let mut first = Column::new(ColumnType::I64, Scope::Sentence);
        first.push_i64(None);
        first.push_i64(Some(-3));
        assert_eq!((first.i64(0), first.i64(1)), (None, Some(-3)));
    }

    #[test]
    fn a_selection_keeps_values_and_gaps_in_the_order_asked_for() {
        let picked = texts().select(&[11, 9, 0, 11]);
        let values: Vec<_> = (0..4).map(|i| picked.text(i)).collect();
        assert_eq!(values, [Some("été"), None, Some("a"), Some("été")]);
        assert_eq!(picked.scope(), Scope::Word);
        assert_eq!(Column::of_f64s(vec![0.5, 1.5], Scope::Word).select(&[1]).f64(0), Some(1.5));
    }

    #[test]
    fn keys_are_text_for_every_type() {
        let numbers = Column::of_i64s(vec![-7, 12], Scope::Sentence);
        assert_eq!((numbers.key(0).as_deref(), numbers.key(1).as_deref()), (Some("-7"), Some("12")));
        let mut floats = Column::of_f64s(vec![3.99, -0.5, -0.0], Scope::Sentence);
        floats.push_f64(None);
        let keys: Vec<_> = (0..4).map(|i| floats.key(i).map(Cow::into_owned)).collect();
        assert_eq!(keys, [Some("3".to_owned()), Some("-1".to_owned()), Some("0".to_owned()), None]);
        assert_eq!(texts().key(11).as_deref(), Some("été"));
    }
}
