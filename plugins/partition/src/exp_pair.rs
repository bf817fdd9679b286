//! The exponentials of a number and of its negative in one go, written so that the compiler vectorises them.
//!
//! The pass over the rows needs both `e^p` and `e^{-p}` of every projection. They share the argument reduction
//! `p = k ln 2 + r` with `|r| <= ln 2 / 2`, and with `c = cosh r` and `s = sinh r`
//!
//! ```text
//! e^p  = 2^k  (c + s)        e^-p = 2^-k (c - s)
//! ```
//!
//! so one even and one odd Taylor polynomial give both. The power of two is kept apart: a sum of exponentials holds its
//! own binary exponent, no intermediate value overflows, and rescaling the sum is exact.
//!
//! No fused multiply-add is used, on purpose: the same bits come out of every instruction set.

/// `1 / ln 2`.
const INV_LN2: f64 = std::f64::consts::LOG2_E;
/// The first 32 bits of `ln 2`: its product with an integer below 2^20 is exact.
const LN2_HI: f64 = f64::from_bits(0x3FE6_2E42_FEE0_0000);
/// `ln 2 - LN2_HI`.
const LN2_LO: f64 = f64::from_bits(0x3DEA_39EF_3579_3C76);
/// Adding and subtracting 1.5 · 2^52 rounds a double to the nearest integer.
const ROUND: f64 = 6_755_399_441_055_744.0;
/// 2^52 + 1023: added to an integer exponent it leaves the biased exponent in the low bits of the mantissa.
const BIASED: f64 = 4_503_599_627_371_519.0;
/// Exponent that stands for zero; anything at or below it contributes nothing to a sum that is at least 1/2.
const LOWEST: f64 = -1023.0;

/// Largest magnitude of an argument for which the reduction is meaningful in double precision.
///
/// Beyond it the rounding error of the argument itself passes 1e-4, so the exponential carries no information.
pub(crate) const LARGEST: f64 = 1e12;

/// Returns the binary exponent `k`, the integer nearest to `p / ln 2`.
///
/// Monotone in `p`, so the largest exponent of a column belongs to its largest entry.
#[inline(always)]
#[allow(clippy::inline_always)] // must inline into the caller's instruction set to be vectorised
pub(crate) fn exponent(p: f64) -> f64 {
    (p * INV_LN2 + ROUND) - ROUND
}

/// Returns `2^k` for an integer `k <= 1023`, and 0 for `k <= -1023`.
#[inline(always)]
#[allow(clippy::inline_always)]
pub(crate) fn power_of_two(k: f64) -> f64 {
    let k = if k > LOWEST { k } else { LOWEST };
    f64::from_bits((k + BIASED).to_bits() << 52)
}

/// Returns `(k, e^p / 2^k, e^-p · 2^k)`, each factor in `[0.70, 1.42]`, with a relative error below 5e-16.
#[inline(always)]
#[allow(clippy::inline_always)]
pub(crate) fn exp_pair(p: f64) -> (f64, f64, f64) {
    let k = exponent(p);
    let r = (p - k * LN2_HI) - k * LN2_LO;
    let q = r * r;
    // 1/n! in Horner form. The first omitted terms are r^14/14! < 5e-18 and r^15/15! < 1e-19.
    let cosh_minus_one = q
        * (1.0 / 2.0
            + q * (1.0 / 24.0
                + q * (1.0 / 720.0
                    + q * (1.0 / 40_320.0 + q * (1.0 / 3_628_800.0 + q * (1.0 / 479_001_600.0))))));
    let sinh = r + r
        * (q * (1.0 / 6.0
            + q * (1.0 / 120.0
                + q * (1.0 / 5_040.0
                    + q * (1.0 / 362_880.0 + q * (1.0 / 39_916_800.0 + q * (1.0 / 6_227_020_800.0)))))));
    (k, 1.0 + (cosh_minus_one + sinh), 1.0 + (cosh_minus_one - sinh))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(p: f64) {
        let (k, up, down) = exp_pair(p);
        // 2^k as two factors, so that neither overflows where e^p does not.
        let half = (k / 2.0).floor();
        let plus = up * half.exp2() * (k - half).exp2();
        let minus = down * (-half).exp2() * (half - k).exp2();
        for (ours, theirs) in [(plus, p.exp()), (minus, (-p).exp())] {
            if theirs.is_normal() {
                assert!((ours / theirs - 1.0).abs() < 6e-16, "exp at {p}: {ours} against {theirs}");
            }
        }
    }

    #[test]
    fn exponentials_agree_with_the_standard_library_over_the_whole_range() {
        let steps = 400_000;
        for i in 0..=steps {
            check(-708.0 + 1416.0 * f64::from(i) / f64::from(steps));
        }
        for e in -60..10 {
            check(1.234_567 * f64::from(e).exp2());
            check(-1.234_567 * f64::from(e).exp2());
        }
        check(0.0);
    }

    #[test]
    fn zero_gives_exactly_one() {
        let (k, up, down) = exp_pair(0.0);
        assert_eq!((k.to_bits(), up.to_bits(), down.to_bits()), (0, 1.0_f64.to_bits(), 1.0_f64.to_bits()));
    }

    #[test]
    fn powers_of_two_are_exact_and_vanish_below_the_smallest_normal_number() {
        for k in -1022..=1023 {
            assert_eq!(power_of_two(f64::from(k)).to_bits(), f64::from(k).exp2().to_bits());
        }
        for k in [-1023.0, -5000.0, -1e15, f64::NEG_INFINITY] {
            assert_eq!(power_of_two(k).to_bits(), 0);
        }
    }

    #[test]
    fn large_arguments_keep_the_precision_of_the_argument() {
        // e^p = 2^k u, so k ln 2 + ln u must give p back.
        for p in [1e3, 12_345.678, 56_568.4, 9.9e5, 3.3e8, 9e11] {
            let (k, up, down) = exp_pair(p);
            assert!(((k * std::f64::consts::LN_2 + up.ln()) / p - 1.0).abs() < 4e-16, "{p}");
            assert!(((k * std::f64::consts::LN_2 - down.ln()) / p - 1.0).abs() < 4e-16, "{p}");
        }
    }
}
