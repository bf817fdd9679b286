//! Branch-free f32 versions of exp and of the normal distribution's tail that the compiler can vectorise.
//!
//! The coefficients of the tail were fitted for this file by weighted least squares towards the smallest maximum error; the tests
//! hold both functions to f64 references.

const LOG2_E: f32 = std::f32::consts::LOG2_E;
/// ln 2 split in two: the first part has few bits, so its product with a small integer is exact.
const LN_2_HIGH: f32 = 355.0 / 512.0;
const LN_2_LOW: f32 = -2.121_944_4e-4;
/// 1.5·2²³: adding it rounds to an integer that then lies in the low bits of the sum.
const ROUND: f32 = 12_582_912.0;
/// Below this exp leaves the normal range of f32.
const EXP_MIN: f32 = -87.0;

/// Computes eˣ for x ≤ 0 with a relative error below 1.2e-7; arguments under −87 give e⁻⁸⁷ (1.6e-38).
#[inline(always)]
#[allow(clippy::inline_always)] // only an inlined body is compiled for the caller's instruction set
pub(super) fn exp_of_negative(x: f32) -> f32 {
    let x = if x < EXP_MIN { EXP_MIN } else { x };
    let shifted = x * LOG2_E + ROUND;
    let n = shifted - ROUND;
    let r = (x - n * LN_2_HIGH) - n * LN_2_LOW;
    // Taylor's series to the seventh order: the remainder on |r| ≤ ln 2 / 2 is 5e-9.
    let mut p = 1.0 / 5040.0;
    for c in [1.0 / 720.0, 1.0 / 120.0, 1.0 / 24.0, 1.0 / 6.0, 0.5, 1.0, 1.0] {
        p = p * r + c;
    }
    p * f32::from_bits(shifted.to_bits().wrapping_add(127) << 23)
}

/// log₂(2Φ(−a))/a on 0 ≤ a ≤ 14 as a polynomial in a, highest power first; Φ is the normal distribution function.
const LOG_TAIL: [f32; 10] = [
    -1.456_753_1e-8,
    5.781_681_7e-7,
    -8.933_718e-6,
    6.914_807e-5,
    -2.650_384e-4,
    -1.763_871_2e-5,
    6.960_939_6e-3,
    -0.052_449,
    -0.459_218_32,
    -1.151_104_5,
];
/// 2ʳ on |r| ≤ ½, likewise.
const EXP_2: [f32; 6] = [1.327_647_1e-3, 9.675_541e-3, 0.055_507_13, 0.240_221_2, 0.693_146_94, 1.000_000_1];
/// From here on the tail is below the normal range of f32.
const TAIL_END: f32 = 14.0;

/// Computes a·2Φ(−a) for a ≥ 0: twice what the normal distribution holds above a, times a, with an absolute error below 1.6e-7;
/// arguments above 14 give less than 1e-36.
///
/// The tail is one exponential of one polynomial, everywhere: two branches of which each value needs one would both be computed.
#[inline(always)]
#[allow(clippy::inline_always)] // only an inlined body is compiled for the caller's instruction set
pub(super) fn tail_moment(a: f32) -> f32 {
    let a = if a > TAIL_END { TAIL_END } else { a };
    let exponent = a * polynomial(LOG_TAIL, a);
    let exponent = if exponent < -126.0 { -126.0 } else { exponent };
    let shifted = exponent + ROUND;
    let fraction = exponent - (shifted - ROUND);
    a * (polynomial(EXP_2, fraction) * f32::from_bits(shifted.to_bits().wrapping_add(127) << 23))
}

/// Evaluates a polynomial of an even number of coefficients, highest power first: even and odd powers apart, as one chain of
/// products and sums would keep the processor waiting for each.
#[inline(always)]
#[allow(clippy::inline_always)] // only an inlined body is compiled for the caller's instruction set
fn polynomial<const N: usize>(coefficients: [f32; N], x: f32) -> f32 {
    let square = x * x;
    // From the first pair on, not from zero: the compiler may not drop a product with zero.
    let (mut odd, mut even) = (coefficients[0], coefficients[1]);
    for pair in coefficients[2..].chunks_exact(2) {
        odd = odd * square + pair[0];
        even = even * square + pair[1];
    }
    odd * x + even
}

#[cfg(test)]
mod tests {
    use super::*;

    /// 2Φ(−a) = erfc(a/√2), by the Maclaurin series of erf below 3 and by the continued fraction of erfc above, to f64 precision.
    fn tail_reference(a: f64) -> f64 {
        let a = a / 2.0_f64.sqrt();
        if a < 3.0 {
            let mut term = a;
            let mut sum = a;
            for n in 1..200 {
                term *= -a * a / f64::from(n);
                sum += term / f64::from(2 * n + 1);
            }
            1.0 - sum * 2.0 / std::f64::consts::PI.sqrt()
        } else {
            let fraction = (1..200).rev().fold(a, |tail, k| a + f64::from(k) / 2.0 / tail);
            (-a * a).exp() / (fraction * std::f64::consts::PI.sqrt())
        }
    }

    #[test]
    fn exp_is_within_one_rounding_of_the_f64_value() {
        let mut worst = 0.0_f64;
        for i in 0..=870_000 {
            let x = -(i as f32) * 1e-4;
            let expected = f64::from(x).exp();
            worst = worst.max((f64::from(exp_of_negative(x)) / expected - 1.0).abs());
        }
        assert!(worst < 1.2e-7, "largest relative error {worst:e}");
    }

    #[test]
    fn exp_of_minus_infinity_is_negligible_and_finite() {
        assert!(exp_of_negative(f32::NEG_INFINITY) < 2e-38);
        assert!((exp_of_negative(0.0) - 1.0).abs() < f32::EPSILON);
    }

    #[test]
    fn the_reference_tail_agrees_with_tabulated_values() {
        // Abramowitz & Stegun, table 7.1, and erfc(3.5) from table 7.3's continuation.
        for (x, erf) in
            [(0.5, 0.520_499_877_8), (1.0, 0.842_700_792_9), (2.0, 0.995_322_265_0), (3.5, 0.999_999_256_9)]
        {
            assert!((1.0 - tail_reference(x * 2.0_f64.sqrt()) - erf).abs() < 1e-10, "{x}");
        }
    }

    #[test]
    fn the_tail_moment_is_within_1_6e_7_of_the_f64_value() {
        let mut worst = 0.0_f64;
        for i in 0..=1_600_000 {
            let a = i as f32 * 1e-5;
            let expected = f64::from(a) * tail_reference(f64::from(a));
            worst = worst.max((f64::from(tail_moment(a)) - expected).abs());
        }
        assert!(worst < 1.6e-7, "largest absolute error {worst:e}");
    }

    #[test]
    fn the_tail_moment_ends_in_nothing() {
        assert!((0.0..1e-36).contains(&tail_moment(f32::INFINITY)));
        assert!(tail_moment(0.0).abs() < f32::MIN_POSITIVE);
        assert!(tail_moment(f32::NAN).is_nan());
    }
}
