//! The op: neighbour lists once, every estimate from them.

use isoscope_plugin_sdk::prelude::*;

use crate::cloud::Cloud;
use crate::correlation_integral::correlation_dimension;
use crate::estimate::write;
use crate::hubness::hubness_skew;
use crate::local_dimension::lid_mean;
use crate::maximum_likelihood::{mle_harmonic, mle_mean};
use crate::method_of_moments::method_of_moments;
use crate::nearest::{Neighbours, nearest};
use crate::two_nn::{two_nn, two_nn_mle};

/// Neighbours that `TwoNN` reads.
const TWO: usize = 2;
/// Most neighbours of a row; memory is `(32k + 512)` bytes a row.
const MOST_NEIGHBOURS: u64 = 1000;
const TWONN: &str = "neigh.twonn";
const TWONN_MLE: &str = "neigh.twonn_mle";
const DUPLICATES: &str = "neigh.duplicate_rows";
const MOVES: &[Invariance] =
    &[Invariance::Rotation, Invariance::Translation, Invariance::Scale, Invariance::Permutation];

params! {
    /// Size of the sample and of the neighbourhoods.
    pub struct DimensionParams {
        /// Most rows of the sample; time and memory of the distances grow with its square.
        rows: u64 = 5000;
        /// Neighbours of the estimates of maximum likelihood and of the method of moments, from 2 to 1000.
        k: u64 = 20;
        /// Neighbours of the local intrinsic dimension, from 2 to 1000.
        lid_k: u64 = 100;
        /// Neighbour whose median distance is the smaller radius of the correlation integral.
        k1: u64 = 10;
        /// Neighbour whose median distance is the greater radius; more than `k1`.
        k2: u64 = 20;
        /// Neighbours that count as occurrences in hubness.
        hubness_k: u64 = 10;
    }
}

/// The intrinsic dimension of a sample by several estimators, and its hubness.
pub struct Dimension {
    linalg: Linalg,
    k: usize,
    lid_k: usize,
    k1: usize,
    k2: usize,
    hubness_k: usize,
}

impl SampleMetric for Dimension {
    const META: OpMeta = OpMeta {
        id: "neigh.dimension",
        kind: Kind::Metric,
        version: 1,
        needs: Needs::Sample,
        outputs: &[
            Output::scalar(TWONN).unit("dimensions").range("(0, inf)").invariant(MOVES),
            Output::scalar(TWONN_MLE).unit("dimensions").range("(0, inf)").invariant(MOVES),
            Output::scalar("neigh.mle_k*").unit("dimensions").range("(0, inf)").invariant(MOVES),
            Output::scalar("neigh.lid_k*").unit("dimensions").range("(0, inf)").invariant(MOVES),
            Output::scalar("neigh.mom_k*").unit("dimensions").range("(0, inf)").invariant(MOVES),
            Output::scalar("neigh.corrint_k*").unit("dimensions").range("[0, inf)").invariant(MOVES),
            Output::scalar("neigh.hubness_skew_k*").better(Better::Lower).invariant(MOVES),
            Output::scalar(DUPLICATES).unit("rows").range("[0, n]").better(Better::Lower).invariant(MOVES),
        ],
        doc: "Intrinsic dimension of a sample of the rows from exact Euclidean neighbour distances: TwoNN (fit through the \
              origin without the largest 10 % of the ratios, and its maximum likelihood), Levina and Bickel's estimate \
              (pooled harmonically and as a mean), the mean local intrinsic dimension (and half of it, which is what squared \
              distances give), the method of moments, and the correlation dimension. Also the skewness of how often a row is \
              a neighbour (hubness). Rows with a duplicate have no ratio of distances: the estimates from ratios leave them \
              out, and neigh.duplicate_rows counts them. The values depend on the size of the sample: compare samples of \
              the same size.",
        formula: "\\text{TwoNN: } -\\ln(1 - i/N) = d \\ln(r_2/r_1)_{(i)} \\qquad \
                  m_k(x) = \\frac{k - 1}{\\sum_{j \\le k} \\ln(r_k/r_j)} \\qquad \
                  \\mathrm{LID}_k(x) = -\\Bigl(\\tfrac1k \\sum_{j \\le k} \\ln \\tfrac{r_j}{r_k}\\Bigr)^{-1} \\qquad \
                  \\mathrm{MOM}_k(x) = \\frac{\\bar r}{r_k - \\bar r} \\qquad \
                  \\mathrm{CorrInt} = \\frac{\\ln C(R_2) - \\ln C(R_1)}{\\ln R_2 - \\ln R_1}",
        reference: "Facco et al. 2017 (TwoNN); Denti et al. 2022 (its maximum likelihood); Levina & Bickel 2005, eq. 8, and \
                    MacKay & Ghahramani 2005 (harmonic pooling); Amsaleg et al. 2018 (LID, method of moments); Cai et al. \
                    2021 (LID of language models; the released code passes squared distances, so its values are half: \
                    ..._faiss_compat); Grassberger & Procaccia 1983 (correlation dimension; radii as in scikit-dimension); \
                    Radovanovic et al. 2010 (hubness)",
        ..OpMeta::DEFAULT
    };
    type Params = DimensionParams;

    fn open(params: DimensionParams, _: &Input, linalg: Linalg) -> Result<Self> {
        let read = |name: &str, value: u64, least: u64| match usize::try_from(value) {
            Ok(k) if (least..=MOST_NEIGHBOURS).contains(&value) => Ok(k),
            _ => Err(Error::Invalid(format!(
                "parameter \"{name}\" must be from {least} to {MOST_NEIGHBOURS}, got {value}"
            ))),
        };
        let (k1, k2) = (read("k1", params.k1, 1)?, read("k2", params.k2, 1)?);
        if k1 >= k2 {
            return Err(Error::Invalid(format!(
                "parameter \"k1\" must be less than \"k2\", got {k1} and {k2}"
            )));
        }
        if params.rows >= u64::from(u32::MAX) {
            return Err(Error::Invalid(format!("parameter \"rows\" is too large: {}", params.rows)));
        }
        Ok(Self {
            linalg,
            k: read("k", params.k, 2)?,
            lid_k: read("lid_k", params.lid_k, 2)?,
            k1,
            k2,
            hubness_k: read("hubness_k", params.hubness_k, 1)?,
        })
    }

    fn measure(&self, sample: &Sample, out: &mut Out<'_>) -> Result<()> {
        let n = sample.len();
        if n < 2 {
            return self.nothing(out, "fewer than 2 rows");
        }
        let Some(cloud) = Cloud::new(self.linalg, sample.rows()) else {
            return self.nothing(out, "the squared distances between the rows are too large for a number");
        };
        // The longest list that any estimate reads and the sample has; one neighbour tells the duplicates.
        let ks = [TWO, self.k, self.lid_k, self.k2, self.hubness_k];
        let longest = ks.into_iter().filter(|k| enough(n, *k).is_ok()).max().unwrap_or(1);
        let neighbours = nearest(&cloud, longest)?;
        self.write_all(&cloud, &neighbours, out)
    }
}

impl Dimension {
    fn write_all(&self, cloud: &Cloud<'_>, neighbours: &Neighbours, out: &mut Out<'_>) -> Result<()> {
        let (n, k) = (cloud.len(), self.k);
        let duplicates = (0..n).filter(|i| neighbours.distances(*i)[0] <= 0.0).count();
        let ids = self.ids();
        out.set_n((n - duplicates) as u64);
        write(out, TWONN, enough(n, TWO).and_then(|()| two_nn(neighbours)))?;
        write(out, TWONN_MLE, enough(n, TWO).and_then(|()| two_nn_mle(neighbours)))?;
        write(out, &ids.mle_harmonic, enough(n, k).and_then(|()| mle_harmonic(neighbours, k)))?;
        write(out, &ids.mle_mean, enough(n, k).and_then(|()| mle_mean(neighbours, k)))?;
        let lid = enough(n, self.lid_k).and_then(|()| lid_mean(neighbours, self.lid_k));
        write(out, &ids.lid_faiss, lid.clone().map(|lid| lid / 2.0))?;
        write(out, &ids.lid, lid)?;
        write(out, &ids.mom, enough(n, k).and_then(|()| method_of_moments(neighbours, k)))?;
        out.set_n(n as u64);
        let corrint = match enough(n, self.k2) {
            Ok(()) => correlation_dimension(cloud, neighbours, self.k1, self.k2)?,
            Err(reason) => Err(reason),
        };
        write(out, &ids.corrint, corrint)?;
        let hubness = enough(n, self.hubness_k).and_then(|()| hubness_skew(neighbours, self.hubness_k));
        write(out, &ids.hubness, hubness)?;
        out.value(DUPLICATES, duplicates as f64)
    }

    /// Writes for every output that there is no value.
    fn nothing(&self, out: &mut Out<'_>, reason: &str) -> Result<()> {
        let ids = self.ids();
        let named = [
            &ids.mle_harmonic,
            &ids.mle_mean,
            &ids.lid_faiss,
            &ids.lid,
            &ids.mom,
            &ids.corrint,
            &ids.hubness,
        ];
        for id in [TWONN, TWONN_MLE].into_iter().chain(named.into_iter().map(String::as_str)) {
            out.null(id, reason)?;
        }
        out.null(DUPLICATES, reason)
    }

    fn ids(&self) -> Ids {
        let (k, lid_k) = (self.k, self.lid_k);
        Ids {
            mle_harmonic: format!("neigh.mle_k{k}_harmonic"),
            mle_mean: format!("neigh.mle_k{k}_mean"),
            lid: format!("neigh.lid_k{lid_k}_mean"),
            lid_faiss: format!("neigh.lid_k{lid_k}_mean_faiss_compat"),
            mom: format!("neigh.mom_k{k}"),
            corrint: format!("neigh.corrint_k{}_{}", self.k1, self.k2),
            hubness: format!("neigh.hubness_skew_k{}", self.hubness_k),
        }
    }
}

/// The ids that parameters name.
struct Ids {
    mle_harmonic: String,
    mle_mean: String,
    lid: String,
    lid_faiss: String,
    mom: String,
    corrint: String,
    hubness: String,
}

/// Says whether a sample is large enough for k neighbours: at least k + 2 rows, so that the k-th is not the farthest of all.
fn enough(n: usize, k: usize) -> core::result::Result<(), String> {
    if n >= k + 2 { Ok(()) } else { Err(format!("{n} rows, and {k} neighbours need at least {}", k + 2)) }
}
