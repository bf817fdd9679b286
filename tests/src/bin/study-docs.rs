//! Writes the tables of keys of docs/studies.md anew.
#![forbid(unsafe_code)]

use isoscope_tests::study_docs::{page, renew};

fn main() -> std::io::Result<()> {
    let text = std::fs::read_to_string(page())?;
    std::fs::write(page(), renew(&text))
}
