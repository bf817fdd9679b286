//! Numbers of a large state or model, encoded as one run of bytes: `#[serde(with = "isoscope_plugin_sdk::floats")]`.
//!
//! A plain `Vec<f64>` is encoded number by number.

use core::fmt;

use serde::de::{Error, Visitor};
use serde::{Deserializer, Serializer};

/// Encodes the numbers, the bytes of each from the least significant one on.
///
/// # Errors
/// Passes on what the serializer answers.
pub fn serialize<S: Serializer>(numbers: &[f64], serializer: S) -> Result<S::Ok, S::Error> {
    let mut bytes = Vec::with_capacity(size_of_val(numbers));
    bytes.extend(numbers.iter().flat_map(|number| number.to_le_bytes()));
    serializer.serialize_bytes(&bytes)
}

/// Decodes what [`serialize`] wrote.
///
/// # Errors
/// Refuses bytes that are no whole numbers.
pub fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Vec<f64>, D::Error> {
    deserializer.deserialize_bytes(Numbers)
}

struct Numbers;

impl Visitor<'_> for Numbers {
    type Value = Vec<f64>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the bytes of numbers, eight each")
    }

    fn visit_bytes<E: Error>(self, bytes: &[u8]) -> Result<Vec<f64>, E> {
        let (numbers, rest) = bytes.as_chunks();
        if !rest.is_empty() {
            return Err(E::invalid_length(bytes.len(), &self));
        }
        Ok(numbers.iter().map(|number| f64::from_le_bytes(*number)).collect())
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use serde::{Deserialize, Serialize};

    #[derive(Serialize, Deserialize)]
    struct Sums {
        n: u64,
        #[serde(with = "crate::floats")]
        sums: Vec<f64>,
    }

    #[test]
    fn numbers_come_back_bit_by_bit_and_torn_ones_are_refused() {
        let sums = vec![0.1, -0.0, f64::NEG_INFINITY, f64::from_bits(1)];
        let bytes = postcard::to_stdvec(&Sums { n: 3, sums: sums.clone() }).unwrap();
        assert_eq!(bytes.len(), 2 + 8 * sums.len());
        let back: Sums = postcard::from_bytes(&bytes).unwrap();
        assert_eq!(back.n, 3);
        let bits = |numbers: &[f64]| numbers.iter().map(|number| number.to_bits()).collect::<Vec<_>>();
        assert_eq!(bits(&back.sums), bits(&sums));
        let torn = [3, 7, 1, 2, 3, 4, 5, 6, 7];
        assert!(postcard::from_bytes::<Sums>(&torn).is_err());
    }
}
