//! Ops written with the SDK, loaded as a built-in through the same C table.

#![allow(clippy::unwrap_used, clippy::expect_used)]

mod support;

use isoscope_plugin_host::{
    Collected, ColumnValues, ColumnView, EigenOf, EigenSource, MomentsView, OpError, OpInput, Plugin,
};
use isoscope_plugin_sdk::prelude::*;
use support::{Services, batch, open};

params! {
    /// Parameters of the op.
    pub struct PanicParams {
        /// Where to panic: open, update, finish, or nowhere.
        at: String = "nowhere";
    }
}

/// Sums a column, and panics where it is told to.
pub struct Sum {
    at: String,
}

/// Sum and rows.
#[derive(Serialize, Deserialize, Default)]
pub struct SumState {
    sum: i64,
    rows: u64,
}

impl Op for Sum {
    const META: OpMeta = OpMeta {
        id: "sum",
        needs: Needs::Rows,
        columns: &["gold"],
        outputs: &[Output::scalar("sum"), Output::vector("sum.curve*")],
        ..OpMeta::DEFAULT
    };
    type Params = PanicParams;
    type Model = u64;
    type State = SumState;

    fn open(params: PanicParams, _input: &Input, _host: &Host) -> Result<Self> {
        assert_ne!(params.at, "open", "told to panic in open");
        Ok(Self { at: params.at })
    }

    fn begin(&self, _model: &u64, _pass: u32) -> Result<SumState> {
        Ok(SumState::default())
    }

    fn update(&self, _model: &u64, state: &mut SumState, batch: &Batch<'_>) -> Result<()> {
        assert_ne!(self.at, "update", "told to panic in {}", self.at);
        let gold = batch.i64s("gold")?;
        state.sum += (0..batch.len()).filter_map(|row| gold.get(row)).sum::<i64>();
        state.rows += batch.len() as u64;
        Ok(())
    }

    fn merge(&self, _model: &u64, state: &mut SumState, other: SumState) -> Result<()> {
        state.sum += other.sum;
        state.rows += other.rows;
        Ok(())
    }

    fn finish(&self, model: &u64, state: SumState, out: &mut Out<'_>) -> Result<Next<u64>> {
        assert_ne!(self.at, "finish", "told to panic in finish");
        out.set_n(state.rows);
        out.series("sum.curve_x", &[state.sum as f64, f64::INFINITY])?;
        if *model == 0 {
            return Ok(Next::Again(state.rows));
        }
        out.value("sum", state.sum as f64)?;
        Ok(Next::Done(*model))
    }
}

/// Share of the variance along the first principal direction.
pub struct TopShare;

impl MomentMetric for TopShare {
    const META: OpMeta = OpMeta {
        id: "top_share",
        needs: Needs::Moments,
        parts: &[Part::Direction],
        outputs: &[Output::scalar("top_share"), Output::object("top_share.norm")],
        ..OpMeta::DEFAULT
    };
    type Params = NoParams;

    fn open(_: NoParams) -> Result<Self> {
        Ok(Self)
    }

    fn measure(&self, m: &Moments<'_>, out: &mut Out<'_>) -> Result<()> {
        assert_ne!(m.group(), "panic", "told to panic");
        let eigen = m.covariance_eigen()?;
        out.value_with_error("top_share", eigen.values[0] / eigen.values.sum(), 0.25)?;
        out.part("top_share.norm", "max", m.direction()?.norm_max)?;
        out.part("top_share.norm", "scatter", m.direction()?.norm_scatter)
    }
}

/// Subtracts the mean and keeps the first columns.
pub struct Centre {
    linalg: Option<Linalg>,
}

impl Enhancement for Centre {
    const META: OpMeta = OpMeta {
        id: "centre",
        kind: Kind::Enhancement,
        needs: Needs::Moments,
        affine: true,
        ..OpMeta::DEFAULT
    };
    type Params = NoParams;
    type Model = Vec<f64>;

    fn open(_: NoParams) -> Result<Self> {
        Ok(Self { linalg: None })
    }

    fn with_linalg(self, linalg: Linalg) -> Self {
        Self { linalg: Some(linalg) }
    }

    fn fit(&self, m: &Moments<'_>) -> Result<Vec<f64>> {
        Ok(m.mean().to_vec())
    }

    fn apply(&self, model: &Vec<f64>, batch: &Batch<'_>, out: ArrayViewMut2<'_, f64>) -> Result<()> {
        let centred = &batch.rows() - &ArrayView1::from(model);
        let keep =
            Array2::from_shape_fn((model.len(), model.len() - 1), |(i, j)| f64::from(u8::from(i == j)));
        self.linalg.ok_or_else(|| Error::failed("no linalg"))?.matmul_into(centred.view(), keep.view(), out)
    }

    fn output_cols(&self, _model: &Vec<f64>, cols: usize) -> Result<usize> {
        Ok(cols - 1)
    }

    fn affine(&self, model: &Vec<f64>) -> Result<Option<Affine>> {
        let d = model.len();
        let a = Array2::from_shape_fn((d - 1, d), |(i, j)| if i == j { 1.0 } else { 0.0 });
        let c = Array1::from_iter(model[..d - 1].iter().map(|x| -x));
        Ok(Some(Affine { a, c }))
    }
}

declare_plugin! { pub PLUGIN, id: "org.example.test", ops: [Sum, MomentOp<TopShare>, EnhanceOp<Centre>] }

fn plugin() -> Plugin {
    Plugin::built_in(&PLUGIN).unwrap()
}

fn with_gold<'a>(data: &'a [f64], gold: &'a [i64]) -> isoscope_plugin_host::BatchView<'a> {
    let mut batch = batch(data, 1);
    batch.columns.push(ColumnView {
        name: "gold",
        values: ColumnValues::I64(gold),
        validity: Some(&[0b101]),
    });
    batch
}

#[test]
fn a_built_in_is_read_from_its_table() {
    let plugin = plugin();
    assert_eq!(plugin.id(), "org.example.test");
    assert_eq!(plugin.digest(), concat!("built-in:org.example.test@", env!("CARGO_PKG_VERSION")));
    assert_eq!(plugin.op_ids(), ["sum", "top_share", "centre"]);
    assert_eq!(plugin.manifest_json().as_bytes(), MANIFEST);
}

#[test]
fn a_panic_in_update_poisons_the_run_but_not_the_op() {
    let op = open(&plugin(), "sum", 1, r#"{"at": "update"}"#);
    let mut run = op.begin(&[], 0).unwrap();
    let batch = with_gold(&[0.0], &[1]);
    let error = run.update(&batch).unwrap_err();
    assert!(
        matches!(&error, OpError::Panicked { plugin, op, message }
            if plugin == "org.example.test" && op == "sum" && message.contains("told to panic in update")),
        "{error:?}"
    );
    let error = run.update(&batch).unwrap_err();
    assert!(matches!(error, OpError::Poisoned { .. }));
    assert!(error.to_string().contains("poisoned"));
    assert!(matches!(run.save(), Err(OpError::Poisoned { .. })));
    assert!(matches!(run.finish(&mut Collected::default()), Err(OpError::Poisoned { .. })));
    drop(run);
    assert!(op.begin(&[], 0).is_ok());
}

#[test]
fn a_panic_in_open_or_finish_is_an_error_too() {
    let input = OpInput { cols: vec![1], rows: 0, seed: 0 };
    let error = plugin().open("sum", std::sync::Arc::new(Services), &input, r#"{"at":"open"}"#).unwrap_err();
    assert!(matches!(error, OpError::Panicked { .. }), "{error:?}");
    let mut run = open(&plugin(), "sum", 1, r#"{"at":"finish"}"#).begin(&[], 0).unwrap();
    assert!(matches!(run.finish(&mut Collected::default()), Err(OpError::Panicked { .. })));
    assert!(matches!(run.save(), Err(OpError::Poisoned { .. })));
}

#[test]
fn shards_merge_to_the_state_of_one_shard_and_passes_hand_on_the_model() {
    let op = open(&plugin(), "sum", 1, "{}");
    let (data, gold) = ([0.0; 3], [1_i64, 100, 4]);
    let mut whole = op.begin(&[], 0).unwrap();
    whole.update(&with_gold(&data, &gold)).unwrap();
    whole.update(&with_gold(&data[..1], &gold[..1])).unwrap();
    let mut merged = op.begin(&[], 0).unwrap();
    for rows in [3, 0, 1] {
        let mut shard = op.begin(&[], 0).unwrap();
        shard.update(&with_gold(&data[..rows], &gold[..rows])).unwrap();
        assert!(shard.state_size() > 0);
        merged.merge(&shard.save().unwrap()).unwrap();
    }
    assert_eq!(whole.save().unwrap(), merged.save().unwrap());

    let mut out = Collected::default();
    let finished = merged.finish(&mut out).unwrap();
    assert!(finished.again);
    assert_eq!(out.series[0].status, "the value at index 1 is not finite");
    assert!(out.series[0].values.is_empty() && out.rows.is_empty());
    assert!(matches!(merged.save(), Err(OpError::Invalid { .. })));

    let mut second = std::thread::spawn(move || op.begin(&finished.model, 1).unwrap()).join().unwrap();
    second.update(&with_gold(&data, &gold)).unwrap();
    let finished = second.finish(&mut out).unwrap();
    assert!(!finished.again);
    // The second of the three values is missing.
    assert_eq!((out.rows[0].value, out.rows[0].n), (Some(5.0), 3));
}

#[test]
fn a_missing_column_and_a_foreign_state_are_named() {
    let mut run = open(&plugin(), "sum", 1, "").begin(&[], 0).unwrap();
    let error = run.update(&batch(&[1.0], 1)).unwrap_err();
    assert!(error.to_string().contains("no column \"gold\""), "{error}");
    let error = run.merge(&[0; 40]).unwrap_err();
    assert!(error.to_string().contains("left over"), "{error}");
}

struct Diagonal;

impl EigenSource for Diagonal {
    fn eigen(&self, which: EigenOf) -> Option<(&[f64], &[f64])> {
        (which == EigenOf::Covariance).then_some((&[3.0, 1.0], &[1.0, 0.0, 0.0, 1.0]))
    }
}

fn moments(group: &str) -> MomentsView<'_> {
    let direction = isoscope_plugin_host::DirectionView {
        zero_rows: 0,
        unit_sum: &[0.0, 0.0],
        unit_square_sum: &[2.0, 1.0],
        norm_sum: 3.0,
        norm_min: 1.0,
        norm_max: 1.5,
        norm_scatter: 0.25,
    };
    MomentsView {
        n: 3,
        mean: &[1.0, 2.0],
        scatter: &[6.0, 0.0, 0.0, 2.0],
        group,
        direction: Some(direction),
        shape: None,
        eigen: &Diagonal,
    }
}

#[test]
fn moments_reach_the_metric_with_their_eigenvalues() {
    let op = open(&plugin(), "top_share", 2, "{}");
    assert!(op.can_measure() && !op.can_apply());
    let mut out = Collected::default();
    let finished = op.measure(&moments(""), &mut out).unwrap();
    assert!(!finished.again);
    assert_eq!((out.rows[0].value, out.rows[0].std_err, out.rows[0].n), (Some(0.75), Some(0.25), 3));
    assert_eq!((out.rows[1].part.as_str(), out.rows[1].value), ("max", Some(1.5)));
    assert_eq!((out.rows[2].part.as_str(), out.rows[2].value), ("scatter", Some(0.25)));

    let without = MomentsView { direction: None, ..moments("") };
    let error = op.measure(&without, &mut out).unwrap_err();
    assert!(error.to_string().contains("the part direction"), "{error}");
    assert_eq!(out.rows.len(), 3);
}

#[test]
fn a_panic_in_measure_poisons_the_op() {
    let op = open(&plugin(), "top_share", 2, "{}");
    let mut out = Collected::default();
    assert!(matches!(op.measure(&moments("panic"), &mut out), Err(OpError::Panicked { .. })));
    assert!(matches!(op.measure(&moments(""), &mut out), Err(OpError::Poisoned { .. })));
    assert!(matches!(op.begin(&[], 0), Err(OpError::Poisoned { .. })));
}

#[test]
fn an_enhancement_fits_applies_and_answers_the_same_affine_map() {
    let op = open(&plugin(), "centre", 2, "{}");
    let model = op.measure(&moments(""), &mut Collected::default()).unwrap().model;
    assert_eq!(op.output_cols(&model, 2).unwrap(), 1);
    let mut y = [0.0; 2];
    let data = [1.5, 0.0, -1.0, 0.0];
    op.begin(&model, 0).unwrap().apply(&batch(&data, 2), &mut y, 1).unwrap();
    assert_eq!(y.map(f64::to_bits), [0.5_f64, -2.0].map(f64::to_bits));
    let map = op.affine(&model, 2).unwrap().unwrap();
    assert_eq!((map.rows, map.cols, map.a, map.c), (1, 2, vec![1.0, 0.0], vec![-1.0]));
    assert!(matches!(op.output_cols(&model, 3), Err(OpError::Invalid { .. })));
    let wrong = op.begin(&model, 0).unwrap().apply(&batch(&data, 2), &mut [0.0; 4], 2);
    assert!(matches!(wrong, Err(OpError::Invalid { .. })));
}
