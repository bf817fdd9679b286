//! Enhancements that look at one row at a time and need no fit: unit length, and ranks.

use isoscope_plugin_sdk::prelude::*;
use ndarray::{Axis, Zip};

/// Scales every row to unit length.
pub struct L2Normalize;

impl Enhancement for L2Normalize {
    const META: OpMeta = OpMeta {
        id: "l2_normalize",
        kind: Kind::Enhancement,
        version: 1,
        needs: Needs::Nothing,
        doc: "Divides every row by its Euclidean norm. A row of norm 0 stays 0.",
        formula: "y = x / \\|x\\|_2",
        reference: "definition",
        ..OpMeta::DEFAULT
    };
    type Params = NoParams;
    type Model = ();

    fn open(_: NoParams) -> Result<Self> {
        Ok(Self)
    }

    fn fit(&self, _: &Moments<'_>) -> Result<()> {
        Ok(())
    }

    fn apply(&self, (): &(), batch: &Batch<'_>, mut out: ArrayViewMut2<'_, f64>) -> Result<()> {
        out.assign(&batch.rows());
        for mut row in out.axis_iter_mut(Axis(0)) {
            let norm = row.iter().map(|v| v * v).sum::<f64>().sqrt();
            if norm > 0.0 {
                row /= norm;
            }
        }
        Ok(())
    }
}

/// Replaces every row by the centred ranks of its components.
pub struct RankTransform;

impl Enhancement for RankTransform {
    const META: OpMeta = OpMeta {
        id: "rank_transform",
        kind: Kind::Enhancement,
        version: 1,
        needs: Needs::Nothing,
        doc: "Replaces every component by its rank within the row minus (d + 1) / 2; equal components share their average \
              rank. The cosine of two transformed rows is Spearman's correlation of the rows.",
        formula: "y_j = \\mathrm{rank}_j(x) - (d + 1) / 2",
        reference: "Timkey & van Schijndel 2021 (EMNLP), Spearman's rho as similarity",
        ..OpMeta::DEFAULT
    };
    type Params = NoParams;
    type Model = ();

    fn open(_: NoParams) -> Result<Self> {
        Ok(Self)
    }

    fn fit(&self, _: &Moments<'_>) -> Result<()> {
        Ok(())
    }

    fn apply(&self, (): &(), batch: &Batch<'_>, mut out: ArrayViewMut2<'_, f64>) -> Result<()> {
        let mut order: Vec<usize> = Vec::with_capacity(batch.rows().ncols());
        Zip::from(batch.rows().rows()).and(out.rows_mut()).for_each(|x, y| centred_ranks(&x, y, &mut order));
        Ok(())
    }
}

/// Writes the centred average ranks of `x`; `order` is scratch space.
fn centred_ranks(x: &ArrayView1<'_, f64>, mut y: ndarray::ArrayViewMut1<'_, f64>, order: &mut Vec<usize>) {
    order.clear();
    order.extend(0..x.len());
    order.sort_unstable_by(|a, b| x[*a].total_cmp(&x[*b]));
    let middle = f64::midpoint(x.len() as f64, 1.0);
    let mut before = 0;
    // `total_cmp` puts -0 before +0, but they are equal components: runs of equal ones are found with `<=`.
    for run in order.chunk_by(|a, b| x[*b] <= x[*a]) {
        let average = before as f64 + f64::midpoint(run.len() as f64, 1.0);
        for j in run {
            y[*j] = average - middle;
        }
        before += run.len();
    }
}
