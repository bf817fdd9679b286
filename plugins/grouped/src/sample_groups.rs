//! The rows of a sample that belong to a group, and the parts within which they are compared.

use std::collections::BTreeMap;

use isoscope_plugin_sdk::prelude::*;

/// Rows of a sample, each with the number of its group.
pub(crate) struct Grouped {
    /// Number of the group of each row of the sample; `None` for rows that are not compared.
    pub(crate) group: Vec<Option<usize>>,
    /// Rows that are compared with one another: all, or those with one value in a further column.
    pub(crate) parts: Vec<Vec<usize>>,
}

/// Finds the groups of the rows in the column `group`, and the parts in the column `within`; an empty name is one part.
///
/// Rows without a key in either column are left out. Answers why not when the rows have no such column.
///
/// # Errors
/// [`Error::Invalid`] for a column of floats, which are no keys.
pub(crate) fn find(
    sample: &Sample,
    group: &str,
    within: &str,
) -> Result<core::result::Result<Grouped, String>> {
    let mut group = match numbered(sample, group)? {
        Ok(group) => group,
        Err(reason) => return Ok(Err(reason)),
    };
    if within.is_empty() {
        let parts = vec![(0..sample.len()).filter(|i| group[*i].is_some()).collect()];
        return Ok(Ok(Grouped { group, parts }));
    }
    let part = match numbered(sample, within)? {
        Ok(part) => part,
        Err(reason) => return Ok(Err(reason)),
    };
    let mut parts: BTreeMap<usize, Vec<usize>> = BTreeMap::new();
    for (i, (group, part)) in group.iter_mut().zip(part).enumerate() {
        match part {
            None => *group = None,
            Some(part) if group.is_some() => parts.entry(part).or_default().push(i),
            Some(_) => {}
        }
    }
    Ok(Ok(Grouped { group, parts: parts.into_values().collect() }))
}

/// Numbers the keys of a column in their order; answers why not when the rows have no such column.
///
/// # Errors
/// [`Error::Invalid`] for a column of floats, which are no keys.
pub(crate) fn numbered(
    sample: &Sample,
    column: &str,
) -> Result<core::result::Result<Vec<Option<usize>>, String>> {
    if sample.is_empty() {
        return Ok(Ok(Vec::new()));
    }
    if !sample.has_column(column) {
        return Ok(Err(format!("the rows have no column \"{column}\"")));
    }
    let keys = sample.keys(column)?;
    let mut numbers: BTreeMap<&str, usize> = keys.iter().flatten().map(|key| (key.as_str(), 0)).collect();
    numbers.values_mut().enumerate().for_each(|(place, number)| *number = place);
    Ok(Ok(keys.iter().map(|key| key.as_ref().and_then(|key| numbers.get(key.as_str()).copied())).collect()))
}
