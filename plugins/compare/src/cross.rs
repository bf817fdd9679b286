//! The op of all measures that one pass over the rows decides.

use isoscope_plugin_sdk::prelude::*;

use crate::{
    cca::Whitened,
    cka,
    cosines::CosineSum,
    cross_moments::CrossMoments,
    drift, frechet,
    principal_axes::PrincipalAxes,
    procrustes::Procrustes,
    value::{same_width, undefined, write},
};

const EVERY: &[Invariance] =
    &[Invariance::Rotation, Invariance::Translation, Invariance::Scale, Invariance::Permutation];
const ALL_BUT_SCALE: &[Invariance] =
    &[Invariance::Rotation, Invariance::Translation, Invariance::Permutation];
const ALL_BUT_ROTATION: &[Invariance] =
    &[Invariance::Translation, Invariance::Scale, Invariance::Permutation];
const ALL_BUT_TRANSLATION: &[Invariance] =
    &[Invariance::Rotation, Invariance::Scale, Invariance::Permutation];

/// Outputs that are functions of the sums alone.
const OF_SUMS: [&str; 6] = [
    "compare.cka_linear",
    "compare.cka_debiased",
    "compare.cka_debiased_single_pass",
    "compare.mean_shift",
    "compare.row_cosine_mean",
    "compare.row_cosine_dropped_rows",
];

/// Why the others have no value.
const UNDECOMPOSED: &str = "not computed, because the parameter \"decompositions\" is false";

params! {
    /// Parameters of the one-pass comparison.
    pub struct CrossParams {
        /// Share of the variance that the axes kept for SVCCA carry on each side, in (0, 1].
        variance: f64 = 0.99;
        /// Number of leading principal axes whose subspaces are compared.
        k: u64 = 5;
        /// Whether what needs decompositions of d×d matrices is computed: all but CKA, the shift of the mean and the cosines of rows.
        decompositions: bool = true;
    }
}

/// Similarity and distance of two clouds from their joint moments.
pub struct Cross {
    linalg: Linalg,
    variance: f64,
    k: usize,
    decompositions: bool,
}

/// Sums of one pass.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct CrossState {
    moments: CrossMoments,
    cosines: CosineSum,
}

impl Op for Cross {
    const META: OpMeta = OpMeta {
        id: "compare.cross",
        kind: Kind::Comparison,
        version: 1,
        needs: Needs::Rows,
        views: 2,
        outputs: &[
            Output::scalar("compare.cka_linear").range("[0, 1]").better(Better::Higher).invariant(EVERY),
            Output::scalar("compare.cka_debiased").range("[-1, 1]").better(Better::Higher).invariant(EVERY),
            Output::scalar("compare.cka_debiased_single_pass")
                .range("[-1, 1]")
                .better(Better::Higher)
                .invariant(EVERY),
            Output::scalar("compare.cca_mean").range("[0, 1]").better(Better::Higher).invariant(EVERY),
            Output::scalar("compare.cca_mean_sq").range("[0, 1]").better(Better::Higher).invariant(EVERY),
            Output::scalar("compare.svcca_*").range("[0, 1]").better(Better::Higher).invariant(EVERY),
            Output::scalar("compare.pwcca")
                .range("[0, 1]")
                .better(Better::Higher)
                .invariant(ALL_BUT_ROTATION),
            Output::scalar("compare.pwcca_swapped")
                .range("[0, 1]")
                .better(Better::Higher)
                .invariant(ALL_BUT_ROTATION),
            Output::scalar("compare.rank_a").unit("dimensions").range("[0, inf)").invariant(EVERY),
            Output::scalar("compare.rank_b").unit("dimensions").range("[0, inf)").invariant(EVERY),
            Output::scalar("compare.procrustes_size_shape")
                .unit("length of rows")
                .range("[0, inf)")
                .better(Better::Lower)
                .invariant(ALL_BUT_SCALE),
            Output::scalar("compare.procrustes_normalized")
                .range("[0, sqrt(2)]")
                .better(Better::Lower)
                .invariant(EVERY),
            Output::scalar("compare.angular_shape")
                .unit("radians")
                .range("[0, pi/2]")
                .better(Better::Lower)
                .invariant(EVERY),
            Output::scalar("compare.linear_regression_r2")
                .range("[0, 1]")
                .better(Better::Higher)
                .invariant(EVERY),
            Output::scalar("compare.frechet_sq")
                .unit("squared length of rows")
                .range("[0, inf)")
                .better(Better::Lower)
                .invariant(ALL_BUT_SCALE),
            Output::scalar("compare.mean_shift")
                .unit("length of rows")
                .range("[0, inf)")
                .better(Better::Lower)
                .invariant(ALL_BUT_SCALE),
            Output::scalar("compare.row_cosine_mean")
                .range("[-1, 1]")
                .better(Better::Higher)
                .invariant(ALL_BUT_TRANSLATION),
            Output::scalar("compare.row_cosine_dropped_rows")
                .unit("rows")
                .range("[0, inf)")
                .better(Better::Lower)
                .invariant(ALL_BUT_TRANSLATION),
            Output::scalar("compare.subspace_overlap_k*")
                .range("[0, 1]")
                .better(Better::Higher)
                .invariant(EVERY),
        ],
        doc: "Similarity of two representations A and B of the same rows, from their joint moments in one pass. \
              cka_linear is biased upward when rows are few for the width; cka_debiased corrects it and may be slightly \
              negative (cka_debiased_single_pass is the same value, named after how it is computed). cca_mean and \
              cca_mean_sq average the canonical correlations over the lesser rank; svcca_* does so within the leading axes \
              that carry a share `variance` of each side; pwcca weights them by how much of A each accounts for, and \
              pwcca_swapped by how much of B. rank_a and rank_b count the dimensions behind them. The Procrustes \
              distances remain after the best rotation, the narrower cloud padded with zeros. linear_regression_r2 is \
              the share of A that a linear map of B explains. frechet_sq, mean_shift, row_cosine_mean and \
              subspace_overlap_k* compare in shared coordinates, as before and after fine-tuning, and need equal \
              widths. Declared changes are made to both clouds alike; CKA, CCA, SVCCA, the normalised Procrustes \
              distance, the angle and R^2 also stay when only one cloud is rotated, shifted or scaled.",
        formula: "\\mathrm{CKA} = \\frac{\\|\\tilde A^\\top \\tilde B\\|_F^2}{\\|\\tilde A^\\top \\tilde A\\|_F \
                  \\|\\tilde B^\\top \\tilde B\\|_F}, \\quad \\rho = \\sigma(S_{AA}^{-1/2} S_{AB} S_{BB}^{-1/2}), \\quad \
                  d^2 = \\|\\tilde A\\|^2 + \\|\\tilde B\\|^2 - 2 \\|\\tilde A^\\top \\tilde B\\|_*",
        reference: "Kornblith et al. 2019, eq. 3 (CKA, R^2); Song et al. 2012, eq. 5 (HSIC_1, debiased CKA); Raghu et al. \
                    2017 (SVCCA); Morcos et al. 2018, eq. 3 (PWCCA; the published code omits an inverse square root); \
                    Ding et al. 2021 and Williams et al. 2021 (Procrustes, angle); Dowson & Landau 1982 (Frechet)",
        ..OpMeta::DEFAULT
    };
    type Params = CrossParams;
    type Model = ();
    type State = CrossState;

    fn open(params: CrossParams, _: &Input, host: &Host) -> Result<Self> {
        if !(params.variance > 0.0 && params.variance <= 1.0) {
            return Err(Error::invalid(format!("variance: {} is not in (0, 1]", params.variance)));
        }
        if params.k == 0 {
            return Err(Error::invalid("k: a subspace needs at least one axis"));
        }
        let k = usize::try_from(params.k).unwrap_or(usize::MAX - 1);
        Ok(Self {
            linalg: host.linalg(),
            variance: params.variance,
            k,
            decompositions: params.decompositions,
        })
    }

    fn begin(&self, (): &(), _pass: u32) -> Result<CrossState> {
        Ok(CrossState::default())
    }

    fn update(&self, (): &(), state: &mut CrossState, batch: &Batch<'_>) -> Result<()> {
        let (a, b) = (batch.view(0), batch.view(1));
        if a.ncols() == b.ncols() {
            state.cosines.absorb(a, b, b);
        }
        state.moments.absorb(self.linalg, a, b)
    }

    fn merge(&self, (): &(), state: &mut CrossState, other: CrossState) -> Result<()> {
        state.cosines.merge(&other.cosines);
        state.moments.merge(other.moments)
    }

    fn finish(&self, (): &(), state: CrossState, out: &mut Out<'_>) -> Result<Next<()>> {
        out.set_n(state.moments.n());
        if state.moments.n() == 0 {
            self.nothing("no rows", &[], out)?;
        } else if state.moments.is_finite() {
            self.report(&state, out)?;
        } else {
            self.nothing("a row is not finite, or too large for its fourth power", &[], out)?;
        }
        Ok(Next::Done(()))
    }
}

impl Cross {
    fn svcca_id(&self) -> String {
        format!("compare.svcca_{:?}", self.variance)
    }

    fn overlap_id(&self) -> String {
        format!("compare.subspace_overlap_k{}", self.k)
    }

    /// Writes null with one reason for every output but some.
    fn nothing(&self, reason: &str, but: &[&str], out: &mut Out<'_>) -> Result<()> {
        out.null(&self.svcca_id(), reason)?;
        out.null(&self.overlap_id(), reason)?;
        let ids = Self::META.outputs.iter().map(|output| output.id);
        for id in ids.filter(|id| !id.ends_with('*') && !but.contains(id)) {
            out.null(id, reason)?;
        }
        Ok(())
    }

    fn report(&self, state: &CrossState, out: &mut Out<'_>) -> Result<()> {
        let m = &state.moments;
        write(out, "compare.cka_linear", &cka::linear(m))?;
        let debiased = cka::debiased(m);
        write(out, "compare.cka_debiased", &debiased)?;
        write(out, "compare.cka_debiased_single_pass", &debiased)?;
        write(out, "compare.mean_shift", &drift::mean_shift(m))?;
        let alike = same_width(m.widths().0, m.widths().1);
        write(out, "compare.row_cosine_mean", &alike.clone().and_then(|()| state.cosines.mean()))?;
        let dropped = alike.map(|()| state.cosines.dropped() as f64);
        write(out, "compare.row_cosine_dropped_rows", &dropped)?;
        if self.decompositions {
            self.report_decomposed(m, out)
        } else {
            self.nothing(UNDECOMPOSED, &OF_SUMS, out)
        }
    }

    /// Writes what needs eigenvalues or singular values.
    fn report_decomposed(&self, m: &CrossMoments, out: &mut Out<'_>) -> Result<()> {
        let a = PrincipalAxes::of(self.linalg, m.aa().scatter()?)?;
        let b = PrincipalAxes::of(self.linalg, m.bb().scatter()?)?;
        out.value("compare.rank_a", a.rank as f64)?;
        out.value("compare.rank_b", b.rank as f64)?;
        self.report_correlations(&Whitened::new(self.linalg, m, &a, &b)?, out)?;

        let shapes = Procrustes::new(self.linalg, m)?;
        write(out, "compare.procrustes_size_shape", &shapes.size_and_shape())?;
        write(out, "compare.procrustes_normalized", &shapes.normalized())?;
        write(out, "compare.angular_shape", &shapes.angle())?;

        write(out, "compare.frechet_sq", &frechet::squared(self.linalg, m, &a, &b)?)?;
        let overlap = drift::subspace_overlap(self.linalg, &a, &b, self.k)?;
        write(out, &self.overlap_id(), &overlap)
    }

    fn report_correlations(&self, whitened: &Whitened<'_>, out: &mut Out<'_>) -> Result<()> {
        let [mean, square, by_a, by_b] = match whitened.correlations()? {
            Ok(found) => {
                [Ok(found.mean()), Ok(found.mean_square()), found.weighted_by_a(), found.weighted_by_b()]
            }
            Err(reason) => [(); 4].map(|()| undefined(reason.clone())),
        };
        write(out, "compare.cca_mean", &mean)?;
        write(out, "compare.cca_mean_sq", &square)?;
        write(out, "compare.pwcca", &by_a)?;
        write(out, "compare.pwcca_swapped", &by_b)?;
        write(out, &self.svcca_id(), &whitened.svcca(self.variance)?)?;
        write(out, "compare.linear_regression_r2", &whitened.regression())
    }
}
