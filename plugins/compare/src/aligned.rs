//! Mean cosine of corresponding rows after the best rotation of one cloud onto the other.

use isoscope_plugin_sdk::prelude::*;
use ndarray::{Array, Axis};

use crate::{
    cosines::CosineSum,
    cross_moments::CrossMoments,
    svd::Svd,
    value::{at_least, undefined, write},
};

/// Rows that are rotated at a time.
const BLOCK: usize = 1024;

/// Share of the energy of both clouds that may lie in directions whose alignment is arbitrary.
const UNALIGNED: f64 = 1e-9;

/// Why clouds whose sums leave the range of numbers are not aligned.
const TOO_LARGE: &str = "a row is not finite, or too large";

/// Mean row cosine after orthogonal alignment, uncentred.
pub struct Aligned {
    linalg: Linalg,
}

/// The rotation of B onto A; empty before it is known.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Alignment {
    /// Widths of B and of A.
    widths: (usize, usize),
    /// d₂×d₁, row-major; b·R is compared with a.
    rotation: Vec<f64>,
}

/// The moments of the first pass or the cosines of the second.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct AlignedState {
    moments: CrossMoments,
    cosines: CosineSum,
    rows: u64,
}

impl Op for Aligned {
    const META: OpMeta = OpMeta {
        id: "compare.aligned",
        kind: Kind::Comparison,
        version: 1,
        needs: Needs::Rows,
        views: 2,
        outputs: &[
            Output::scalar("compare.aligned_cosine").range("[-1, 1]").better(Better::Higher).invariant(&[
                Invariance::Rotation,
                Invariance::Scale,
                Invariance::Permutation,
            ]),
            Output::scalar("compare.aligned_cosine_dropped_rows")
                .unit("rows")
                .range("[0, inf)")
                .better(Better::Lower)
                .invariant(&[Invariance::Rotation, Invariance::Scale, Invariance::Permutation]),
        ],
        doc: "Mean cosine of corresponding rows of A and B after the orthogonal map that brings B closest to A (uncentred \
              Procrustes); the narrower cloud counts as padded with zeros. The first pass finds the map from the joint moments, the second measures. Rows \
              that are zero in either cloud are dropped and counted. Invariant to a rotation or scale of one cloud alone.",
        formula: "\\frac1n \\sum_i \\cos(a_i, R^\\top b_i), \\quad R = U V^\\top, \\quad B^\\top A = U \\Sigma V^\\top",
        reference: "Schonemann 1966 (orthogonal Procrustes); Hamilton et al. 2016, eq. 4 (alignment of embeddings)",
        ..OpMeta::DEFAULT
    };
    type Params = NoParams;
    type Model = Alignment;
    type State = AlignedState;

    fn open(_: NoParams, _: &Input, host: &Host) -> Result<Self> {
        Ok(Self { linalg: host.linalg() })
    }

    fn begin(&self, _: &Alignment, _pass: u32) -> Result<AlignedState> {
        Ok(AlignedState::default())
    }

    fn update(&self, model: &Alignment, state: &mut AlignedState, batch: &Batch<'_>) -> Result<()> {
        let (a, b) = (batch.view(0), batch.view(1));
        state.rows += batch.len() as u64;
        let Some(rotation) = model.matrix()? else { return state.moments.absorb(self.linalg, a, b) };
        if (b.ncols(), a.ncols()) != model.widths {
            return Err(Error::invalid("the rows do not have the widths of the alignment"));
        }
        for (a, b) in a.axis_chunks_iter(Axis(0), BLOCK).zip(b.axis_chunks_iter(Axis(0), BLOCK)) {
            state.cosines.absorb(a, self.linalg.matmul(b, rotation)?.view(), b);
        }
        Ok(())
    }

    fn merge(&self, _: &Alignment, state: &mut AlignedState, other: AlignedState) -> Result<()> {
        state.rows += other.rows;
        state.cosines.merge(&other.cosines);
        state.moments.merge(other.moments)
    }

    fn finish(&self, model: &Alignment, state: AlignedState, out: &mut Out<'_>) -> Result<Next<Alignment>> {
        out.set_n(state.rows);
        if model.widths.0 > 0 {
            write(out, "compare.aligned_cosine", &state.cosines.mean())?;
            out.value("compare.aligned_cosine_dropped_rows", state.cosines.dropped() as f64)?;
            return Ok(Next::Done(Alignment::default()));
        }
        match self.align(&state.moments)? {
            Ok(model) => Ok(Next::Again(model)),
            Err(reason) => {
                out.null("compare.aligned_cosine", &reason)?;
                out.null("compare.aligned_cosine_dropped_rows", &reason)?;
                Ok(Next::Done(Alignment::default()))
            }
        }
    }
}

impl Aligned {
    /// Finds the rotation, or says why there is none.
    ///
    /// Where `BᵀA` has no rank the rotation is arbitrary. That matters only when both clouds have energy
    /// there; then the cosine of a row has no one value.
    fn align(&self, m: &CrossMoments) -> Result<core::result::Result<Alignment, String>> {
        let (d, e) = m.widths();
        let finite = if m.is_finite() { Ok(()) } else { undefined(TOO_LARGE) };
        if let Err(reason) = at_least(1, m.n()).and(finite) {
            return Ok(Err(reason));
        }
        let n = m.n() as f64;
        let (mean_a, mean_b) = m.means();
        let raw = |scatter: ArrayView2<'_, f64>, p: &[f64], q: &[f64]| {
            &scatter + &Array::from_shape_fn(scatter.dim(), |(i, j)| n * p[i] * q[j])
        };
        let aa = raw(m.aa().scatter()?, mean_a, mean_a);
        let bb = raw(m.bb().scatter()?, mean_b, mean_b);
        let ba = raw(m.ab().scatter()?, mean_a, mean_b).reversed_axes();
        if ![&aa, &bb, &ba].iter().all(|second| second.iter().all(|v| v.is_finite())) {
            return Ok(undefined(TOO_LARGE));
        }
        if aa.diag().sum() <= 0.0 || bb.diag().sum() <= 0.0 {
            return Ok(undefined("all rows of a cloud are zero"));
        }
        let svd = Svd::of(self.linalg, ba.view())?;
        let rank = ndarray::Slice::from(..svd.rank());
        let (left, right) = (svd.left.slice_axis(Axis(0), rank), svd.right.slice_axis(Axis(0), rank));
        let (spare_a, spare_b) = (self.outside(&aa, right)?, self.outside(&bb, left)?);
        if (spare_a * spare_b).sqrt() > UNALIGNED {
            return Ok(undefined(format!(
                "the clouds determine their alignment in {} of {} dimensions only",
                svd.rank(),
                d.min(e)
            )));
        }
        let rotation = self.linalg.matmul(left.t(), right)?.into_raw_vec_and_offset().0;
        Ok(Ok(Alignment { widths: (e, d), rotation }))
    }

    /// Computes the share of the energy of a cloud, by its second moments (d×d), that lies outside some
    /// orthonormal axes.
    fn outside(&self, second: &Array2<f64>, axes: ArrayView2<'_, f64>) -> Result<f64> {
        let images = self.linalg.matmul(axes, second.view())?;
        let inside: f64 = images.iter().zip(&axes).map(|(image, axis)| image * axis).sum();
        let spare = 1.0 - inside / second.diag().sum();
        // What is within the rounding of the sums is nothing.
        Ok(if spare <= 16.0 * second.nrows() as f64 * f64::EPSILON { 0.0 } else { spare })
    }
}

impl Alignment {
    /// Views the rotation, d₂×d₁; `None` before it is known.
    fn matrix(&self) -> Result<Option<ArrayView2<'_, f64>>> {
        if self.widths.0 == 0 {
            return Ok(None);
        }
        ArrayView2::from_shape(self.widths, &self.rotation)
            .map(Some)
            .map_err(|_| Error::invalid("the alignment does not fit its widths"))
    }
}
