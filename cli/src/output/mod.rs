//! Measurements and plans for people and for other programs.
//!
//! * [`table()`]: layer × space against metric and model, for the terminal.
//! * [`json()`] and [`csv()`]: one object or line a number, exactly.
//! * [`values()`] and [`list()`]: the values of one cloud, each shaped as its metric is.
//! * [`plan()`]: what would run, in which pass.
//! * [`sheet()`] and [`facts()`]: empty tables for lists and descriptions.

mod csv;
mod grid;
mod heading;
mod json;
mod plan;
mod record;
mod sheet;
mod table;
mod values;

#[cfg(test)]
mod tests;

pub(crate) use csv::csv;
pub(crate) use json::json;
pub(crate) use plan::plan;
pub(crate) use sheet::{facts, sheet};
pub(crate) use table::table;
pub(crate) use values::{list, values};
