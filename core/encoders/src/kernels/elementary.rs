//! Branch-free f32 versions of exp and erf that the compiler can vectorise.
//!
//! The coefficients of `erf` were fitted for this file by weighted least squares towards the smallest maximum error; the tests
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

/// erf(x)/x − 1 on |x| ≤ 1 as a polynomial in x², highest power first.
const ERF_NEAR: [f32; 7] =
    [7.647_119_5e-5, -7.942_357e-4, 5.179_75e-3, -0.026_848_592, 0.112_834_305, -0.376_126_05, 0.128_379_17];
/// ln(1 − erf(x)) on 1 ≤ x ≤ 4 as a polynomial in x, highest power first.
const LN_ERFC_FAR: [f32; 8] = [
    -2.168_675_2e-5,
    4.413_351_7e-4,
    -4.204_555_4e-3,
    0.025_208_239,
    -0.108_418_55,
    -0.633_219_9,
    -1.129_578_4,
    1.880_366e-4,
];
/// From here on erf rounds to 1.
const ERF_MAX: f32 = 4.0;

/// Computes the error function with an absolute error below 1.2e-7.
#[inline(always)]
#[allow(clippy::inline_always)] // only an inlined body is compiled for the caller's instruction set
pub(super) fn erf(x: f32) -> f32 {
    let a = x.abs();
    let a = if a > ERF_MAX { ERF_MAX } else { a };
    let near = a + a * polynomial(ERF_NEAR, a * a);
    let far = 1.0 - exp_of_negative(polynomial(LN_ERFC_FAR, a));
    let magnitude = if a < 1.0 { near } else { far };
    magnitude.copysign(x)
}

#[inline(always)]
#[allow(clippy::inline_always)] // only an inlined body is compiled for the caller's instruction set
fn polynomial<const N: usize>(coefficients: [f32; N], x: f32) -> f32 {
    let mut sum = 0.0;
    for c in coefficients {
        sum = sum * x + c;
    }
    sum
}

#[cfg(test)]
mod tests {
    use super::*;

    /// erf by its Maclaurin series below 3 and by the continued fraction of erfc above, both to f64 precision.
    fn erf_reference(x: f64) -> f64 {
        let a = x.abs();
        let magnitude = if a < 3.0 {
            let mut term = a;
            let mut sum = a;
            for n in 1..200 {
                term *= -a * a / f64::from(n);
                sum += term / f64::from(2 * n + 1);
            }
            sum * 2.0 / std::f64::consts::PI.sqrt()
        } else {
            let fraction = (1..200).rev().fold(a, |tail, k| a + f64::from(k) / 2.0 / tail);
            1.0 - (-a * a).exp() / (fraction * std::f64::consts::PI.sqrt())
        };
        magnitude.copysign(x)
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
    fn the_reference_erf_agrees_with_tabulated_values() {
        // Abramowitz & Stegun, table 7.1, and erfc(3.5) from table 7.3's continuation.
        for (x, erf) in
            [(0.5, 0.520_499_877_8), (1.0, 0.842_700_792_9), (2.0, 0.995_322_265_0), (3.5, 0.999_999_256_9)]
        {
            assert!((erf_reference(x) - erf).abs() < 1e-10, "{x}");
        }
    }

    #[test]
    fn erf_is_within_1_2e_7_of_the_f64_value() {
        let mut worst = 0.0_f64;
        for i in -600_000..=600_000 {
            let x = i as f32 * 1e-5;
            worst = worst.max((f64::from(erf(x)) - erf_reference(f64::from(x))).abs());
        }
        assert!(worst < 1.2e-7, "largest absolute error {worst:e}");
    }
}
