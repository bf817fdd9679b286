//! Share of the energy that lies in the mean vector: a function of the moments, so it costs no pass over the rows.
use isoscope_plugin_sdk::prelude::*;

pub struct MeanEnergy;

impl MomentMetric for MeanEnergy {
    const META: OpMeta = OpMeta {
        id: "my_plugin",
        needs: Needs::Moments,
        outputs: &[Output::scalar("my_plugin")
            .range("[0, 1]")
            .better(Better::Lower)
            .invariant(&[
                Invariance::Rotation,
                Invariance::Scale,
                Invariance::Permutation,
            ])],
        doc: "Squared norm of the mean of the rows, relative to the mean of their squared norms.",
        ..OpMeta::DEFAULT
    };
    type Params = NoParams;

    fn open(_: NoParams) -> Result<Self> {
        Ok(Self)
    }

    fn measure(&self, moments: &Moments<'_>, out: &mut Out<'_>) -> Result<()> {
        let all = moments.mean_squared_norm();
        if all <= 0.0 {
            return out.null("my_plugin", "every row is zero");
        }
        out.value(
            "my_plugin",
            moments.mean().iter().map(|x| x * x).sum::<f64>() / all,
        )
    }
}

export_plugin!("org.example.my_plugin", MomentOp<MeanEnergy>);
