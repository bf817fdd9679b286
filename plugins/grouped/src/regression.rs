//! Linear regression of a number on the vector of its row, along the principal directions.

use isoscope_plugin_sdk::prelude::*;

use crate::scatter::Scatter;
use crate::unit_sum::add_to;

/// Variance of a direction, relative to the largest, up to which it is rounding error: the rows do not vary along it.
const NO_VARIANCE: f64 = 1e-12;

/// Variance, relative to the squared norm of the mean, up to which it is rounding error of the mean: the rows are equal.
const EQUAL_ROWS: f64 = 1e-24;

/// The principal directions along which the rows vary, and the centres of rows and numbers.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub(crate) struct Directions {
    /// Rows behind the directions.
    pub(crate) n: u64,
    mean: Vec<f64>,
    mean_number: f64,
    /// Sums of squares along the directions, descending.
    values: Vec<f64>,
    /// The unit directions, d numbers each.
    vectors: Vec<f64>,
}

/// The sums of a regression.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub(crate) struct Regression {
    /// Sum of (f − mean f)(x − mean x), d.
    cross: Vec<f64>,
    /// Sum of (f − mean f)².
    square: f64,
}

impl Directions {
    /// Finds the directions of the rows behind a scatter, whose numbers have the mean `mean_number`.
    pub(crate) fn find(scatter: &Scatter, mean_number: f64, linalg: Linalg) -> Result<Self> {
        if scatter.n() == 0 {
            return Ok(Self::default());
        }
        let (values, vectors) = scatter.eigen(linalg)?;
        let mean_square: f64 = scatter.mean().iter().map(|x| x * x).sum();
        let rounding = EQUAL_ROWS * scatter.n() as f64 * mean_square;
        let floor = (NO_VARIANCE * values.first().copied().unwrap_or_default()).max(rounding);
        let values: Vec<f64> = values.into_iter().take_while(|value| *value > floor).collect();
        let vectors = vectors.outer_iter().take(values.len()).flat_map(|vector| vector.to_vec()).collect();
        Ok(Self { n: scatter.n(), mean: scatter.mean().to_vec(), mean_number, values, vectors })
    }

    /// Returns the number of directions.
    pub(crate) fn rank(&self) -> usize {
        self.values.len()
    }

    /// Computes the first `count` scores of a row, or as many as there are directions.
    pub(crate) fn scores(&self, row: ArrayView1<'_, f64>, count: usize) -> Vec<f64> {
        let score = |vector: &[f64]| {
            vector.iter().zip(row).zip(&self.mean).map(|((v, x), mean)| v * (x - mean)).sum::<f64>()
        };
        self.vectors.chunks(self.mean.len().max(1)).take(count).map(score).collect()
    }

    /// Computes the share of the variance of the numbers that a linear map of the rows explains.
    pub(crate) fn r2(&self, sums: &Regression) -> f64 {
        let d = self.mean.len().max(1);
        let explained: f64 = self
            .vectors
            .chunks(d)
            .zip(&self.values)
            .map(|(vector, value)| {
                let along: f64 = vector.iter().zip(&sums.cross).map(|(v, c)| v * c).sum();
                along * along / value
            })
            .sum();
        (explained / sums.square).clamp(0.0, 1.0)
    }
}

impl Regression {
    /// Adds a row and its number.
    pub(crate) fn add(&mut self, directions: &Directions, row: ArrayView1<'_, f64>, number: f64) {
        let number = number - directions.mean_number;
        self.cross.resize(row.len(), 0.0);
        for ((cross, x), mean) in self.cross.iter_mut().zip(row).zip(&directions.mean) {
            *cross += number * (x - mean);
        }
        self.square += number * number;
    }

    /// Adds the sums of other rows.
    ///
    /// # Errors
    /// [`Error::Invalid`] when the widths differ.
    pub(crate) fn merge(&mut self, other: &Self) -> Result<()> {
        self.square += other.square;
        add_to(&mut self.cross, &other.cross)
    }
}
