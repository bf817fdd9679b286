//! The measure on centred rows, and the curve over the number of nulled principal directions, from one pass.

use isoscope_plugin_sdk::prelude::*;

use crate::pass::{LogZ, Variant, log_isotropy};

/// Largest number of nulled directions of the curve.
const LAST_NULLED: usize = 10;

/// Difference of log I that counts as equal when the best number of nulled directions is chosen.
const TIE: f64 = 1e-9;

/// The partition function of the rows minus their mean.
pub struct Centered;

impl Variant for Centered {
    const META: OpMeta = OpMeta {
        id: "partition.centered",
        kind: Kind::Metric,
        version: 1,
        needs: Needs::MomentsThenRows,
        parts: &[Part::Second],
        outputs: &[
            Output::scalar("partition.log_I_centered_pm")
                .range("(-inf, 0]")
                .better(Better::Higher)
                .invariant(&[Invariance::Rotation, Invariance::Translation, Invariance::Permutation]),
            Output::scalar("partition.log_I_centered_maxabs")
                .range("(-inf, 0]")
                .better(Better::Higher)
                .invariant(&[Invariance::Translation, Invariance::Permutation]),
            Output::vector("partition.nulling_curve_log_I_pm")
                .range("(-inf, 0]")
                .better(Better::Higher)
                .invariant(&[Invariance::Rotation, Invariance::Translation, Invariance::Permutation]),
            Output::scalar("partition.nulling_argmax").unit("directions").range("0..=10").invariant(&[
                Invariance::Rotation,
                Invariance::Translation,
                Invariance::Permutation,
            ]),
        ],
        doc: "Isotropy of the rows minus their mean, over the eigenvectors of the covariance. nulling_curve_log_I_pm gives \
              log I with the D leading principal directions removed, D = 0, 1, ..., min(10, d - 2), all from one pass: a \
              removed direction has Z = n. nulling_argmax is the least D whose value is within 1e-9 of the highest.",
        formula: "\\log I(D) = \\min_{u \\in U_D} \\log Z(u) - \\max_{u \\in U_D} \\log Z(u), \\quad \
                  U_D = \\{\\pm u_j : j > D\\} \\cup \\{0 \\text{ if } D > 0\\}, \\quad Z(u) = \\sum_i \\exp(u^\\top (x_i - \\mu))",
        reference: "Rajaee & Pilehvar 2021 (ACL), eqs. 1-2; Mu & Viswanath 2018 (ICLR), algorithm 1",
        ..OpMeta::DEFAULT
    };
    const CENTRED: bool = true;
    const UNIT_RMS: bool = false;

    fn report(z: &LogZ, out: &mut Out<'_>) -> Result<()> {
        let curve = nulling_curve(z);
        out.value("partition.log_I_centered_pm", curve[0])?;
        out.value("partition.log_I_centered_maxabs", log_isotropy(z.plus.iter().copied()))?;
        let best = curve.iter().copied().fold(f64::NEG_INFINITY, f64::max);
        let argmax = curve.iter().take_while(|v| **v < best - TIE).count();
        out.series("partition.nulling_curve_log_I_pm", &curve)?;
        out.value("partition.nulling_argmax", argmax as f64)
    }
}

/// Computes log I with the first D directions removed, for `D = 0..=min(10, d - 2)`; at least one value.
///
/// The projections are already in the eigenbasis, so removing a direction sets its column to zero: `Z = n` there.
fn nulling_curve(z: &LogZ) -> Vec<f64> {
    let last = LAST_NULLED.min(z.plus.len().saturating_sub(2));
    let removed = (z.n as f64).ln();
    (0..=last)
        .map(|k| {
            let kept = z.plus[k..].iter().chain(&z.minus[k..]).copied();
            log_isotropy(kept.chain((k > 0).then_some(removed)))
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn removed_directions_count_as_n_from_the_first_one_on() {
        let n = 100.0_f64.ln();
        let z = LogZ {
            n: 100,
            plus: vec![n + 5.0, n + 2.0, n + 1.0],
            minus: vec![n + 4.0, n + 3.0, n + 0.5],
            against_mean: vec![false; 3],
        };
        let curve = nulling_curve(&z);
        assert_eq!(curve.len(), 2);
        assert!((curve[0] + 4.5).abs() < 1e-12);
        assert!((curve[1] + 3.0).abs() < 1e-12);
    }
}
