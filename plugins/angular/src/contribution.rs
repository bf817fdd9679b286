//! What each dimension adds to the mean cosine.

use isoscope_plugin_sdk::prelude::*;

use crate::unit_vectors::{FEW_ROWS, directed_rows};

/// Dimensions listed by the table form.
const TOP: usize = 3;

/// Computes the contribution of every dimension to the mean cosine over all pairs, or `None` below 2 directed rows.
fn contributions(m: &Moments<'_>) -> Result<Option<Vec<f64>>> {
    let direction = m.direction()?;
    let rows = directed_rows(m, &direction);
    if rows < 2 {
        return Ok(None);
    }
    let pairs = rows as f64 * (rows - 1) as f64;
    let per_dimension = direction.unit_sum.iter().zip(direction.unit_square_sum.iter());
    Ok(Some(per_dimension.map(|(sum, squares)| (sum * sum - squares) / pairs).collect()))
}

/// The contribution of every dimension to the mean cosine.
pub struct CosContribution;

impl MomentMetric for CosContribution {
    const META: OpMeta = OpMeta {
        id: "angular.cos_contribution",
        kind: Kind::Metric,
        version: 1,
        needs: Needs::Moments,
        parts: &[Part::Direction],
        outputs: &[Output::vector("angular.cos_contribution")
            .range("[-1, 1]")
            .invariant(&[Invariance::Scale, Invariance::Permutation])],
        doc: "Contribution of every dimension to the mean cosine over all pairs, exact; the contributions add up to \
              angular.avg_cosine.",
        formula: "CC_j = \\frac{s_j^2 - \\sum_i \\hat u_{ij}^2}{m (m - 1)}, \\quad \\hat u_i = x_i / \\|x_i\\|, \\; s = \\sum_i \\hat u_i",
        reference: "Timkey & van Schijndel 2021 (EMNLP), eq. 3, over all pairs in closed form",
        ..OpMeta::DEFAULT
    };
    type Params = NoParams;

    fn open(_: NoParams) -> Result<Self> {
        Ok(Self)
    }

    fn measure(&self, m: &Moments<'_>, out: &mut Out<'_>) -> Result<()> {
        match contributions(m)? {
            Some(values) => out.series("angular.cos_contribution", &values),
            None => out.null_series("angular.cos_contribution", FEW_ROWS),
        }
    }
}

params! {
    /// How the dimensions are ranked.
    pub struct CosContributionTop3Params {
        /// Rank by the magnitude of the contribution instead of its value.
        by_magnitude: bool = false;
    }
}

/// The three dimensions that contribute most to the mean cosine.
pub struct CosContributionTop3 {
    by_magnitude: bool,
}

impl MomentMetric for CosContributionTop3 {
    const META: OpMeta = OpMeta {
        id: "angular.cos_contribution_top3",
        kind: Kind::Metric,
        version: 1,
        needs: Needs::Moments,
        parts: &[Part::Direction],
        outputs: &[Output::object("angular.cos_contribution_top3")
            .range("dims 0..d; share and total real")
            .invariant(&[Invariance::Scale, Invariance::Permutation])],
        doc: "The three dimensions of the largest contribution to the mean cosine: part dims gives their indices from 0, \
              part share their share of the total, part total the mean cosine itself.",
        formula: "CC_j / \\sum_k CC_k \\text{ for the three largest } CC_j",
        reference: "Timkey & van Schijndel 2021 (EMNLP), table 1",
        ..OpMeta::DEFAULT
    };
    type Params = CosContributionTop3Params;

    fn open(params: CosContributionTop3Params) -> Result<Self> {
        Ok(Self { by_magnitude: params.by_magnitude })
    }

    fn measure(&self, m: &Moments<'_>, out: &mut Out<'_>) -> Result<()> {
        const ID: &str = "angular.cos_contribution_top3";
        let Some(values) = contributions(m)? else {
            return out.null(ID, FEW_ROWS);
        };
        let total: f64 = values.iter().sum();
        if total.abs() <= f64::MIN_POSITIVE {
            return out.null(ID, "the mean cosine is 0, so there are no shares");
        }
        let mut order: Vec<usize> = (0..values.len()).collect();
        let key = |j: usize| if self.by_magnitude { values[j].abs() } else { values[j] };
        // Stable: of equal contributions the lower index comes first.
        order.sort_by(|a, b| key(*b).total_cmp(&key(*a)));
        order.truncate(TOP);
        let dims: Vec<f64> = order.iter().map(|j| *j as f64).collect();
        let share: Vec<f64> = order.iter().map(|j| values[*j] / total).collect();
        out.series_part(ID, "dims", &dims)?;
        out.series_part(ID, "share", &share)?;
        out.part(ID, "total", total)
    }
}
