//! H₁: loops of the cloud and the scales over which they persist.

use isoscope_plugin_sdk::prelude::*;

use crate::distance::distance;
use crate::rips::loops;

/// Most rows; the number of triangles grows with the cube.
const MOST_ROWS: u64 = 500;

const INTERVALS: &str = "topo.h1_intervals";
const LONGEST: &str = "topo.h1_max_persistence";
const COUNT: &str = "topo.h1_count";
const MOVES: &[Invariance] = &[Invariance::Rotation, Invariance::Translation, Invariance::Permutation];

params! {
    /// Size of the sample and of the list.
    pub struct LoopsParams {
        /// Most rows of the sample, at most 500.
        rows: u64 = 150;
        /// Most intervals that are listed, the longest ones.
        intervals: u64 = 3;
    }
}

/// The most persistent loops.
pub struct Loops {
    intervals: usize,
}

impl SampleMetric for Loops {
    const META: OpMeta = OpMeta {
        id: "topo.h1",
        kind: Kind::Metric,
        version: 1,
        needs: Needs::Sample,
        outputs: &[
            Output::object(INTERVALS).unit("distance").range("[0, inf)").invariant(MOVES),
            Output::scalar(LONGEST).unit("distance").range("[0, inf)").invariant(MOVES),
            Output::scalar(COUNT).unit("loops").range("0..").invariant(MOVES),
        ],
        doc: "First persistent homology, modulo 2, of the Vietoris-Rips filtration of a small sample: the scales at which the \
              most persistent loops appear (part birth) and are filled (part death), longest first, in units of the rows' \
              distances; the length of the longest, 0 without a loop; and the number of loops of positive length. The \
              lists are empty when there is no loop. Exact for the sample; a larger sample is another cloud.",
        formula: "[b_i, d_i) \\text{ of } H_1(VR_t), \\quad \\{i, j\\} \\in VR_t \\iff \\|x_i - x_j\\| \\le t",
        reference: "Edelsbrunner et al. 2002 (persistence); de Silva et al. 2011 (cohomology); Chen & Kerber 2011 \
                    (clearing); Bauer 2021 (Ripser: implicit columns, enclosing radius)",
        ..OpMeta::DEFAULT
    };
    type Params = LoopsParams;

    fn open(params: LoopsParams, _: &Input, _: Linalg) -> Result<Self> {
        if params.rows > MOST_ROWS {
            return Err(Error::Invalid(format!(
                "parameter \"rows\" must be at most {MOST_ROWS}, got {}",
                params.rows
            )));
        }
        Ok(Self { intervals: usize::try_from(params.intervals).unwrap_or(usize::MAX) })
    }

    fn measure(&self, sample: &Sample, out: &mut Out<'_>) -> Result<()> {
        let n = sample.len();
        if n < 2 || n as u64 > MOST_ROWS {
            let reason = if n < 2 { "fewer than 2 rows" } else { "more than 500 rows" };
            return nothing(out, reason);
        }
        let mut distances = Array2::zeros((n, n));
        for i in 0..n {
            for j in 0..i {
                let distance = distance(sample.rows(), i, j);
                distances[(i, j)] = distance;
                distances[(j, i)] = distance;
            }
        }
        if distances.iter().any(|distance| !distance.is_finite()) {
            return nothing(out, "the distances between the rows are too large for a number");
        }
        let found = loops(&distances);
        let longest = &found[..found.len().min(self.intervals)];
        let births: Vec<f64> = longest.iter().map(|interval| interval.birth).collect();
        let deaths: Vec<f64> = longest.iter().map(|interval| interval.death).collect();
        out.series_part(INTERVALS, "birth", &births)?;
        out.series_part(INTERVALS, "death", &deaths)?;
        out.value(LONGEST, found.first().map_or(0.0, |interval| interval.length()))?;
        out.value(COUNT, found.len() as f64)
    }
}

/// Writes for every output that there is no value.
fn nothing(out: &mut Out<'_>, reason: &str) -> Result<()> {
    out.null_series_part(INTERVALS, "birth", reason)?;
    out.null_series_part(INTERVALS, "death", reason)?;
    out.null(LONGEST, reason)?;
    out.null(COUNT, reason)
}
