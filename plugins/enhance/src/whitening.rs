//! Whitening: uncorrelated directions of unit variance, in the eigenbasis or rotated back.

use isoscope_plugin_sdk::prelude::*;
use ndarray::Axis;

use crate::{
    affine::{CentredLinear, require_linalg},
    principal::Principal,
};

params! {
    /// Parameters of whitening.
    pub struct WhiteningParams {
        /// Number of leading principal directions kept; unset keeps all that the data determine. Capped at the numerical
        /// rank of the fitted rows.
        components: Option<u64> = None, aliases ["k", "D"];
    }
}

/// Refuses to keep no direction.
fn checked(params: &WhiteningParams) -> Result<Option<u64>> {
    if params.components == Some(0) {
        return Err(Error::invalid("components: at least one direction must be kept"));
    }
    Ok(params.components)
}

/// Computes `Λ^-½ U` over the kept directions, `k × d`, each with its component of greatest magnitude positive.
fn whitener(components: Option<u64>, m: &Moments<'_>) -> Result<Array2<f64>> {
    let principal = Principal::of(m)?;
    if principal.rank == 0 {
        return Err(Error::failed("every row is equal, so there is nothing to whiten"));
    }
    let wanted = components.map_or(principal.rank, |k| usize::try_from(k).unwrap_or(usize::MAX));
    let kept = wanted.min(principal.rank);
    let mut a = principal.leading(kept).to_owned();
    for (mut direction, variance) in a.axis_iter_mut(Axis(0)).zip(principal.values) {
        let largest = direction.iter().copied().fold(0.0_f64, |l, v| if v.abs() > l.abs() { v } else { l });
        direction *= variance.sqrt().recip().copysign(largest);
    }
    Ok(a)
}

/// Whitens into the eigenbasis.
pub struct Whitening {
    components: Option<u64>,
    linalg: Option<Linalg>,
}

impl Enhancement for Whitening {
    const META: OpMeta = OpMeta {
        id: "whitening",
        kind: Kind::Enhancement,
        version: 1,
        needs: Needs::Moments,
        parts: &[Part::Second],
        affine: true,
        doc: "Subtracts the mean, projects on the leading principal directions and divides by their standard deviations \
              (divisor n - 1), so that the covariance of the fitted rows is the identity. The width of the result is the \
              number of directions kept, at most the numerical rank. Rows are not normalised afterwards; chain \
              l2_normalize for that. Signs make the largest component of every direction positive.",
        formula: "y = \\Lambda_k^{-1/2} U_k (x - \\mu)",
        reference: "Su et al. 2021 (BERT-whitening)",
        ..OpMeta::DEFAULT
    };
    type Params = WhiteningParams;
    type Model = CentredLinear;

    fn open(params: WhiteningParams) -> Result<Self> {
        Ok(Self { components: checked(&params)?, linalg: None })
    }

    fn with_linalg(self, linalg: Linalg) -> Self {
        Self { linalg: Some(linalg), ..self }
    }

    fn fit(&self, m: &Moments<'_>) -> Result<CentredLinear> {
        Ok(CentredLinear::new(&m.mean(), &whitener(self.components, m)?))
    }

    fn apply(&self, model: &CentredLinear, batch: &Batch<'_>, out: ArrayViewMut2<'_, f64>) -> Result<()> {
        model.apply(self.linalg, batch, out)
    }

    fn output_cols(&self, model: &CentredLinear, _cols: usize) -> Result<usize> {
        Ok(model.rows)
    }

    fn affine(&self, model: &CentredLinear) -> Result<Option<Affine>> {
        model.affine().map(Some)
    }
}

/// Whitens and rotates back to the original axes.
pub struct Zca {
    components: Option<u64>,
    linalg: Option<Linalg>,
}

impl Enhancement for Zca {
    const META: OpMeta = OpMeta {
        id: "zca",
        kind: Kind::Enhancement,
        version: 1,
        needs: Needs::Moments,
        parts: &[Part::Second],
        affine: true,
        doc: "Whitening rotated back to the original axes: of all whitenings the one that moves the rows least. It does not \
              depend on the signs of the principal directions. Directions beyond the numerical rank, or beyond the number \
              asked for, become 0.",
        formula: "y = U_k^\\top \\Lambda_k^{-1/2} U_k (x - \\mu)",
        reference: "Kessy, Lewin & Strimmer 2018 (The American Statistician 72)",
        ..OpMeta::DEFAULT
    };
    type Params = WhiteningParams;
    type Model = CentredLinear;

    fn open(params: WhiteningParams) -> Result<Self> {
        Ok(Self { components: checked(&params)?, linalg: None })
    }

    fn with_linalg(self, linalg: Linalg) -> Self {
        Self { linalg: Some(linalg), ..self }
    }

    fn fit(&self, m: &Moments<'_>) -> Result<CentredLinear> {
        let whitener = whitener(self.components, m)?;
        // The rows of Λ^-½ U at unit length are U: the result is Uᵀ Λ^-½ U.
        let mut back = whitener.clone();
        for mut direction in back.axis_iter_mut(Axis(0)) {
            direction /= direction.iter().map(|v| v * v).sum::<f64>().sqrt();
        }
        let a = require_linalg(self.linalg)?.matmul(back.t(), whitener.view())?;
        Ok(CentredLinear::new(&m.mean(), &a))
    }

    fn apply(&self, model: &CentredLinear, batch: &Batch<'_>, out: ArrayViewMut2<'_, f64>) -> Result<()> {
        model.apply(self.linalg, batch, out)
    }

    fn affine(&self, model: &CentredLinear) -> Result<Option<Affine>> {
        model.affine().map(Some)
    }
}
