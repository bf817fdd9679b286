//! A third party's metric as it stands in its own crate, seen through the exported symbol.

#![allow(clippy::unwrap_used, clippy::expect_used)]
// A crate that forbids unsafe code can export a plugin.
#![forbid(unsafe_code)]

use isoscope_plugin_sdk::prelude::*;
use isoscope_plugin_sdk::testing;
use ndarray::array;

/// Share of the energy that lies in the mean vector.
pub struct MeanEnergy;

impl MomentMetric for MeanEnergy {
    const META: OpMeta = OpMeta {
        id: "mean_energy",
        needs: Needs::Moments,
        outputs: &[Output::scalar("mean_energy").range("[0, 1]")],
        ..OpMeta::DEFAULT
    };
    type Params = NoParams;

    fn open(_: NoParams) -> Result<Self> {
        Ok(Self)
    }

    fn measure(&self, m: &Moments<'_>, out: &mut Out<'_>) -> Result<()> {
        let energy: f64 = m.mean().iter().map(|x| x * x).sum();
        out.value("mean_energy", energy / m.mean_squared_norm())
    }
}

export_plugin!("org.example.mean-energy", MomentOp<MeanEnergy>);

#[test]
fn mean_energy_of_two_opposite_rows_is_zero_and_of_equal_rows_is_one() {
    let (opposite, _) =
        testing::measure::<MomentOp<MeanEnergy>>("", &testing::moments_of(&array![[1.0, 2.0], [-1.0, -2.0]]))
            .unwrap();
    assert_eq!(opposite.value("mean_energy"), Some(0.0));
    let (equal, _) =
        testing::measure::<MomentOp<MeanEnergy>>("{}", &testing::moments_of(&array![[1.0, 2.0], [1.0, 2.0]]))
            .unwrap();
    assert_eq!(equal.value("mean_energy"), Some(1.0));
    assert_eq!(equal.rows[0].n, 2);
}

#[test]
fn a_value_that_is_not_finite_becomes_a_null_with_a_reason() {
    let (zero, _) =
        testing::measure::<MomentOp<MeanEnergy>>("{}", &testing::moments_of(&array![[0.0, 0.0]])).unwrap();
    assert_eq!(zero.value("mean_energy"), None);
    assert_eq!(zero.status("mean_energy"), Some("the value is not finite"));
}
