//! The directions of a pass: what `measure` finds in the moments and the pass over the rows is given.

use isoscope_plugin_sdk::prelude::*;

/// Relative spread of the eigenvalues below which their eigenvectors are taken to be arbitrary.
const DEGENERATE: f64 = 1e-9;

/// Total scatter, relative to `n |mean|^2`, below which rows count as equal: the square of the rounding error of a mean
/// in double precision, with room to spare, and far below the smallest difference between two single-precision rows.
const EQUAL_ROWS: f64 = 1e-26;

/// Why there is no number where moments overflow.
pub(crate) const TOO_LARGE: &str =
    "the rows are too large: the sum of their squares is beyond the range of 64-bit numbers";

/// The orthonormal directions that a pass projects on, and how it prepares the rows.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct Directions {
    /// Number of dimensions, `d`.
    pub(crate) cols: usize,
    /// Directions as rows, `d` of `d` numbers, in descending order of their eigenvalues. The sign makes the component
    /// of greatest magnitude positive; the whole is divided by the RMS entry of the data where the variant says so.
    #[serde(with = "isoscope_plugin_sdk::floats")]
    pub(crate) vectors: Vec<f64>,
    /// What is subtracted from every row first; empty for uncentred rows.
    pub(crate) centre: Vec<f64>,
    /// Whether the direction with `u·mean >= 0` is the opposite of the stored one.
    pub(crate) against_mean: Vec<bool>,
}

impl Directions {
    /// Views the directions as a matrix, `d × d`, one per row.
    ///
    /// # Errors
    /// Refuses a model whose sizes disagree, as bytes from another op would give.
    pub(crate) fn matrix(&self) -> Result<ArrayView2<'_, f64>> {
        ArrayView2::from_shape((self.cols, self.cols), &self.vectors)
            .map_err(|_| Error::invalid("the fitted directions do not form a square matrix"))
    }

    /// Finds the directions of the moments, or says why there are none.
    ///
    /// # Errors
    /// Fails when the host's eigen-decomposition does.
    pub(crate) fn find(m: &Moments<'_>, centred: bool, unit_rms: bool) -> Result<Result<Self, &'static str>> {
        if let Some(reason) = undefined(m, centred) {
            return Ok(Err(reason));
        }
        let eigen = if centred { m.covariance_eigen()? } else { m.second_moment_eigen()? };
        let (first, last) = (eigen.values[0], eigen.values[m.cols() - 1]);
        if first - last <= DEGENERATE * first {
            return Ok(Err("all eigenvalues are equal within 1e-9, so the directions are arbitrary"));
        }
        let n = m.n() as f64;
        let energy = if centred { m.scatter().diag().sum() / n } else { m.mean_squared_norm() };
        let scale = if unit_rms { (energy / m.cols() as f64).sqrt().recip() } else { 1.0 };
        let mut vectors = Vec::with_capacity(m.cols() * m.cols());
        let mut against_mean = Vec::with_capacity(m.cols());
        for u in eigen.vectors.rows() {
            let sign = sign_of_largest(&u);
            against_mean.push(sign * inner(&u, &m.mean()) < 0.0);
            vectors.extend(u.iter().map(|v| v * sign * scale));
        }
        let centre = if centred { m.mean().to_vec() } else { Vec::new() };
        Ok(Ok(Self { cols: m.cols(), vectors, centre, against_mean }))
    }
}

/// Says why no directions can be found, if so.
fn undefined(m: &Moments<'_>, centred: bool) -> Option<&'static str> {
    if m.n() < 2 {
        return Some("fewer than 2 rows");
    }
    if m.cols() < 2 {
        return Some("one dimension has only one direction");
    }
    let scatter = m.scatter().diag().sum();
    let mean = m.n() as f64 * inner(&m.mean(), &m.mean());
    if !(scatter + mean).is_finite() {
        return Some(TOO_LARGE);
    }
    if centred && scatter <= EQUAL_ROWS * mean {
        return Some("every row is equal");
    }
    (scatter + mean <= 0.0).then_some("every row is zero")
}

/// Computes the inner product.
pub(crate) fn inner(a: &ArrayView1<'_, f64>, b: &ArrayView1<'_, f64>) -> f64 {
    a.iter().zip(b).map(|(a, b)| a * b).sum()
}

/// Returns the sign of the component of greatest magnitude, the first of them where several are equal.
fn sign_of_largest(u: &ArrayView1<'_, f64>) -> f64 {
    let mut largest = 0.0_f64;
    for v in u {
        if v.abs() > largest.abs() {
            largest = *v;
        }
    }
    if largest < 0.0 { -1.0 } else { 1.0 }
}
