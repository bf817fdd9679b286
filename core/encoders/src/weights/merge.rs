//! The arithmetic of low-rank updates: W + s·B·A (Hu et al. 2021, arXiv 2106.09685), and with a magnitude a row, its
//! decomposition (Liu et al. 2024, arXiv 2402.09353).
//!
//! Sums are taken in f64 and rounded to f32 once; peft takes them in the format of the weights, so its merged weights differ from
//! these by roundings of single precision.

/// The two factors of an update: A is R×I, B is O×R.
pub(super) struct Factors {
    pub(super) a: Vec<f32>,
    pub(super) b: Vec<f32>,
    pub(super) rank: usize,
    pub(super) scaling: f64,
}

/// Adds the update to the weights of a dense layer, O×I. With magnitudes every row is brought to the length that its own says.
pub(super) fn dense(weight: &mut [f32], inputs: usize, factors: &Factors, magnitudes: Option<&[f32]>) {
    let coefficients = factors.b.chunks_exact(factors.rank.max(1));
    for (o, (row, b)) in weight.chunks_exact_mut(inputs.max(1)).zip(coefficients).enumerate() {
        let mut wide = update(row, b.iter().copied(), &factors.a, factors.scaling);
        if let Some(magnitude) = magnitudes.and_then(|magnitudes| magnitudes.get(o)) {
            let length = wide.iter().map(|value| value * value).sum::<f64>().sqrt();
            // A row of zeros has no direction to keep.
            let factor = if length > 0.0 { f64::from(*magnitude) / length } else { 0.0 };
            for value in &mut wide {
                *value *= factor;
            }
        }
        round(row, &wide);
    }
}

/// Adds the update to a table of embeddings, I×O: its transpose is what a dense layer's weights are.
pub(super) fn table(table: &mut [f32], width: usize, factors: &Factors) {
    let (rank, rows) = (factors.rank.max(1), table.len() / width.max(1));
    let turned: Vec<f32> =
        (0..rank).flat_map(|k| (0..width).map(move |o| o * rank + k)).map(|place| factors.b[place]).collect();
    for (i, row) in table.chunks_exact_mut(width.max(1)).enumerate() {
        let coefficients = (0..rank).map(|k| factors.a[k * rows + i]);
        let wide = update(row, coefficients, &turned, factors.scaling);
        round(row, &wide);
    }
}

/// A row plus the scaled sum of the rows of `factor`, one for each coefficient.
fn update(row: &[f32], coefficients: impl Iterator<Item = f32>, factor: &[f32], scaling: f64) -> Vec<f64> {
    let mut sum = vec![0.0; row.len()];
    for (coefficient, other) in coefficients.zip(factor.chunks_exact(row.len().max(1))) {
        let coefficient = f64::from(coefficient);
        sum.iter_mut().zip(other).for_each(|(sum, &other)| *sum += coefficient * f64::from(other));
    }
    sum.iter_mut().zip(row).for_each(|(sum, &value)| *sum = f64::from(value) + scaling * *sum);
    sum
}

fn round(row: &mut [f32], wide: &[f64]) {
    row.iter_mut().zip(wide).for_each(|(value, &wide)| *value = wide as f32);
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A = (1 2 0; 0 1 1), B = (1 0; 2 1), B·A = (1 2 0; 2 5 1).
    fn factors() -> Factors {
        Factors { a: vec![1.0, 2.0, 0.0, 0.0, 1.0, 1.0], b: vec![1.0, 0.0, 2.0, 1.0], rank: 2, scaling: 0.5 }
    }

    #[test]
    fn a_dense_layer_gets_the_scaled_product() {
        let mut weight = vec![10.0, 0.0, 0.0, 0.0, 0.0, 7.0];
        dense(&mut weight, 3, &factors(), None);
        assert_eq!(weight, [10.5, 1.0, 0.0, 1.0, 2.5, 7.5]);
    }

    #[test]
    fn a_table_gets_its_transpose() {
        let mut rows = vec![10.0, 0.0, 0.0, 0.0, 0.0, 7.0];
        table(&mut rows, 2, &factors());
        assert_eq!(rows, [10.5, 1.0, 1.0, 2.5, 0.0, 7.5]);
    }

    #[test]
    fn magnitudes_are_the_lengths_of_the_updated_rows() {
        let mut weight = vec![2.5, 3.0, 0.0, -1.0, -2.5, -0.5];
        dense(&mut weight, 3, &factors(), Some(&[10.0, 4.0]));
        assert_eq!(weight, [6.0, 8.0, 0.0, 0.0, 0.0, 0.0], "a row of zeros stays one");
    }
}
