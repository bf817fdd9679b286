//! The measure after division by the root-mean-square entry, so that it no longer depends on the scale of the rows.

use isoscope_plugin_sdk::prelude::*;

use crate::pass::{LogZ, Variant, log_isotropy};

/// The partition function of the rows divided by their RMS entry.
pub struct UnitRms;

impl Variant for UnitRms {
    const META: OpMeta = OpMeta {
        id: "partition.unit_rms",
        kind: Kind::Metric,
        version: 1,
        needs: Needs::MomentsThenRows,
        parts: &[Part::Second],
        outputs: &[Output::scalar("partition.log_I_pm_unit_rms")
            .range("(-inf, 0]")
            .better(Better::Higher)
            .invariant(&[Invariance::Rotation, Invariance::Scale, Invariance::Permutation])],
        doc: "log_I_pm after the matrix is divided by the root mean square of its entries. I(W) itself tends to 1 as W \
              shrinks, so models whose norms differ are compared by this value.",
        formula: "\\log I_{\\pm}(X / r), \\quad r = \\sqrt{\\|X\\|_F^2 / (n d)}",
        reference: "Rajaee & Pilehvar 2021 (ACL), eqs. 1-2, on rescaled rows",
        ..OpMeta::DEFAULT
    };
    const CENTRED: bool = false;
    const UNIT_RMS: bool = true;

    fn report(z: &LogZ, out: &mut Out<'_>) -> Result<()> {
        out.value("partition.log_I_pm_unit_rms", log_isotropy(z.plus.iter().chain(&z.minus).copied()))
    }
}

/// The same for the centred rows, which are divided by the RMS entry of the centred matrix.
pub struct CenteredUnitRms;

impl Variant for CenteredUnitRms {
    const META: OpMeta = OpMeta {
        id: "partition.centered_unit_rms",
        kind: Kind::Metric,
        version: 1,
        needs: Needs::MomentsThenRows,
        parts: &[Part::Second],
        outputs: &[Output::scalar("partition.log_I_centered_pm_unit_rms")
            .range("(-inf, 0]")
            .better(Better::Higher)
            .invariant(&[
                Invariance::Rotation,
                Invariance::Translation,
                Invariance::Scale,
                Invariance::Permutation,
            ])],
        doc: "log_I_centered_pm after the centred matrix is divided by the root mean square of its entries.",
        formula: "\\log I_{\\pm}(\\tilde X / r), \\quad \\tilde X = X - 1\\mu^\\top, \\quad r = \\sqrt{\\|\\tilde X\\|_F^2 / (n d)}",
        reference: "Rajaee & Pilehvar 2021 (ACL), eqs. 1-2, on centred and rescaled rows",
        ..OpMeta::DEFAULT
    };
    const CENTRED: bool = true;
    const UNIT_RMS: bool = true;

    fn report(z: &LogZ, out: &mut Out<'_>) -> Result<()> {
        out.value(
            "partition.log_I_centered_pm_unit_rms",
            log_isotropy(z.plus.iter().chain(&z.minus).copied()),
        )
    }
}
