//! The online (prequential) code of labels given rows.

use isoscope_plugin_sdk::prelude::*;
use ndarray::{Axis, Slice};

use crate::local_fit::LocalFit;

/// What it takes to send the labels.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct OnlineCode {
    /// Bits of each block; the first is the uniform code.
    pub(crate) blocks: Vec<f64>,
    /// Bits of the uniform code of all labels.
    pub(crate) uniform: f64,
}

impl OnlineCode {
    /// Codes labels in order, block by block: the first uniformly, every other with a probe trained on all before it.
    ///
    /// `cuts` are the ends of the blocks, ascending, the last one n. A class that no row before the block has is escaped:
    /// of t rows before, each of the u classes without one is given the probability 1/(t + K), and the probe shares the
    /// rest, so that the code stays a code. Without such classes this is the probe's own code. An inner error says why there
    /// is no code.
    ///
    /// # Errors
    /// Passes on the failure of a product or a decomposition.
    pub(crate) fn of(
        rows: ArrayView2<'_, f64>,
        labels: &[usize],
        names: &[String],
        cuts: &[usize],
        (l2, iterations): (f64, u64),
        linalg: Linalg,
    ) -> Result<core::result::Result<Self, String>> {
        let classes = names.len() as f64;
        let Some(&first) = cuts.first() else { return Ok(Err("there are no blocks".to_owned())) };
        let mut blocks = vec![first as f64 * classes.log2()];
        for pair in cuts.windows(2) {
            let (from, to) = (pair[0], pair[1]);
            let before = rows.slice_axis(Axis(0), Slice::from(..from));
            let fit = LocalFit::train(before, &labels[..from], names, l2, iterations, linalg)?;
            let fit = match fit {
                Ok(fit) => fit,
                Err(reason) => return Ok(Err(format!("on the first {from} rows: {reason}"))),
            };
            let coded = &labels[from..to];
            let escape = 1.0 / (from as f64 + classes);
            let escaped = coded.iter().filter(|&&label| !fit.knows(label)).count() as f64;
            let known = coded.len() as f64 - escaped;
            let unseen = classes - fit.seen() as f64;
            let bits = fit.bits(rows.slice_axis(Axis(0), Slice::from(from..to)), coded, linalg)?;
            blocks.push(
                bits - escaped * escape.log2() - known * (-unseen * escape).ln_1p() / core::f64::consts::LN_2,
            );
        }
        Ok(Ok(Self { blocks, uniform: labels.len() as f64 * classes.log2() }))
    }

    /// Bits of all labels.
    pub(crate) fn bits(&self) -> f64 {
        self.blocks.iter().sum()
    }
}

/// Ends of the blocks for fractions of n rows: each rounded down, those without rows of their own dropped.
pub(crate) fn cuts(fractions: &[f64], n: usize) -> Vec<usize> {
    // The slack keeps 0.29·100 = 28.999999999999996 at 29.
    let mut cuts: Vec<usize> = fractions.iter().map(|f| (f * n as f64 + 1e-9).floor() as usize).collect();
    cuts.retain(|&cut| cut > 0);
    cuts.dedup();
    cuts
}

#[cfg(test)]
mod tests {
    use isoscope_plugin_sdk::testing::native_host;

    use super::*;

    #[test]
    fn cuts_round_down_and_drop_empty_blocks() {
        assert_eq!(cuts(&[0.032, 0.0625, 0.125, 0.25, 0.5, 1.0], 500), [16, 31, 62, 125, 250, 500]);
        assert_eq!(cuts(&[0.001, 0.002, 0.29, 0.29, 1.0], 100), [29, 100]);
        assert_eq!(cuts(&[0.5, 1.0], 0), [0; 0]);
    }

    #[test]
    fn classes_that_come_late_are_escaped_at_a_finite_price() {
        let linalg = native_host().linalg();
        let names = ["a".to_owned(), "b".to_owned()];
        let rows = Array2::zeros((6, 2));
        let code = OnlineCode::of(rows.view(), &[0, 0, 0, 0, 1, 0], &names, &[3, 6], (1.0, 50), linalg);
        let code = code.unwrap().unwrap();
        // Three rows of class a, then b with 1/5 and twice a with 4/5.
        let expected = 5.0_f64.log2() + 2.0 * 1.25_f64.log2();
        assert!((code.blocks[1] - expected).abs() < 1e-12, "{code:?}");
        assert!((code.bits() - 3.0 - expected).abs() < 1e-12);
    }
}
