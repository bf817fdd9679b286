//! Every family in the half formats on the CPU, against the references in f32.
#![allow(missing_docs, clippy::unwrap_used, clippy::expect_used, clippy::print_stdout)]

mod support;

use isoscope_encoders::{Checkpoint, ComputeDevice, Precision};

use support::damage::copy_of;
use support::miniature::{all, largest_share};

#[test]
fn every_family_stays_close_to_transformers_in_the_half_formats() {
    let mut beyond = Vec::new();
    for (name, dir, sequences) in all() {
        let copy = copy_of(&dir);
        let checkpoint = Checkpoint::open(copy.path()).unwrap();
        for (precision, bound) in [(Precision::F16, 1e-2), (Precision::Bf16, 8e-2)] {
            let encoder = checkpoint.load_on(&ComputeDevice::cpu(), precision).unwrap();
            let share = largest_share(encoder.as_ref(), &sequences);
            println!("{name} {precision:?}: {share:e}");
            // In f32 the difference would be a hundred times smaller: the format was not heeded.
            if !(1e-4..=bound).contains(&share) {
                beyond.push(format!("{name} {precision:?}: {share:e}, not within 1e-4 to {bound:e}"));
            }
        }
    }
    assert!(beyond.is_empty(), "{beyond:?}");
}
