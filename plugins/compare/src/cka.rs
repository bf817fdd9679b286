//! Centred kernel alignment with linear kernels, from the joint moments.

use crate::{
    cross_moments::CrossMoments,
    joint::Joint,
    value::{Value, at_least, undefined},
};

/// Share of the terms of a debiased self-similarity below which it counts as zero: the rounding of their
/// difference.
const CANCELLED: f64 = 1e-12;

/// Computes linear CKA, `‖ÃᵀB̃‖² / (‖ÃᵀÃ‖ ‖B̃ᵀB̃‖)` in Frobenius norms, in [0, 1].
pub(crate) fn linear(m: &CrossMoments) -> Value {
    // Two rows have one distance, so any two clouds of two rows agree.
    at_least(3, m.n())?;
    let (aa, bb) = (m.aa().norm(), m.bb().norm());
    if aa <= 0.0 || bb <= 0.0 {
        return undefined("all rows of a cloud are equal");
    }
    let root = m.ab().norm() / aa.sqrt() / bb.sqrt();
    Ok((root * root).min(1.0))
}

/// Computes debiased CKA in [-1, 1]: the unbiased estimator HSIC₁ of Song et al. 2012 in place of HSIC.
///
/// HSIC₁ does not change when a constant is added to all rows of a side, so rows are taken around their mean.
/// There the sums of rows vanish, and with t = Σ|p|²|q|² the three terms are ‖PᵀQ‖² − t, Σ|p|² Σ|q|² and t.
pub(crate) fn debiased(m: &CrossMoments) -> Value {
    at_least(4, m.n())?;
    let n = m.n() as f64;
    let (trace_a, trace_b) = (m.aa().trace(), m.bb().trace());
    if trace_a <= 0.0 || trace_b <= 0.0 {
        return undefined("all rows of a cloud are equal");
    }
    // In units of Σ|p|² Σ|q|² nothing leaves the range of numbers; answers the sum and the size of its terms.
    let hsic = |joint: &Joint, traces: f64| {
        let (square, fourth) = (joint.norm() / traces * joint.norm(), joint.fourth() / traces);
        let apart = ((n - 1.0) * (n - 2.0)).recip();
        (square - fourth + apart - 2.0 * fourth / (n - 2.0), square + fourth + apart)
    };
    let (ab, _) = hsic(m.ab(), trace_a * trace_b);
    let (aa, aa_terms) = hsic(m.aa(), trace_a * trace_a);
    let (bb, bb_terms) = hsic(m.bb(), trace_b * trace_b);
    if aa <= CANCELLED * aa_terms || bb <= CANCELLED * bb_terms {
        return undefined("the debiased similarity of a cloud with itself is zero");
    }
    Ok((ab / (aa.sqrt() * bb.sqrt())).clamp(-1.0, 1.0))
}
