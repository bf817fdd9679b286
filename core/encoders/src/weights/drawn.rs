//! Tensors that are drawn at random rather than stored, the same ones for the same seed on every machine.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use rand_chacha::ChaCha20Rng;
use rand_chacha::rand_core::{RngCore, SeedableRng};
use sha2::{Digest, Sha256};

use super::TensorSpec;
use crate::error::EncoderError;

/// Version of what is drawn for a seed; another one gives other weights and other digests.
const STREAM: &str = "isoscope random weights 1";
/// Most tensors and most numbers of a drawn encoder: a damaged configuration may claim any.
const MOST_TENSORS: usize = 100_000;
const MOST_NUMBERS: usize = 1 << 35;

/// How a tensor is initialised.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum InitialValues {
    /// The same number everywhere.
    Constant(f64),
    /// Normal with mean 0.
    Normal {
        /// Standard deviation of the untruncated distribution.
        std: f64,
        /// Standard deviations beyond which nothing is drawn.
        cutoff: Option<f64>,
        /// Row of zeros, that of the padding token.
        zero_row: Option<usize>,
    },
}

/// The tensors of an encoder by name, each with its shape and what it is drawn from.
pub(crate) struct DrawnTensors {
    dir: PathBuf,
    seed: u64,
    /// The bytes of the configuration.
    architecture: Vec<u8>,
    tensors: BTreeMap<String, (Vec<usize>, InitialValues)>,
}

impl DrawnTensors {
    /// Begins without a tensor, for the architecture that the bytes of a `config.json` in `dir` describe.
    pub(crate) fn new(dir: &Path, seed: u64, architecture: &[u8]) -> Self {
        let (dir, architecture) = (dir.to_owned(), architecture.to_owned());
        Self { dir, seed, architecture, tensors: BTreeMap::new() }
    }

    /// Adds the tensors that an encoder needs.
    ///
    /// # Errors
    /// [`EncoderError::TooLarge`] when they are more than any memory holds.
    pub(crate) fn add(
        &mut self,
        specs: impl Iterator<Item = TensorSpec>,
        initial: impl Fn(&TensorSpec) -> InitialValues,
    ) -> Result<(), EncoderError> {
        let mut numbers = 0_usize;
        for spec in specs {
            let size = spec.shape.iter().try_fold(1_usize, |size, &side| size.checked_mul(side));
            let all = size.and_then(|size| numbers.checked_add(size)).filter(|&all| all <= MOST_NUMBERS);
            let Some(all) = all.filter(|_| self.tensors.len() < MOST_TENSORS) else {
                return Err(EncoderError::TooLarge { dir: self.dir.clone() });
            };
            numbers = all;
            let values = initial(&spec);
            self.tensors.insert(spec.name, (spec.shape, values));
        }
        Ok(())
    }

    /// Says whether there is a tensor of this name.
    pub(super) fn contains(&self, name: &str) -> bool {
        self.tensors.contains_key(name)
    }

    /// Draws one tensor, row by row, and returns it with its shape. Its values depend on the seed and its name, not on what was drawn
    /// before.
    pub(super) fn draw(&self, name: &str) -> Result<(Vec<f32>, Vec<usize>), EncoderError> {
        let missing = || EncoderError::MissingTensor { dir: self.dir.clone(), name: name.to_owned() };
        let (shape, values) = self.tensors.get(name).ok_or_else(missing)?;
        let size = shape.iter().product();
        let drawn = match *values {
            InitialValues::Constant(value) => vec![value as f32; size],
            InitialValues::Normal { std, cutoff, zero_row } => {
                let mut normal = Normal::new(self.seed, name);
                let mut drawn: Vec<f32> = (0..size).map(|_| (std * normal.within(cutoff)) as f32).collect();
                if let Some(row) = zero_row {
                    let width = size / shape.first().copied().unwrap_or(1).max(1);
                    drawn.iter_mut().skip(row * width).take(width).for_each(|value| *value = 0.0);
                }
                drawn
            }
        };
        Ok((drawn, shape.clone()))
    }

    /// Adds what decides the values to a hash.
    pub(super) fn hash(&self, hash: &mut Sha256) {
        hash.update(STREAM);
        hash.update(self.seed.to_le_bytes());
        hash.update(&self.architecture);
    }
}

/// Standard normal numbers by the transform of Box and Muller, with the cosine and the sine of a pair one after the other.
struct Normal {
    rng: ChaCha20Rng,
    second: Option<f64>,
}

impl Normal {
    /// The stream of one tensor: its key is a digest of seed and name.
    fn new(seed: u64, name: &str) -> Self {
        let mut hash = Sha256::new();
        hash.update(STREAM);
        hash.update(seed.to_le_bytes());
        hash.update(name);
        Self { rng: ChaCha20Rng::from_seed(hash.finalize().into()), second: None }
    }

    /// The next number whose absolute value is at most `cutoff`, where there is one.
    fn within(&mut self, cutoff: Option<f64>) -> f64 {
        loop {
            let drawn = self.next();
            if cutoff.is_none_or(|cutoff| drawn.abs() <= cutoff) {
                return drawn;
            }
        }
    }

    fn next(&mut self) -> f64 {
        if let Some(second) = self.second.take() {
            return second;
        }
        // The logarithm must not see zero. `libm` gives the same bits on every machine, the system's functions need not.
        let radius = libm::sqrt(-2.0 * libm::log(1.0 - self.uniform()));
        let angle = std::f64::consts::TAU * self.uniform();
        self.second = Some(radius * libm::sin(angle));
        radius * libm::cos(angle)
    }

    /// Uniform in [0, 1), a multiple of 2⁻⁵³.
    fn uniform(&mut self) -> f64 {
        (self.rng.next_u64() >> 11) as f64 / (1_u64 << 53) as f64
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    fn drawn(seed: u64, names: &[&str], values: InitialValues) -> DrawnTensors {
        let mut tensors = DrawnTensors::new(Path::new("dir"), seed, b"{}");
        let specs = names.iter().map(|name| TensorSpec { name: (*name).to_owned(), shape: vec![100, 200] });
        tensors.add(specs, |_| values).unwrap();
        tensors
    }

    const WIDE: InitialValues = InitialValues::Normal { std: 0.5, cutoff: None, zero_row: None };

    fn moments(values: &[f32]) -> (f64, f64, f64) {
        let n = values.len() as f64;
        let wide = || values.iter().map(|&value| f64::from(value));
        let mean = wide().sum::<f64>() / n;
        let variance = wide().map(|value| (value - mean).powi(2)).sum::<f64>() / n;
        let fourth = wide().map(|value| (value - mean).powi(4)).sum::<f64>() / n;
        (mean, variance.sqrt(), fourth / variance.powi(2))
    }

    #[test]
    fn a_normal_tensor_has_the_moments_of_its_distribution() {
        let (mean, std, kurtosis) = moments(&drawn(0, &["w"], WIDE).draw("w").unwrap().0);
        // Five standard errors of 20,000 draws.
        assert!(mean.abs() < 0.018, "{mean}");
        assert!((std - 0.5).abs() < 0.0126, "{std}");
        assert!((kurtosis - 3.0).abs() < 0.18, "{kurtosis}");
    }

    #[test]
    fn a_truncated_normal_keeps_within_its_bounds() {
        let values = InitialValues::Normal { std: 0.5, cutoff: Some(2.0), zero_row: None };
        let (values, _) = drawn(0, &["w"], values).draw("w").unwrap();
        assert!(values.iter().all(|value| value.abs() <= 1.0));
        // The standard deviation of a normal cut at two of its own.
        let (_, std, _) = moments(&values);
        assert!((std - 0.5 * 0.879_626).abs() < 0.01, "{std}");
    }

    #[test]
    fn values_depend_on_seed_and_name_and_on_nothing_else() {
        let both = drawn(3, &["a", "b"], WIDE);
        let alone = drawn(3, &["b"], WIDE);
        assert_eq!(both.draw("b").unwrap(), alone.draw("b").unwrap());
        assert_ne!(both.draw("a").unwrap(), both.draw("b").unwrap());
        assert_ne!(alone.draw("b").unwrap(), drawn(4, &["b"], WIDE).draw("b").unwrap());
    }

    #[test]
    fn the_stream_of_a_seed_never_changes() {
        let (values, _) = drawn(0, &["embeddings.word_embeddings.weight"], WIDE)
            .draw("embeddings.word_embeddings.weight")
            .unwrap();
        assert_eq!(values[..4], FIRST, "{:?}", &values[..4]);
    }

    /// The first numbers of seed 0 with standard deviation 0.5; made by `tests/reference/make_adapters.py` with a stream of its own.
    const FIRST: [f32; 4] = [1.103_998_9, -0.360_388_37, -0.286_042_36, -0.174_132_38];

    #[test]
    fn the_row_of_the_padding_token_is_zero_and_constants_are_constant() {
        let values = InitialValues::Normal { std: 0.5, cutoff: None, zero_row: Some(1) };
        let (padded, _) = drawn(0, &["w"], values).draw("w").unwrap();
        assert!(padded[200..400].iter().all(|&value| value == 0.0));
        assert!(padded[..200].iter().chain(&padded[400..600]).all(|&value| value != 0.0));
        let (ones, shape) = drawn(0, &["w"], InitialValues::Constant(1.0)).draw("w").unwrap();
        assert!(ones == vec![1.0; 20_000] && shape == [100, 200]);
    }

    #[test]
    fn an_absurd_number_of_tensors_is_refused() {
        let specs = (0..u64::MAX).map(|i| TensorSpec { name: i.to_string(), shape: vec![1] });
        let refused = DrawnTensors::new(Path::new("dir"), 0, b"").add(specs, |_| WIDE);
        assert!(matches!(refused, Err(EncoderError::TooLarge { .. })));
        let huge = TensorSpec { name: "w".to_owned(), shape: vec![1 << 40, 1 << 40] };
        let refused = DrawnTensors::new(Path::new("dir"), 0, b"").add([huge].into_iter(), |_| WIDE);
        assert!(matches!(refused, Err(EncoderError::TooLarge { .. })));
    }
}
