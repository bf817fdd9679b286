//! Relative positions by buckets (Raffel et al. 2020, arXiv 1910.10683, §2.1): a learnt bias per head for the distance between
//! query and key, exact for short distances and by ranges that grow with it for long ones.

use candle_core::{Device, Tensor};

use super::checks::Checks;
use crate::device::Placement;
use crate::error::EncoderError;
use crate::weights::{TensorSpec, Weights};

/// How distances fall into buckets.
#[derive(Clone, Copy, Debug)]
pub(super) struct Buckets {
    /// Number of buckets for both directions together.
    pub(super) count: usize,
    /// From this distance on all share the outermost bucket.
    pub(super) max_distance: usize,
}

impl Buckets {
    /// Wants enough buckets for a distance of 0 and a maximum beyond the exact ones; `fields` name the two numbers.
    pub(super) fn check(
        self,
        checks: Checks<'_>,
        fields: (&'static str, &'static str),
    ) -> Result<(), EncoderError> {
        if self.exact() == 0 {
            return checks.refuse(fields.0, format!("is {}, but must be at least 4", self.count));
        }
        if self.max_distance <= self.exact() {
            let reason = format!("is {}, but must be more than {}", self.max_distance, self.exact());
            return checks.refuse(fields.1, reason);
        }
        Ok(())
    }

    /// Distances below this have a bucket of their own in each direction.
    fn exact(self) -> usize {
        self.count / 2 / 2
    }

    /// Returns the bucket of the key at position `key` for the query at position `query`.
    fn bucket(self, query: usize, key: usize) -> usize {
        let (direction, distance) = (self.count / 2, key.abs_diff(query));
        let within = if distance < self.exact() {
            distance
        } else {
            // In f32, as those who trained with buckets computed them: where a bucket ends depends on the rounding.
            let log = |x: f64| x.ln() as f32;
            let exact = self.exact() as f64;
            let share = log(distance as f64 / exact) / log(self.max_distance as f64 / exact);
            let beyond = (share * (direction - self.exact()) as f32) as usize;
            (self.exact() + beyond).min(direction - 1)
        };
        if key > query { direction + within } else { within }
    }
}

/// Lists the table of biases, buckets×heads.
pub(super) fn bias_tensor(name: &str, rows: usize, heads: usize) -> TensorSpec {
    TensorSpec { name: name.to_owned(), shape: vec![rows, heads] }
}

/// Reads the table of biases and spreads it over all distances of sequences up to `reach` tokens: heads×(2·reach−1), the bias
/// for key j and query i in column reach−1 + (j − i).
pub(super) fn load_distance_bias(
    weights: &Weights,
    name: &str,
    buckets: Buckets,
    reach: usize,
    placement: &Placement,
) -> Result<Tensor, EncoderError> {
    let failed = |source| EncoderError::Compute { step: "spreading the biases of distances", source };
    let table = weights.tensor(name, &Device::Cpu)?.to_vec2::<f32>().map_err(failed)?;
    let heads = table.first().map_or(0, Vec::len);
    let columns: Vec<usize> = (0..2 * reach - 1).map(|column| buckets.bucket(reach - 1, column)).collect();
    let bias: Vec<f32> = (0..heads)
        .flat_map(|head| columns.iter().map(move |&bucket| (head, bucket)))
        .map(|(head, bucket)| table[bucket][head])
        .collect();
    Tensor::from_vec(bias, (heads, columns.len()), &placement.device).map_err(failed)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn distances_fall_into_the_buckets_of_the_definition() {
        let buckets = Buckets { count: 32, max_distance: 128 };
        let of =
            |distance: usize| (buckets.bucket(1000, 1000 - distance), buckets.bucket(1000, 1000 + distance));
        // Eight exact ones a side, then eight ranges that end at 8·16^(k/8).
        for distance in 1..8 {
            assert_eq!(of(distance), (distance, 16 + distance));
        }
        assert_eq!(of(0), (0, 0));
        for (first, bucket) in [(8, 8), (12, 9), (16, 10), (23, 11), (32, 12), (46, 13), (64, 14), (91, 15)] {
            assert_eq!(of(first), (bucket, 16 + bucket), "{first}");
            assert_eq!(of(first - 1), (bucket - 1, 16 + bucket - 1), "{first} - 1");
        }
        assert_eq!((of(128), of(999)), ((15, 31), (15, 31)));
    }

    #[test]
    fn an_odd_number_of_buckets_leaves_the_last_unused() {
        let buckets = Buckets { count: 33, max_distance: 128 };
        assert!((0..2000).all(|key| buckets.bucket(1000, key) < 32));
    }
}
