//! Relative positions in buckets: near distances have one each, far ones share them by their logarithm (DeBERTa v2).

/// The rule by which distances share buckets.
#[derive(Clone, Copy, Debug)]
pub(super) struct Buckets {
    /// Buckets to either side; distances up to half of them have one of their own.
    pub(super) count: usize,
    /// The distance that falls into the last bucket, and one more.
    pub(super) span: usize,
}

impl Buckets {
    /// Returns the signed bucket of a signed distance.
    ///
    /// All steps are rounded to f32 as the models are trained with them: the edge of a bucket lies where the rounded value passes
    /// an integer.
    pub(super) fn bucket(self, distance: i64) -> i64 {
        let middle = (self.count / 2) as i64;
        if distance.abs() <= middle {
            return distance;
        }
        let logarithm = (distance.unsigned_abs() as f32 / middle as f32).ln();
        let farthest = (((self.span - 1) as f64 / middle as f64) as f32).ln();
        let step = (logarithm / farthest * (middle - 1) as f32).ceil() as i64;
        (step + middle) * distance.signum()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn near_distances_have_buckets_of_their_own_and_the_farthest_the_last() {
        let buckets = Buckets { count: 256, span: 512 };
        for near in -128..=128 {
            assert_eq!(buckets.bucket(near), near);
        }
        assert_eq!((buckets.bucket(129), buckets.bucket(-129)), (129, -129));
        assert_eq!((buckets.bucket(511), buckets.bucket(-511)), (255, -255));
    }

    #[test]
    fn buckets_rise_with_the_distance_and_mirror_it() {
        for (count, span) in [(16, 80), (32, 128), (256, 512), (256, 1024), (2, 512)] {
            let buckets = Buckets { count, span };
            for distance in 0..2000 {
                assert!(
                    buckets.bucket(distance + 1) >= buckets.bucket(distance),
                    "{buckets:?} at {distance}"
                );
                assert_eq!(buckets.bucket(-distance), -buckets.bucket(distance), "{buckets:?} at {distance}");
            }
        }
    }

    /// Count, span and the last distance of each shared bucket: `python tests/reference/make_random_relative.py buckets`.
    const EDGES: [(usize, usize, &[i64]); 3] = [
        (16, 80, &[8, 11, 15, 21, 29, 41, 56, 79]),
        (32, 129, &[16, 18, 21, 24, 27, 32, 36, 42, 48, 55, 64, 73, 84, 97, 111, 128]),
        (
            256,
            512,
            &[
                128, 129, 130, 132, 133, 135, 136, 138, 139, 141, 142, 144, 145, 147, 149, 150, 152, 154,
                155, 157, 159, 160, 162, 164, 166, 168, 169, 171, 173, 175, 177, 179, 181, 183, 185, 187,
                189, 191, 193, 195, 197, 200, 202, 204, 206, 209, 211, 213, 215, 218, 220, 223, 225, 228,
                230, 233, 235, 238, 240, 243, 246, 248, 251, 254, 257, 259, 262, 265, 268, 271, 274, 277,
                280, 283, 286, 289, 293, 296, 299, 302, 306, 309, 312, 316, 319, 323, 326, 330, 334, 337,
                341, 345, 348, 352, 356, 360, 364, 368, 372, 376, 380, 384, 389, 393, 397, 402, 406, 410,
                415, 419, 424, 429, 433, 438, 443, 448, 453, 458, 463, 468, 473, 478, 483, 489, 494, 499,
                505, 511, 516,
            ],
        ),
    ];

    #[test]
    fn edges_of_buckets_lie_where_transformers_has_them() {
        for (count, span, edges) in EDGES {
            let buckets = Buckets { count, span };
            let ends = |distance: &i64| buckets.bucket(*distance) != buckets.bucket(distance + 1);
            let found: Vec<i64> = (count as i64 / 2..).filter(ends).take(edges.len()).collect();
            assert_eq!(found, edges, "{buckets:?}");
        }
    }
}
