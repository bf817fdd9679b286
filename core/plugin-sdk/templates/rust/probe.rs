//! Can a row's vector tell whether its gold score is high? Two passes: the first finds the mean of the high and of the low training
//! rows, the second counts the test rows that lie nearer to the mean of their own side. A study asks for it under `[[probe]]`.
use isoscope_plugin_sdk::prelude::*;

params! {
    pub struct P {
        /// Gold scores above this are high.
        threshold: f64 = 2.5;
    }
}

pub struct NearestMean {
    threshold: f64,
    cols: usize,
}

/// The means of the low and of the high training rows; empty in the first pass.
#[derive(Default, Serialize, Deserialize)]
pub struct Means(Vec<Vec<f64>>);

/// What a pass counts: rows and their sums by side, and the rows on the right side. The first pass sees training rows, the second test rows.
#[derive(Serialize, Deserialize)]
pub struct Counts {
    rows: [u64; 2],
    sums: [Vec<f64>; 2],
    right: u64,
}

impl Op for NearestMean {
    const META: OpMeta = OpMeta {
        id: "my_plugin",
        kind: Kind::Probe,
        needs: Needs::Rows,
        columns: &["split", "gold"],
        outputs: &[Output::scalar("my_plugin")
            .range("[0, 1]")
            .better(Better::Higher)],
        doc: "Share of the test rows that lie nearer to the mean of the training rows on their side of the gold \
              threshold.",
        ..OpMeta::DEFAULT
    };
    type Params = P;
    type Model = Means;
    type State = Counts;

    fn open(params: P, input: &Input, _: &Host) -> Result<Self> {
        Ok(Self {
            threshold: params.threshold,
            cols: input.cols[0],
        })
    }

    fn begin(&self, _: &Means, _pass: u32) -> Result<Counts> {
        let zeros = || vec![0.0; self.cols];
        Ok(Counts {
            rows: [0; 2],
            sums: [zeros(), zeros()],
            right: 0,
        })
    }

    fn update(&self, means: &Means, counts: &mut Counts, batch: &Batch<'_>) -> Result<()> {
        let (split, gold) = (batch.strings("split")?, batch.f64s("gold")?);
        let part = if means.0.is_empty() { "train" } else { "test" };
        for (i, row) in batch.rows().rows().into_iter().enumerate() {
            let Some(score) = gold.get(i).filter(|_| split.get(i) == Some(part)) else {
                continue;
            };
            let side = usize::from(score > self.threshold);
            counts.rows[side] += 1;
            if let [low, high] = &means.0[..] {
                let distance = |mean: &[f64]| {
                    row.iter()
                        .zip(mean)
                        .map(|(x, m)| (x - m).powi(2))
                        .sum::<f64>()
                };
                counts.right += u64::from(usize::from(distance(high) < distance(low)) == side);
            } else {
                counts.sums[side]
                    .iter_mut()
                    .zip(row)
                    .for_each(|(sum, x)| *sum += x);
            }
        }
        Ok(())
    }

    fn merge(&self, _: &Means, counts: &mut Counts, other: Counts) -> Result<()> {
        counts.right += other.right;
        for side in 0..2 {
            counts.rows[side] += other.rows[side];
            counts.sums[side]
                .iter_mut()
                .zip(&other.sums[side])
                .for_each(|(sum, x)| *sum += x);
        }
        Ok(())
    }

    fn finish(&self, means: &Means, counts: Counts, out: &mut Out<'_>) -> Result<Next<Means>> {
        let rows = counts.rows[0] + counts.rows[1];
        out.set_n(rows);
        if !means.0.is_empty() {
            match rows {
                0 => out.null("my_plugin", "there are no test rows with a gold score")?,
                _ => out.value("my_plugin", counts.right as f64 / rows as f64)?,
            }
        } else if counts.rows.contains(&0) {
            out.null(
                "my_plugin",
                "all training rows lie on one side of the threshold",
            )?;
        } else {
            let mean = |side: usize| {
                counts.sums[side]
                    .iter()
                    .map(|sum| sum / counts.rows[side] as f64)
                    .collect()
            };
            return Ok(Next::Again(Means(vec![mean(0), mean(1)])));
        }
        Ok(Next::Done(Means::default()))
    }
}

export_plugin!("org.example.my_plugin", NearestMean);
