//! Do two clouds agree on which rows are long? Correlation of the norms of row-aligned rows, in one pass over two views.
use isoscope_plugin_sdk::prelude::*;

pub struct NormCorrelation;

/// Count, means and centred sums of the two norms (Chan et al. 1979): no sum of squares loses its digits.
#[derive(Default, Serialize, Deserialize)]
pub struct Sums {
    n: u64,
    mean: [f64; 2],
    squares: [f64; 2],
    product: f64,
}

impl Sums {
    fn add(&mut self, other: &Self) {
        if other.n == 0 {
            return;
        }
        let (n, total) = (other.n as f64, (self.n + other.n) as f64);
        let weight = self.n as f64 * n / total;
        let delta = [other.mean[0] - self.mean[0], other.mean[1] - self.mean[1]];
        for (view, delta) in delta.iter().enumerate() {
            self.squares[view] += other.squares[view] + delta * delta * weight;
            self.mean[view] += delta * n / total;
        }
        self.product += other.product + delta[0] * delta[1] * weight;
        self.n += other.n;
    }
}

impl Op for NormCorrelation {
    const META: OpMeta = OpMeta {
        id: "my_plugin",
        kind: Kind::Comparison,
        needs: Needs::Rows,
        views: 2,
        outputs: &[Output::scalar("my_plugin")
            .range("[-1, 1]")
            .better(Better::Higher)
            .invariant(&[
                Invariance::Rotation,
                Invariance::Scale,
                Invariance::Permutation,
            ])],
        doc: "Pearson correlation between the norms of the rows of two row-aligned clouds.",
        ..OpMeta::DEFAULT
    };
    type Params = NoParams;
    type Model = ();
    type State = Sums;

    fn open(_: NoParams, _: &Input, _: &Host) -> Result<Self> {
        Ok(Self)
    }

    fn begin(&self, (): &(), _pass: u32) -> Result<Sums> {
        Ok(Sums::default())
    }

    fn update(&self, (): &(), sums: &mut Sums, batch: &Batch<'_>) -> Result<()> {
        let norm = |view: usize, i: usize| {
            batch
                .view(view)
                .row(i)
                .iter()
                .map(|x| x * x)
                .sum::<f64>()
                .sqrt()
        };
        for i in 0..batch.len() {
            sums.add(&Sums {
                n: 1,
                mean: [norm(0, i), norm(1, i)],
                ..Sums::default()
            });
        }
        Ok(())
    }

    fn merge(&self, (): &(), sums: &mut Sums, other: Sums) -> Result<()> {
        sums.add(&other);
        Ok(())
    }

    fn finish(&self, (): &(), sums: Sums, out: &mut Out<'_>) -> Result<Next<()>> {
        out.set_n(sums.n);
        // Rounding leaves equal norms a spread of about the square of the machine precision.
        let varies =
            |view: usize| sums.squares[view] > 1e-24 * sums.n as f64 * sums.mean[view].powi(2);
        if varies(0) && varies(1) {
            let bound = (sums.squares[0] * sums.squares[1]).sqrt();
            out.value("my_plugin", (sums.product / bound).clamp(-1.0, 1.0))?;
        } else {
            out.null("my_plugin", "the norms of a view do not vary")?;
        }
        Ok(Next::Done(()))
    }
}

export_plugin!("org.example.my_plugin", NormCorrelation);
