//! Squared correlation of similarities before and after the deletion of dimensions.

use isoscope_plugin_sdk::prelude::*;

use crate::cosines::without;
use crate::row_pairs::RowPairs;

/// How many of the strongest dimensions are deleted.
const DELETED: [usize; 3] = [1, 3, 5];
/// Fewest pairs for which a correlation is reported.
const LEAST_PAIRS: usize = 3;
/// Similarities within this share of their greatest magnitude differ by rounding alone.
const ROUNDING: f64 = 1e-12;

/// Writes the squared correlation of the similarities of all pairs with those of the rows without the top dimensions.
pub(crate) fn r_squared_of_deletions(
    id: &str,
    what: &str,
    pairs: &RowPairs,
    sample: &Sample,
    out: &mut Out<'_>,
    ranking: impl Fn(&[(usize, usize)]) -> Vec<usize>,
    similarities: impl Fn(ArrayView2<'_, f64>, &[(usize, usize)]) -> Vec<Option<f64>>,
) -> Result<()> {
    let pairs = match pairs.positions(sample) {
        Ok(pairs) => pairs,
        Err(reason) => {
            return DELETED.iter().try_for_each(|k| out.null_part(id, &k.to_string(), &reason));
        }
    };
    let rows = sample.rows();
    let (order, whole) = (ranking(&pairs), similarities(rows, &pairs));
    for k in DELETED {
        let part = k.to_string();
        if k >= order.len() {
            out.null_part(id, &part, &format!("of {} dimensions none would remain", order.len()))?;
            continue;
        }
        let rest = similarities(without(rows, &order[..k]).view(), &pairs);
        let both = whole.iter().zip(&rest).filter_map(|(whole, rest)| whole.zip(*rest));
        let (x, y): (Vec<f64>, Vec<f64>) = both.unzip();
        out.set_n(x.len() as u64);
        match r_squared(&x, &y) {
            Ok(value) => out.part(id, &part, value)?,
            Err(side) => {
                let reason = match side {
                    NoCorrelation::FewPairs => format!("fewer than {LEAST_PAIRS} pairs have {what}"),
                    NoCorrelation::First => format!("all {what} are equal"),
                    NoCorrelation::Second => format!("all {what} without the top dimensions are equal"),
                };
                out.null_part(id, &part, &reason)?;
            }
        }
    }
    Ok(())
}

/// Why two lists have no correlation.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum NoCorrelation {
    FewPairs,
    First,
    Second,
}

/// Computes the squared Pearson correlation.
fn r_squared(x: &[f64], y: &[f64]) -> core::result::Result<f64, NoCorrelation> {
    let n = x.len() as f64;
    if x.len() < LEAST_PAIRS {
        return Err(NoCorrelation::FewPairs);
    }
    let varies = |v: &[f64]| {
        let (least, most) =
            v.iter().fold((f64::INFINITY, f64::NEG_INFINITY), |(a, b), x| (a.min(*x), b.max(*x)));
        most - least > ROUNDING * least.abs().max(most.abs())
    };
    if !varies(x) {
        return Err(NoCorrelation::First);
    }
    if !varies(y) {
        return Err(NoCorrelation::Second);
    }
    let (mean_x, mean_y) = (x.iter().sum::<f64>() / n, y.iter().sum::<f64>() / n);
    let (mut xx, mut yy, mut xy) = (0.0, 0.0, 0.0);
    for (a, b) in x.iter().zip(y) {
        let (a, b) = (a - mean_x, b - mean_y);
        xx += a * a;
        yy += b * b;
        xy += a * b;
    }
    let r = (xy / xx.sqrt() / yy.sqrt()).clamp(-1.0, 1.0);
    Ok(r * r)
}
