//! The numbers that matrices are made of, and the vectors that a processor takes them in.

use pulp::Simd;

/// A number that can be multiplied in tiles: `f32` or `f64`.
pub trait Number: Vectors {}

impl Number for f32 {}
impl Number for f64 {}

/// How a processor takes numbers. Nobody outside can name it, so nobody can add a number.
pub trait Vectors: Copy + 'static {
    /// As many numbers as a processor takes at a time.
    type Vector<S: Simd>: Copy;
    /// Zero.
    const ZERO: Self;

    /// Numbers in a vector.
    fn lanes<S: Simd>() -> usize;
    /// A vector of one number, again and again.
    fn splat<S: Simd>(simd: S, value: Self) -> Self::Vector<S>;
    /// a + b.
    fn add<S: Simd>(simd: S, a: Self::Vector<S>, b: Self::Vector<S>) -> Self::Vector<S>;
    /// a·b + c, rounded once where the processor can.
    fn mul_add<S: Simd>(
        simd: S,
        a: Self::Vector<S>,
        b: Self::Vector<S>,
        c: Self::Vector<S>,
    ) -> Self::Vector<S>;
    /// The whole vectors of a slice.
    fn vectors<S: Simd>(values: &[Self]) -> &[Self::Vector<S>];
    /// The whole vectors of a slice, for writing.
    fn vectors_mut<S: Simd>(values: &mut [Self]) -> &mut [Self::Vector<S>];
    /// Reads at most a vector.
    fn load<S: Simd>(simd: S, values: &[Self]) -> Self::Vector<S>;
    /// Writes as much of a vector as there is room for.
    fn store<S: Simd>(simd: S, values: &mut [Self], vector: Self::Vector<S>);
}

macro_rules! number {
    ($number:ty, $vector:ident, $lanes:ident, $splat:ident, $add:ident, $mul_add:ident, $vectors:ident, $vectors_mut:ident,
     $load:ident, $store:ident) => {
        impl Vectors for $number {
            type Vector<S: Simd> = S::$vector;
            const ZERO: Self = 0.0;

            #[inline(always)]
            fn lanes<S: Simd>() -> usize {
                S::$lanes
            }

            #[inline(always)]
            fn splat<S: Simd>(simd: S, value: Self) -> S::$vector {
                simd.$splat(value)
            }

            #[inline(always)]
            fn add<S: Simd>(simd: S, a: S::$vector, b: S::$vector) -> S::$vector {
                simd.$add(a, b)
            }

            #[inline(always)]
            fn mul_add<S: Simd>(simd: S, a: S::$vector, b: S::$vector, c: S::$vector) -> S::$vector {
                simd.$mul_add(a, b, c)
            }

            #[inline(always)]
            fn vectors<S: Simd>(values: &[Self]) -> &[S::$vector] {
                S::$vectors(values).0
            }

            #[inline(always)]
            fn vectors_mut<S: Simd>(values: &mut [Self]) -> &mut [S::$vector] {
                S::$vectors_mut(values).0
            }

            #[inline(always)]
            fn load<S: Simd>(simd: S, values: &[Self]) -> S::$vector {
                simd.$load(values)
            }

            #[inline(always)]
            fn store<S: Simd>(simd: S, values: &mut [Self], vector: S::$vector) {
                simd.$store(values, vector);
            }
        }
    };
}

number!(
    f32,
    f32s,
    F32_LANES,
    splat_f32s,
    add_f32s,
    mul_add_f32s,
    as_simd_f32s,
    as_mut_simd_f32s,
    partial_load_f32s,
    partial_store_f32s
);
number!(
    f64,
    f64s,
    F64_LANES,
    splat_f64s,
    add_f64s,
    mul_add_f64s,
    as_simd_f64s,
    as_mut_simd_f64s,
    partial_load_f64s,
    partial_store_f64s
);
