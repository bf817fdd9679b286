//! Measurements and plans for people and for other programs.
//!
//! * [`table()`]: clouds, comparisons and groups, for the terminal, Markdown or LaTeX.
//! * [`study_tables()`]: the tables that a study asks for.
//! * [`json()`] and [`csv()`]: one object or line a number, exactly.
//! * [`values()`] and [`list()`]: the values of one cloud, each shaped as its metric is.
//! * [`plan()`]: what would run, in which pass.
//! * [`sheet()`] and [`facts()`]: empty tables for lists and descriptions.

mod block;
mod cell;
mod comparison;
mod csv;
mod grid;
mod groups;
mod heading;
mod json;
mod latex;
mod markdown;
mod marks;
mod metric;
mod plan;
mod record;
mod sheet;
mod study_tables;
mod table;
mod values;

#[cfg(test)]
mod tests;

pub(crate) use csv::csv;
pub(crate) use json::json;
pub(crate) use plan::plan;
pub(crate) use sheet::{facts, sheet};
pub(crate) use study_tables::study_tables;
pub(crate) use table::{Shown, Style, table};
pub(crate) use values::{list, values};
