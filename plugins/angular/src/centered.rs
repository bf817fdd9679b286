//! The mean cosine of the centred rows: the mean from the moments, then one pass over the rows.

use isoscope_plugin_sdk::prelude::*;

use crate::unit_vectors::{FEW_ROWS, inner, mean_cosine};

const ID: &str = "angular.avg_cosine_centered";

/// Norm of a centred row, relative to the norm of the mean, up to which it is rounding error of the mean and has no
/// direction.
const NO_DIRECTION: f64 = 1e-13;

/// The mean cosine over all pairs of rows minus their mean.
pub struct AvgCosineCentered;

/// What the pass is given.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct Centre {
    mean: Vec<f64>,
}

/// Sum of the unit vectors of the centred rows.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct UnitSum {
    /// All rows.
    n: u64,
    /// Rows that have a direction.
    directed: u64,
    sum: Vec<f64>,
}

impl Op for AvgCosineCentered {
    const META: OpMeta = OpMeta {
        id: ID,
        kind: Kind::Metric,
        version: 1,
        needs: Needs::MomentsThenRows,
        parts: &[Part::Second],
        outputs: &[Output::scalar(ID).range("[-1/(m - 1), 1]").invariant(&[
            Invariance::Rotation,
            Invariance::Translation,
            Invariance::Scale,
            Invariance::Permutation,
        ])],
        doc: "Mean cosine over all pairs of distinct rows after the mean is subtracted. Rows equal to the mean are left \
              out; m rows remain.",
        formula: "\\frac{\\|s\\|^2 - m}{m (m - 1)}, \\quad s = \\sum_i (x_i - \\mu) / \\|x_i - \\mu\\|",
        reference: "Ethayarajh 2019 (EMNLP), on centred rows; over all pairs in closed form",
        ..OpMeta::DEFAULT
    };
    const HAS_MEASURE: bool = true;
    type Params = NoParams;
    type Model = Centre;
    type State = UnitSum;

    fn open(_: NoParams, _: &Input, _: &Host) -> Result<Self> {
        Ok(Self)
    }

    fn measure(&self, m: &Moments<'_>, out: &mut Out<'_>) -> Result<Next<Centre>> {
        if m.n() < 2 {
            out.null(ID, "fewer than 2 rows")?;
            return Ok(Next::Done(Centre::default()));
        }
        Ok(Next::Again(Centre { mean: m.mean().to_vec() }))
    }

    fn begin(&self, model: &Centre, _pass: u32) -> Result<UnitSum> {
        Ok(UnitSum { n: 0, directed: 0, sum: vec![0.0; model.mean.len()] })
    }

    fn update(&self, model: &Centre, state: &mut UnitSum, batch: &Batch<'_>) -> Result<()> {
        let rows = batch.rows();
        let mean = ArrayView1::from(&model.mean[..]);
        if rows.ncols() != mean.len() {
            return Err(Error::invalid(format!(
                "the rows have {} dimensions, the mean {}",
                rows.ncols(),
                mean.len()
            )));
        }
        let floor = NO_DIRECTION * inner(&mean, &mean).sqrt();
        let mut sum = ndarray::ArrayViewMut1::from(&mut state.sum[..]);
        let mut centred = Array1::zeros(mean.len());
        for row in rows.rows() {
            centred.assign(&row);
            centred -= &mean;
            let norm = inner(&centred.view(), &centred.view()).sqrt();
            if norm > floor {
                sum.scaled_add(norm.recip(), &centred);
                state.directed += 1;
            }
        }
        state.n += rows.nrows() as u64;
        Ok(())
    }

    fn merge(&self, _: &Centre, state: &mut UnitSum, other: UnitSum) -> Result<()> {
        if state.sum.len() != other.sum.len() {
            return Err(Error::invalid("states over different widths do not merge"));
        }
        state.n += other.n;
        state.directed += other.directed;
        for (a, b) in state.sum.iter_mut().zip(&other.sum) {
            *a += b;
        }
        Ok(())
    }

    fn finish(&self, _: &Centre, state: UnitSum, out: &mut Out<'_>) -> Result<Next<Centre>> {
        out.set_n(state.n);
        if state.directed < 2 {
            out.null(ID, FEW_ROWS)?;
        } else {
            let square: f64 = state.sum.iter().map(|s| s * s).sum();
            out.value(ID, mean_cosine(square, state.directed as f64))?;
        }
        Ok(Next::Done(Centre::default()))
    }
}
