//! Empty tables in the style of the house.

use comfy_table::{Table, presets};

/// A table of a line each, below `header`.
pub(crate) fn sheet(header: &[&str]) -> Table {
    let mut table = Table::new();
    table.load_style(presets::UTF8_HORIZONTAL_ONLY);
    table.set_header(header.iter().copied());
    table
}

/// Names and values side by side; those without a value are left out.
pub(crate) fn facts(known: &[(&str, String)]) -> Table {
    let mut table = Table::new();
    table.load_style(presets::NOTHING);
    for (name, value) in known.iter().filter(|(_, value)| !value.is_empty()) {
        table.add_row([name, value.as_str()]);
    }
    table
}
