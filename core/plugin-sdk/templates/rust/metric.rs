//! Mean cosine over all pairs of distinct rows, in one pass: the sum of the unit vectors says it all.
use isoscope_plugin_sdk::prelude::*;

params! {
    pub struct P {
        /// Rows whose norm is at most this have no direction and are left out.
        min_norm: f64 = 1e-12;
    }
}

#[derive(Serialize, Deserialize)]
pub struct Sums {
    n: u64,
    sum: Vec<f64>,
}

pub struct MeanCosine {
    params: P,
    cols: usize,
}

impl Op for MeanCosine {
    const META: OpMeta = OpMeta {
        id: "my_plugin",
        needs: Needs::Rows,
        outputs: &[Output::scalar("my_plugin")
            .range("[-1, 1]")
            .invariant(&[Invariance::Rotation, Invariance::Permutation])],
        doc: "Mean cosine over all pairs of distinct rows.",
        ..OpMeta::DEFAULT
    };
    type Params = P;
    type Model = ();
    type State = Sums;

    fn open(params: P, input: &Input, _: &Host) -> Result<Self> {
        Ok(Self {
            params,
            cols: input.cols[0],
        })
    }

    fn begin(&self, (): &(), _: u32) -> Result<Sums> {
        Ok(Sums {
            n: 0,
            sum: vec![0.0; self.cols],
        })
    }

    fn update(&self, (): &(), s: &mut Sums, batch: &Batch<'_>) -> Result<()> {
        for row in batch.rows().rows() {
            let norm = row.iter().map(|x| x * x).sum::<f64>().sqrt();
            if norm > self.params.min_norm {
                s.n += 1;
                s.sum.iter_mut().zip(row).for_each(|(a, x)| *a += x / norm);
            }
        }
        Ok(())
    }

    fn merge(&self, (): &(), s: &mut Sums, other: Sums) -> Result<()> {
        s.n += other.n;
        s.sum.iter_mut().zip(other.sum).for_each(|(a, b)| *a += b);
        Ok(())
    }

    fn finish(&self, (): &(), s: Sums, out: &mut Out<'_>) -> Result<Next<()>> {
        let (n, square) = (s.n as f64, s.sum.iter().map(|x| x * x).sum::<f64>());
        out.set_n(s.n);
        if s.n < 2 {
            out.null("my_plugin", "fewer than 2 rows have a direction")?;
        } else {
            out.value("my_plugin", (square - n) / (n * (n - 1.0)))?;
        }
        Ok(Next::Done(()))
    }
}

export_plugin!("org.example.my_plugin", MeanCosine);
