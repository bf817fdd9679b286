//! A value of a measure, or the reason why there is none.

use isoscope_plugin_sdk::prelude::*;

/// A number, or why it is undefined, in words for people.
pub(crate) type Value = core::result::Result<f64, String>;

/// Says that a measure is undefined.
pub(crate) fn undefined<T>(reason: impl Into<String>) -> core::result::Result<T, String> {
    Err(reason.into())
}

/// Writes a value, or a null with its reason.
///
/// # Errors
/// Passes on what the host answers.
pub(crate) fn write(out: &mut Out<'_>, id: &str, value: &Value) -> Result<()> {
    match value {
        Ok(value) => out.value(id, *value),
        Err(reason) => out.null(id, reason),
    }
}

/// Asks for rows of equal width in both clouds.
pub(crate) fn same_width(a: usize, b: usize) -> core::result::Result<(), String> {
    if a == b { Ok(()) } else { Err(format!("the clouds differ in width, {a} and {b}")) }
}

/// Asks for some number of rows.
pub(crate) fn at_least(least: u64, n: u64) -> core::result::Result<(), String> {
    if n < least { Err(format!("fewer than {least} rows")) } else { Ok(()) }
}
