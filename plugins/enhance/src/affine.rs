//! What the affine enhancements share: checks, and the model of a mean and a matrix.

use isoscope_plugin_sdk::prelude::*;

/// Refuses to fit on fewer than `least` rows.
///
/// # Errors
/// Fails when the moments hold fewer rows.
pub(crate) fn require_rows(m: &Moments<'_>, least: u64) -> Result<()> {
    if m.n() < least {
        return Err(Error::failed(format!(
            "{} rows are too few to fit on, at least {least} are needed",
            m.n()
        )));
    }
    Ok(())
}

/// Refuses rows of another width than that of the fitted model.
///
/// # Errors
/// The rows are invalid for the model.
pub(crate) fn check_width(batch: &Batch<'_>, cols: usize) -> Result<()> {
    let width = batch.rows().ncols();
    if width != cols {
        return Err(Error::invalid(format!(
            "the rows have {width} dimensions, the enhancement was fitted on {cols}"
        )));
    }
    Ok(())
}

/// Returns the host's linear algebra, which an op receives when it is opened.
///
/// # Errors
/// [`Error::Unsupported`] for an enhancement that was not opened by a host.
pub(crate) fn require_linalg(linalg: Option<Linalg>) -> Result<Linalg> {
    linalg.ok_or_else(|| Error::unsupported("the enhancement needs the linear algebra of a host"))
}

/// Computes `A v`.
pub(crate) fn times(a: &ArrayView2<'_, f64>, v: &[f64]) -> Array1<f64> {
    a.rows().into_iter().map(|row| row.iter().zip(v).map(|(a, v)| a * v).sum::<f64>()).collect()
}

/// The map `y = A (x - mean)`.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct CentredLinear {
    pub(crate) mean: Vec<f64>,
    /// Rows of `A`, the width of the result.
    pub(crate) rows: usize,
    /// `A`, row by row.
    pub(crate) a: Vec<f64>,
}

impl CentredLinear {
    /// Builds the map from its parts.
    pub(crate) fn new(mean: &ArrayView1<'_, f64>, a: &Array2<f64>) -> Self {
        Self { mean: mean.to_vec(), rows: a.nrows(), a: a.iter().copied().collect() }
    }

    /// Views `A`, rows × dimensions.
    ///
    /// # Errors
    /// Fails when the sizes of the model disagree.
    pub(crate) fn matrix(&self) -> Result<ArrayView2<'_, f64>> {
        ArrayView2::from_shape((self.rows, self.mean.len()), &self.a)
            .map_err(|_| Error::invalid("the fitted matrix does not have the size of its mean"))
    }

    /// Applies the map to every row.
    ///
    /// # Errors
    /// Refuses rows of another width; passes on what the host's product answers.
    pub(crate) fn apply(
        &self,
        linalg: Option<Linalg>,
        batch: &Batch<'_>,
        out: ArrayViewMut2<'_, f64>,
    ) -> Result<()> {
        check_width(batch, self.mean.len())?;
        let centred = &batch.rows() - &ArrayView1::from(&self.mean[..]);
        require_linalg(linalg)?.matmul_into(centred.view(), self.matrix()?.t(), out)
    }

    /// Returns the map as `y = A x + c`.
    ///
    /// # Errors
    /// Fails when the sizes of the model disagree.
    pub(crate) fn affine(&self) -> Result<Affine> {
        let a = self.matrix()?;
        Ok(Affine { a: a.to_owned(), c: -times(&a, &self.mean) })
    }
}
