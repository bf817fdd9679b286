//! Little-endian number formats to f32, exactly.

/// A stored number format that every value of which is an f32.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Format {
    /// IEEE 754 single precision.
    F32,
    /// IEEE 754 half precision.
    F16,
    /// The upper half of an f32.
    Bf16,
}

/// Reads numbers from bytes; an incomplete number at the end is left out.
pub(super) fn widen(bytes: &[u8], format: Format) -> Vec<f32> {
    let halves = || bytes.chunks_exact(2).map(|b| u16::from_le_bytes([b[0], b[1]]));
    match format {
        Format::F32 => bytes.chunks_exact(4).map(|b| f32::from_le_bytes([b[0], b[1], b[2], b[3]])).collect(),
        Format::F16 => halves().map(from_half).collect(),
        Format::Bf16 => halves().map(|bits| f32::from_bits(u32::from(bits) << 16)).collect(),
    }
}

fn from_half(bits: u16) -> f32 {
    /// 2⁻²⁴, the unit of the subnormal halves.
    const SUBNORMAL: f32 = 1.0 / 16_777_216.0;
    let sign = u32::from(bits & 0x8000) << 16;
    let exponent = u32::from(bits >> 10) & 0x1f;
    let fraction = u32::from(bits & 0x03ff);
    let magnitude = match exponent {
        0 => (fraction as f32 * SUBNORMAL).to_bits(),
        // Infinities and NaN keep their fraction.
        0x1f => 0x7f80_0000 | fraction << 13,
        // The biases differ by 127 − 15.
        _ => (exponent + 112) << 23 | fraction << 13,
    };
    f32::from_bits(sign | magnitude)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn halves_cover_normal_subnormal_and_special_values() {
        let cases: [(u16, f32); 8] = [
            (0x0000, 0.0),
            (0x3c00, 1.0),
            (0xc000, -2.0),
            (0x7bff, 65504.0),
            (0x0400, 6.103_515_6e-5),
            (0x03ff, 6.097_555e-5),
            (0x8001, -5.960_464_5e-8),
            (0x7c00, f32::INFINITY),
        ];
        for (bits, value) in cases {
            assert_eq!(widen(&bits.to_le_bytes(), Format::F16), [value], "{bits:#06x}");
        }
        assert!(widen(&[0x01, 0x7e], Format::F16)[0].is_nan());
    }

    #[test]
    fn brain_floats_are_the_upper_half_of_a_float() {
        assert_eq!(widen(&[0xc0, 0x3f, 0x80, 0xbf], Format::Bf16), [1.5, -1.0]);
    }

    #[test]
    fn floats_keep_their_bits() {
        let value = std::f32::consts::PI;
        assert_eq!(widen(&value.to_le_bytes(), Format::F32), [value]);
    }
}
