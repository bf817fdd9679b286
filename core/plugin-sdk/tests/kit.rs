//! The test kit itself: moments, linear algebra, batches, and whole lives of ops.

#![allow(clippy::unwrap_used, clippy::expect_used)]

use isoscope_plugin_sdk::prelude::*;
use isoscope_plugin_sdk::testing::{
    self, batch_of, batch_of_views, collect, moments_of, native_host, product,
};
use ndarray::{ArrayViewMut2, Axis, Zip, array, s};

fn close(a: f64, b: f64) -> bool {
    (a - b).abs() <= 1e-12 * (1.0 + a.abs().max(b.abs()))
}

fn all_close(a: &Array2<f64>, b: &Array2<f64>) -> bool {
    a.dim() == b.dim() && Zip::from(a).and(b).all(|&x, &y| close(x, y))
}

/// A fixed matrix without structure.
fn noise(rows: usize, cols: usize) -> Array2<f64> {
    Array2::from_shape_fn((rows, cols), |(i, j)| ((i * 31 + j * 17 + i * j * 7) % 23) as f64 / 11.0 - 1.0)
}

#[test]
fn eigh_is_descending_orthonormal_and_reconstructs() {
    let x = noise(9, 6);
    let a = product(x.t(), x.view());
    let (values, vectors) = native_host().linalg().eigh(a.view()).unwrap();
    assert!(values.windows(2).into_iter().all(|pair| pair[0] >= pair[1]));
    assert!(all_close(&product(vectors.view(), vectors.t()), &Array2::eye(6)));
    let rebuilt = product(product(vectors.t(), Array2::from_diag(&values).view()).view(), vectors.view());
    assert!(all_close(&rebuilt, &a));
}

#[test]
fn eigh_refuses_what_it_cannot_decompose() {
    let linalg = native_host().linalg();
    assert!(matches!(linalg.eigh(noise(2, 3).view()), Err(Error::Invalid(_))));
    assert!(matches!(linalg.eigh(array![[f64::NAN]].view()), Err(Error::Invalid(_))));
    let (values, vectors) = linalg.eigh(Array2::zeros((0, 0)).view()).unwrap();
    assert_eq!((values.len(), vectors.len()), (0, 0));
}

#[test]
fn matmul_agrees_with_ndarray_for_every_layout() {
    let linalg = native_host().linalg();
    let (a, b) = (noise(8, 10), noise(10, 6));
    let layouts = |m: &Array2<f64>| {
        let transposed = m.t().as_standard_layout().into_owned().reversed_axes();
        let mut wide = Array2::zeros((m.nrows(), m.ncols() * 2));
        wide.slice_mut(s![.., ..;2]).assign(m);
        let mut padded = Array2::zeros((m.nrows(), m.ncols() + 3));
        padded.slice_mut(s![.., ..m.ncols()]).assign(m);
        (transposed, wide, padded)
    };
    let ((at, aw, ap), (bt, bw, bp)) = (layouts(&a), layouts(&b));
    let expected = product(a.view(), b.view());
    for x in [a.view(), at.view(), aw.slice(s![.., ..;2]), ap.slice(s![.., ..10])] {
        for y in [b.view(), bt.view(), bw.slice(s![.., ..;2]), bp.slice(s![.., ..6])] {
            assert!(all_close(&linalg.matmul(x, y).unwrap(), &expected));
            let mut out = Array2::ones((6, 8)).reversed_axes();
            linalg.matmul_into(x, y, out.view_mut()).unwrap();
            assert!(all_close(&out, &expected));
            let mut wide = Array2::ones((8, 12));
            linalg.matmul_into(x, y, wide.slice_mut(s![.., ..;2])).unwrap();
            assert!(all_close(&wide.slice(s![.., ..;2]).to_owned(), &expected));
        }
    }
    let (row, column) = (a.slice(s![..1, ..;-1]), b.slice(s![..;-1, ..1]));
    assert!(all_close(&linalg.matmul(row, column).unwrap(), &product(row, column)));
    let nothing = linalg.matmul(Array2::ones((2, 0)).view(), Array2::ones((0, 3)).view()).unwrap();
    assert!(all_close(&nothing, &Array2::zeros((2, 3))));
    assert!(matches!(linalg.matmul(a.view(), a.view()), Err(Error::Invalid(_))));
}

#[test]
fn a_product_is_scaled_and_added_to_what_is_kept_in_every_layout() {
    let linalg = native_host().linalg();
    let (a, b) = (noise(8, 10), noise(10, 6));
    let expected = 1.5 - 0.5 * product(a.view(), b.view());
    let sum = |mut c: ArrayViewMut2<'_, f64>| {
        c.fill(3.0);
        linalg.general_matmul(-0.5, a.view(), b.view(), 0.5, c.view_mut()).unwrap();
        assert!(all_close(&c.to_owned(), &expected));
    };
    sum(Array2::zeros((8, 6)).view_mut());
    sum(Array2::zeros((6, 8)).reversed_axes().view_mut());
    sum(Array2::zeros((8, 12)).slice_mut(s![.., ..;2]));
    let (empty, mut kept) = (Array2::ones((2, 0)), Array2::from_elem((2, 3), f64::NAN));
    let none = |beta, c: ArrayViewMut2<'_, f64>| {
        linalg.general_matmul(1.0, empty.view(), Array2::ones((0, 3)).view(), beta, c).unwrap();
    };
    none(0.0, kept.view_mut());
    assert!(all_close(&kept, &Array2::zeros((2, 3))));
    kept.fill(4.0);
    none(0.5, kept.view_mut());
    assert!(all_close(&kept, &Array2::from_elem((2, 3), 2.0)));
}

#[test]
fn moments_of_a_small_cloud_are_those_of_the_definition() {
    let owned = moments_of(&array![[3.0, 4.0], [0.0, 0.0], [0.0, 2.0]]).group("noun");
    let m = owned.view();
    assert_eq!((m.n(), m.cols(), m.group()), (3, 2, "noun"));
    assert!(close(m.mean()[0], 1.0) && close(m.mean()[1], 2.0));
    assert!(all_close(&m.scatter().to_owned(), &array![[6.0, 6.0], [6.0, 8.0]]));
    assert!(close(m.mean_squared_norm(), 29.0 / 3.0));
    let d = m.direction().unwrap();
    assert_eq!((d.zero_rows, d.norm_min.to_bits(), d.norm_max.to_bits()), (1, 0, 5.0_f64.to_bits()));
    assert!(close(d.unit_sum[0], 0.6) && close(d.unit_sum[1], 1.8));
    assert!(close(d.unit_square_sum[1], 1.64) && close(d.norm_sum, 7.0));
    assert!(close(d.norm_scatter, 29.0 - 49.0 / 3.0));
    let shape = m.shape().unwrap();
    assert!(
        close(shape.dim_max[0], 3.0) && close(shape.cube_sum[0], 6.0) && close(shape.fourth_sum[0], 18.0)
    );
    let eigen = m.covariance_eigen().unwrap();
    assert!(close(eigen.values.sum(), 7.0));
    assert!(close(m.second_moment_eigen().unwrap().values.sum(), 29.0));
    assert!(matches!(moments_of(&array![[1.0]]).view().covariance_eigen(), Err(Error::Invalid(_))));
    assert!(close(moments_of(&Array2::zeros((0, 2))).view().mean_squared_norm(), 0.0));
}

#[test]
fn columns_read_back_with_their_missing_values() {
    let owned = batch_of(&noise(3, 2))
        .first_row(40)
        .i64s("sentence", &[Some(4), None, Some(6)])
        .f64s("gold", &[Some(0.5), Some(1.5), Some(2.5)])
        .strings("word", &[Some("ä"), None, Some("be")]);
    let batch = owned.view();
    assert_eq!((batch.len(), batch.first_row(), batch.rows().dim()), (3, 40, (3, 2)));
    let sentence = batch.i64s("sentence").unwrap();
    assert_eq!(
        [sentence.get(0), sentence.get(1), sentence.get(2), sentence.get(3)],
        [Some(4), None, Some(6), None]
    );
    assert_eq!(batch.f64s("gold").unwrap().get(1).map(f64::to_bits), Some(1.5_f64.to_bits()));
    let word = batch.strings("word").unwrap();
    assert_eq!((word.len(), word.get(0), word.get(1), word.get(2)), (3, Some("ä"), None, Some("be")));
    assert_eq!(
        batch.f64s("sentence").unwrap_err().to_string(),
        "column \"sentence\" holds whole numbers, not floats"
    );
    assert_eq!(
        batch.i64s("label").unwrap_err().to_string(),
        "the rows have no column \"label\"; they have [sentence, gold, word]"
    );
    assert!(batch.has_column("gold") && !batch.has_column("label"));
    let two = batch_of_views(&[&noise(3, 2), &noise(3, 4)]);
    assert_eq!((two.view().views(), two.view().view(1).ncols()), (2, 4));
}

#[test]
fn results_are_collected_and_what_is_not_finite_is_null() {
    let found = collect(|out| {
        out.set_n(9);
        out.value_with_error("a", 1.0, 0.5)?;
        out.value_with_error("b", f64::NEG_INFINITY, f64::NAN)?;
        out.part("c", "std", 2.0)?;
        out.null_part("c", "mean", "")?;
        out.series("d", &[1.0, 2.0])?;
        out.series_part("d", "x", &[1.0, f64::NAN])?;
        out.null_series("e", "no rows")
    })
    .unwrap();
    assert_eq!(
        (found.value("a"), found.row("a").unwrap().std_err, found.row("a").unwrap().n),
        (Some(1.0), Some(0.5), 9)
    );
    assert_eq!((found.value("b"), found.status("b")), (None, Some("the value is not finite")));
    assert_eq!((found.part("c", "std"), found.part("c", "mean")), (Some(2.0), None));
    assert_eq!(found.rows[3].status, "no reason was given");
    assert_eq!((found.series("d"), found.series("e")), (Some([1.0, 2.0].as_slice()), None));
    assert_eq!(found.series[1].status, "the value at index 1 is not finite");
    assert_eq!(found.series[2].status, "no rows");
}

/// Two-pass variance of the norms around the mean that the moments gave.
struct NormVariance {
    wrong_id: bool,
}

params! {
    struct NormParams {
        /// Writes an id that is not declared.
        wrong_id: bool = false;
    }
}

impl Op for NormVariance {
    const META: OpMeta = OpMeta {
        id: "norm_variance",
        needs: Needs::MomentsThenRows,
        parts: &[Part::Direction],
        outputs: &[Output::scalar("norm_variance"), Output::scalar("norm_mean")],
        ..OpMeta::DEFAULT
    };
    type Params = NormParams;
    type Model = f64;
    type State = (u64, f64);
    const HAS_MEASURE: bool = true;

    fn open(params: NormParams, _: &Input, _: &Host) -> Result<Self> {
        Ok(Self { wrong_id: params.wrong_id })
    }

    fn measure(&self, m: &Moments<'_>, out: &mut Out<'_>) -> Result<Next<f64>> {
        let mean = m.direction()?.norm_sum / m.n() as f64;
        out.value("norm_mean", mean)?;
        Ok(Next::Again(mean))
    }

    fn begin(&self, _: &f64, pass: u32) -> Result<(u64, f64)> {
        if pass == 1 { Ok((0, 0.0)) } else { Err(Error::invalid("this op starts with the moments")) }
    }

    fn update(&self, mean: &f64, state: &mut (u64, f64), batch: &Batch<'_>) -> Result<()> {
        for row in batch.rows().axis_iter(Axis(0)) {
            state.0 += 1;
            state.1 += (row.iter().map(|x| x * x).sum::<f64>().sqrt() - mean).powi(2);
        }
        Ok(())
    }

    fn merge(&self, _: &f64, state: &mut (u64, f64), other: (u64, f64)) -> Result<()> {
        state.0 += other.0;
        state.1 += other.1;
        Ok(())
    }

    fn finish(&self, mean: &f64, state: (u64, f64), out: &mut Out<'_>) -> Result<Next<f64>> {
        out.set_n(state.0);
        out.value(if self.wrong_id { "norm_varianz" } else { "norm_variance" }, state.1 / state.0 as f64)?;
        Ok(Next::Done(*mean))
    }
}

#[test]
fn moments_then_rows_runs_to_the_end_and_shards_do_not_matter() {
    let x = noise(7, 3);
    let pieces: Vec<_> =
        [0..2, 2..2, 2..7].into_iter().map(|r| batch_of(&x.slice(s![r, ..]).to_owned())).collect();
    let whole = testing::run::<NormVariance>("{}", &[&[batch_of(&x)]]).unwrap();
    let sharded = testing::run::<NormVariance>("{}", &[&pieces[..1], &pieces[1..2], &pieces[2..]]).unwrap();
    assert_eq!(whole.passes, 1);
    let (a, b) =
        (whole.collected.value("norm_variance").unwrap(), sharded.collected.value("norm_variance").unwrap());
    assert!(close(a, b));
    let moments = moments_of(&x);
    assert!(close(a, moments.view().direction().unwrap().norm_scatter / 7.0));
    assert_eq!(whole.collected.row("norm_variance").unwrap().n, 7);
}

#[test]
fn a_result_that_is_not_declared_fails_in_the_kit_as_it_does_in_the_host() {
    let error =
        testing::run::<NormVariance>(r#"{"wrong_id": true}"#, &[&[batch_of(&noise(4, 2))]]).unwrap_err();
    assert_eq!(
        error,
        Error::Failed("norm_variance writes \"norm_varianz\", which its outputs do not list".to_owned())
    );
}

/// Subtracts the mean.
struct Centre;

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
        Ok(Self)
    }

    fn fit(&self, m: &Moments<'_>) -> Result<Vec<f64>> {
        Ok(m.mean().to_vec())
    }

    fn apply(&self, model: &Vec<f64>, batch: &Batch<'_>, mut out: ArrayViewMut2<'_, f64>) -> Result<()> {
        out.assign(&(&batch.rows() - &ArrayView1::from(model)));
        Ok(())
    }
}

#[test]
fn an_enhancement_is_fitted_and_applied() {
    let x = noise(5, 3);
    let model = testing::run::<EnhanceOp<Centre>>("", &[&[batch_of(&x)]]).unwrap().model;
    let op: EnhanceOp<Centre> = testing::open("", &Input { cols: vec![3], rows: 5, seed: 0 }).unwrap();
    let centred = testing::apply(&op, &model, &batch_of(&x).view()).unwrap();
    assert!(centred.sum_axis(Axis(0)).iter().all(|sum| close(*sum, 0.0)));
    assert!(op.affine(&model).unwrap().is_none());
}
