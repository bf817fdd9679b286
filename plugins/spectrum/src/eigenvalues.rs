//! The eigenvalues that every op of this family is a function of, cleaned of rounding noise.

use std::marker::PhantomData;

use isoscope_plugin_sdk::prelude::*;

/// Total scatter, relative to `n |mean|^2`, below which rows count as equal: the square of the rounding error of a mean
/// in double precision, with room to spare, and far below the smallest difference between two single-precision rows.
const EQUAL_ROWS: f64 = 1e-26;

/// Eigenvalues below this many `d ε λ₁` are rounding noise of a Gram matrix formed in double precision and count as 0.
const NOISE: f64 = 16.0;

/// Invariances of functions of the relative eigenvalues of the covariance.
pub(crate) const SHAPE_OF_COVARIANCE: &[Invariance] =
    &[Invariance::Rotation, Invariance::Translation, Invariance::Scale, Invariance::Permutation];

/// Invariances of functions of the relative eigenvalues of the raw second moment.
pub(crate) const SHAPE_OF_SECOND_MOMENT: &[Invariance] =
    &[Invariance::Rotation, Invariance::Scale, Invariance::Permutation];

/// Which symmetric matrix the eigenvalues are of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Of {
    /// The covariance `S`, divisor n - 1.
    Covariance,
    /// The raw second moment `XᵀX`, not divided.
    SecondMoment,
}

/// Eigenvalues in descending order, none negative, the first one positive, and what they came from.
#[derive(Clone, Debug, PartialEq)]
pub struct Spectrum {
    /// Eigenvalues, one per dimension; values that are rounding noise are exactly 0.
    pub values: Vec<f64>,
    /// Number of rows, at least 2.
    pub n: u64,
}

impl Spectrum {
    /// Reads the spectrum of the moments, or says why there is none.
    ///
    /// # Errors
    /// Fails when the host's eigen-decomposition does.
    pub fn of(m: &Moments<'_>, which: Of) -> Result<Result<Self, &'static str>> {
        if let Some(reason) = undefined(m, which) {
            return Ok(Err(reason));
        }
        let eigen = match which {
            Of::Covariance => m.covariance_eigen()?,
            Of::SecondMoment => m.second_moment_eigen()?,
        };
        Ok(Ok(Self::clean(eigen.values.to_vec(), m.n())))
    }

    /// Builds a spectrum from eigenvalues as a solver returned them.
    #[must_use]
    pub fn clean(mut values: Vec<f64>, n: u64) -> Self {
        let floor = NOISE * values.len() as f64 * f64::EPSILON * values.first().copied().unwrap_or(0.0);
        for v in &mut values {
            if *v <= floor {
                *v = 0.0;
            }
        }
        Self { values, n }
    }

    /// Returns the number of dimensions, as a factor.
    #[must_use]
    pub fn d(&self) -> f64 {
        self.values.len() as f64
    }

    /// Returns the sum of the eigenvalues.
    #[must_use]
    pub fn sum(&self) -> f64 {
        self.values.iter().sum()
    }

    /// Returns the singular values up to a common factor: the square roots of the eigenvalues.
    #[must_use]
    pub fn singular_values(&self) -> Vec<f64> {
        self.values.iter().map(|v| v.sqrt()).collect()
    }

    /// Returns the eigenvalues above `(max(n, d) ε λ₁^½)²` with the ε of single precision.
    ///
    /// This is the usual rank tolerance for singular values of single-precision data, squared. It grows with n: from
    /// about eight million rows on it passes 1 and nothing is left.
    #[must_use]
    pub fn above_single_precision(&self) -> &[f64] {
        let tolerance = (self.n as f64).max(self.d()) * f64::from(f32::EPSILON);
        let floor = tolerance * tolerance * self.values.first().copied().unwrap_or(0.0);
        let rank = self.values.iter().take_while(|v| **v > floor).count();
        &self.values[..rank]
    }
}

/// Says why the spectrum is not defined, if so.
pub(crate) fn undefined(m: &Moments<'_>, which: Of) -> Option<&'static str> {
    if m.n() < 2 || m.cols() == 0 {
        return Some("fewer than 2 rows");
    }
    let scatter = m.scatter().diag().sum();
    let mean = m.n() as f64 * m.mean().iter().map(|v| v * v).sum::<f64>();
    if !(scatter + mean).is_finite() {
        return Some(
            "the rows are too large: the sum of their squares is beyond the range of 64-bit numbers",
        );
    }
    match which {
        Of::Covariance => (scatter <= EQUAL_ROWS * mean).then_some("every row is equal"),
        Of::SecondMoment => (scatter + mean <= 0.0).then_some("every row is zero"),
    }
}

/// A metric that is one number computed from a spectrum.
pub trait SpectrumMetric: Send + Sync + 'static {
    /// Describes the op; its first output is the number.
    const META: OpMeta;
    /// Says which eigenvalues the metric takes.
    const OF: Of;
    /// Computes the number, or says why there is none.
    ///
    /// # Errors
    /// The reason why the number is not defined for this spectrum.
    fn value(spectrum: &Spectrum) -> Result<f64, &'static str>;
}

/// Makes a metric on moments of a metric on a spectrum.
pub struct OfSpectrum<T>(PhantomData<fn() -> T>);

impl<T: SpectrumMetric> MomentMetric for OfSpectrum<T> {
    const META: OpMeta = T::META;
    type Params = NoParams;

    fn open(_: NoParams) -> Result<Self> {
        Ok(Self(PhantomData))
    }

    fn measure(&self, m: &Moments<'_>, out: &mut Out<'_>) -> Result<()> {
        let id = T::META.outputs[0].id;
        match Spectrum::of(m, T::OF)?.and_then(|spectrum| T::value(&spectrum)) {
            Ok(value) => out.value(id, value),
            Err(reason) => out.null(id, reason),
        }
    }
}

/// The eigenvalues of the covariance.
pub struct CovEigenvalues;

impl MomentMetric for CovEigenvalues {
    const META: OpMeta = OpMeta {
        id: "spectrum.cov_eigenvalues",
        kind: Kind::Metric,
        version: 1,
        needs: Needs::Moments,
        parts: &[Part::Second],
        outputs: &[Output::vector("spectrum.cov_eigenvalues")
            .unit("embedding units squared")
            .range("[0, inf)")
            .invariant(&[Invariance::Rotation, Invariance::Translation, Invariance::Permutation])],
        doc: "Eigenvalues of the covariance (divisor n - 1), descending. A value below 16 d ε λ1 (double precision) is \
              rounding noise and is given as 0.",
        formula: "S = \\tfrac{1}{n-1} \\tilde X^\\top \\tilde X = U \\Lambda U^\\top",
        reference: "definition (principal component analysis)",
        ..OpMeta::DEFAULT
    };
    type Params = NoParams;

    fn open(_: NoParams) -> Result<Self> {
        Ok(Self)
    }

    fn measure(&self, m: &Moments<'_>, out: &mut Out<'_>) -> Result<()> {
        match Spectrum::of(m, Of::Covariance)? {
            Ok(spectrum) => out.series("spectrum.cov_eigenvalues", &spectrum.values),
            Err(reason) => out.null_series("spectrum.cov_eigenvalues", reason),
        }
    }
}
