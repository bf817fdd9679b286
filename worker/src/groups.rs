//! Moments folded group by group: rows of the same key of a column are a cloud of their own.

use crate::error::WorkerError;
use crate::rows::Columns;
use isoscope_core::catalogue::Part;
use isoscope_core::moments::Moments;
use ndarray::{ArrayView2, Axis};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// Most bytes that the groups of one space and layer may take: a column of keys without end must not take the worker down.
const MOST_BYTES: usize = 1 << 30;

/// The moments of each group of rows of one space.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Groups {
    /// Moments by key.
    pub clouds: BTreeMap<String, Moments>,
    /// Rows that have no key.
    pub without_key: u64,
}

/// How rows are parted.
#[derive(Debug, Clone)]
pub struct Grouping {
    /// Node of the space.
    pub node: u32,
    /// Index among the groupings of the node.
    pub index: u32,
    /// Column of the keys.
    pub column: String,
    /// Parts of the moments to fold.
    pub parts: Vec<Part>,
    /// Width of a row.
    pub width: usize,
}

impl Grouping {
    /// Begins with no group.
    #[must_use]
    pub fn begin(&self) -> Groups {
        Groups { clouds: BTreeMap::new(), without_key: 0 }
    }

    /// Adds rows, n×d, to the groups of their keys.
    ///
    /// # Errors
    /// When there are more groups than memory is set aside for.
    pub fn absorb(
        &self,
        groups: &mut Groups,
        rows: ArrayView2<'_, f64>,
        columns: &Columns,
    ) -> Result<(), WorkerError> {
        let mut places: BTreeMap<String, Vec<usize>> = BTreeMap::new();
        for i in 0..rows.nrows() {
            match columns.key(&self.column, i) {
                Some(key) => places.entry(key.into_owned()).or_default().push(i),
                None => groups.without_key += 1,
            }
        }
        for (key, places) in places {
            let cloud = groups.clouds.entry(key).or_insert_with(|| Moments::empty(&self.parts, self.width));
            cloud.absorb(rows.select(Axis(0), &places).view());
        }
        self.check(groups)
    }

    /// Adds the groups of other rows.
    ///
    /// # Errors
    /// When states do not belong together, or there are more groups than memory is set aside for.
    pub fn merge(&self, groups: &mut Groups, other: Groups) -> Result<(), WorkerError> {
        groups.without_key += other.without_key;
        for (key, moments) in other.clouds {
            match groups.clouds.get_mut(&key) {
                Some(known) => known.merge(&moments)?,
                None => drop(groups.clouds.insert(key, moments)),
            }
        }
        self.check(groups)
    }

    fn check(&self, groups: &Groups) -> Result<(), WorkerError> {
        let width = if self.parts.contains(&Part::Second) { self.width } else { 8 };
        let most = (MOST_BYTES / (self.width * width * size_of::<f64>()).max(1)).max(1);
        if groups.clouds.len() <= most {
            return Ok(());
        }
        Err(WorkerError::TooManyGroups { column: self.column.clone(), most, width: self.width })
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use ndarray::array;

    fn grouping(width: usize) -> Grouping {
        Grouping { node: 0, index: 0, column: "position".into(), parts: vec![Part::Second], width }
    }

    fn columns(position: Vec<i64>) -> Columns {
        Columns { row: (0..position.len() as i64).collect(), position, ..Columns::default() }
    }

    #[test]
    fn rows_of_a_key_are_a_cloud_of_their_own() {
        let grouping = grouping(2);
        let rows = array![[1.0, 0.0], [5.0, 5.0], [3.0, 0.0]];
        let mut groups = grouping.begin();
        grouping.absorb(&mut groups, rows.view(), &columns(vec![1, 2, 1])).unwrap();
        let mut other = grouping.begin();
        grouping.absorb(&mut other, array![[5.0, 0.0]].view(), &columns(vec![1])).unwrap();
        grouping.merge(&mut groups, other).unwrap();
        assert_eq!(groups.clouds.keys().collect::<Vec<_>>(), ["1", "2"]);
        let first = groups.clouds["1"].second.as_ref().unwrap();
        assert_eq!((first.n, first.mean[0]), (3, 3.0));
    }

    #[test]
    fn groups_without_end_are_refused_by_the_name_of_their_column() {
        let grouping = grouping(9000);
        let mut groups = grouping.begin();
        let rows = ndarray::Array2::zeros((3, 9000));
        let error = grouping.absorb(&mut groups, rows.view(), &columns(vec![1, 2, 3])).unwrap_err();
        assert!(error.to_string().contains("`position`"), "{error}");
    }
}
