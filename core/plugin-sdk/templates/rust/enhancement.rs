//! Subtracts a share of the mean of the rows. The map is affine, so the host maps moments in closed form and reads no row again.
use isoscope_plugin_sdk::prelude::*;

params! {
    pub struct P {
        /// How much of the mean is subtracted: 1 centres the rows.
        share: f64 = 1.0;
    }
}

pub struct Shift {
    share: f64,
}

/// What is subtracted from every row.
#[derive(Default, Serialize, Deserialize)]
pub struct Offset {
    offset: Vec<f64>,
}

impl Enhancement for Shift {
    const META: OpMeta = OpMeta {
        id: "my_plugin",
        kind: Kind::Enhancement,
        needs: Needs::Moments,
        affine: true,
        doc: "Subtracts a share of the mean of the rows.",
        ..OpMeta::DEFAULT
    };
    type Params = P;
    type Model = Offset;

    fn open(params: P) -> Result<Self> {
        Ok(Self {
            share: params.share,
        })
    }

    fn fit(&self, moments: &Moments<'_>) -> Result<Offset> {
        if moments.n() == 0 {
            return Err(Error::failed("no rows have no mean"));
        }
        Ok(Offset {
            offset: moments.mean().iter().map(|x| self.share * x).collect(),
        })
    }

    fn apply(
        &self,
        model: &Offset,
        batch: &Batch<'_>,
        mut out: ArrayViewMut2<'_, f64>,
    ) -> Result<()> {
        out.assign(&batch.rows());
        out -= &ArrayView1::from(&model.offset[..]);
        Ok(())
    }

    fn affine(&self, model: &Offset) -> Result<Option<Affine>> {
        let c = model.offset.iter().map(|x| -x).collect();
        Ok(Some(Affine {
            a: Array2::eye(model.offset.len()),
            c,
        }))
    }
}

export_plugin!("org.example.my_plugin", EnhanceOp<Shift>);
