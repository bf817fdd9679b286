//! The measure as published: directions of `XᵀX`, rows as they are.

use isoscope_plugin_sdk::prelude::*;

use crate::pass::{LogZ, Variant, log_isotropy};

/// The partition function of the rows as they are.
pub struct Uncentered;

impl Variant for Uncentered {
    const META: OpMeta = OpMeta {
        id: "partition.uncentered",
        kind: Kind::Metric,
        version: 1,
        needs: Needs::MomentsThenRows,
        parts: &[Part::Second],
        outputs: &[
            Output::scalar("partition.log_I_pm")
                .range("(-inf, 0]")
                .better(Better::Higher)
                .invariant(&[Invariance::Rotation, Invariance::Permutation]),
            Output::scalar("partition.I_pm")
                .range("[0, 1]")
                .better(Better::Higher)
                .invariant(&[Invariance::Rotation, Invariance::Permutation]),
            Output::scalar("partition.log_I_maxabs")
                .range("(-inf, 0]")
                .better(Better::Higher)
                .invariant(&[Invariance::Permutation]),
            Output::scalar("partition.log_I_mean")
                .range("(-inf, 0]")
                .better(Better::Higher)
                .invariant(&[Invariance::Rotation, Invariance::Permutation]),
            Output::vector("partition.logZ_plus")
                .unit("nats")
                .range("(-inf, inf)")
                .invariant(&[Invariance::Permutation]),
            Output::vector("partition.logZ_minus")
                .unit("nats")
                .range("(-inf, inf)")
                .invariant(&[Invariance::Permutation]),
            Output::scalar("partition.shard_merge_logZ_spread")
                .unit("nats")
                .range("[0, inf)")
                .invariant(&[Invariance::Permutation]),
        ],
        doc: "Isotropy by the partition function Z over the eigenvectors u of X^T X: I = min Z / max Z, 1 is isotropic. \
              log_I_pm takes both signs of every eigenvector and depends on no convention; log_I_maxabs takes the sign \
              that makes the component of greatest magnitude positive; log_I_mean the one with u.mean >= 0, nearest to \
              published magnitudes. logZ_plus and logZ_minus list log Z(u) and log Z(-u) by descending eigenvalue, signs \
              as in log_I_maxabs; shard_merge_logZ_spread is max - min of logZ_plus. All logarithms are natural. Not \
              invariant to scale: see partition.unit_rms.",
        formula: "Z(u) = \\sum_i \\exp(u^\\top x_i), \\quad \\log I = \\min_u \\log Z(u) - \\max_u \\log Z(u)",
        reference: "Arora et al. 2016 (TACL 4); Mu & Viswanath 2018 (ICLR); Rajaee & Pilehvar 2021 (ACL), eqs. 1-2",
        ..OpMeta::DEFAULT
    };
    const CENTRED: bool = false;
    const UNIT_RMS: bool = false;

    fn report(z: &LogZ, out: &mut Out<'_>) -> Result<()> {
        let log_i = log_isotropy(z.plus.iter().chain(&z.minus).copied());
        out.value("partition.log_I_pm", log_i)?;
        out.value("partition.I_pm", log_i.exp())?;
        let maxabs = log_isotropy(z.plus.iter().copied());
        out.value("partition.log_I_maxabs", maxabs)?;
        let towards_mean = z
            .plus
            .iter()
            .zip(&z.minus)
            .zip(&z.against_mean)
            .map(|((plus, minus), against)| if *against { *minus } else { *plus });
        out.value("partition.log_I_mean", log_isotropy(towards_mean))?;
        out.series("partition.logZ_plus", &z.plus)?;
        out.series("partition.logZ_minus", &z.minus)?;
        out.value("partition.shard_merge_logZ_spread", -maxabs)
    }
}
