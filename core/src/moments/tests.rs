#![allow(clippy::unwrap_used)]
use super::*;
use ndarray::{Array1, Array2, Axis};
use proptest::prelude::*;

const ALL: [Part; 3] = [Part::Second, Part::Direction, Part::Shape];

fn cloud(n: usize, d: usize, offset: f64) -> impl Strategy<Value = Array2<f64>> {
    prop::collection::vec(-3.0..3.0, n * d)
        .prop_map(move |v| Array2::from_shape_vec((n, d), v).unwrap() + offset)
}

fn of(rows: ArrayView2<'_, f64>) -> Moments {
    let mut moments = Moments::empty(&ALL, rows.ncols());
    moments.absorb(rows);
    moments
}

fn close(a: f64, b: f64, scale: f64) -> bool {
    (a - b).abs() <= 1e-9 * scale.max(1.0)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(32))]

    #[test]
    fn merged_parts_equal_the_whole(x in cloud(23, 4, 100.0), cut in 0_usize..=23) {
        let whole = of(x.view());
        let (head, tail) = x.view().split_at(Axis(0), cut);
        let mut merged = of(head);
        merged.merge(&of(tail)).unwrap();
        let (a, b) = (merged.second.unwrap(), whole.second.unwrap());
        prop_assert_eq!(a.n, b.n);
        prop_assert!(a.scatter().iter().zip(&b.scatter()).all(|(x, y)| close(*x, *y, 100.0)));
        let (a, b) = (merged.shape.unwrap(), whole.shape.unwrap());
        prop_assert!(a.cube_sum.iter().zip(&b.cube_sum).all(|(x, y)| close(*x, *y, 1e3)));
        prop_assert!(a.fourth_sum.iter().zip(&b.fourth_sum).all(|(x, y)| close(*x, *y, 1e3)));
        prop_assert_eq!(a.min, b.min);
        let (a, b) = (merged.direction.unwrap(), whole.direction.unwrap());
        prop_assert!(close(a.norm_scatter, b.norm_scatter, 1.0));
        prop_assert!(a.unit_sum.iter().zip(&b.unit_sum).all(|(x, y)| close(*x, *y, 1.0)));
    }

    #[test]
    fn an_affine_map_of_moments_equals_the_moments_of_the_mapped_rows(x in cloud(15, 3, 2.0), a in cloud(2, 3, 0.0)) {
        let c = Array1::from(vec![0.5, -4.0]);
        let mapped = of(x.view()).second.unwrap().map_affine(a.view(), c.view());
        let direct = of((x.dot(&a.t()) + &c).view()).second.unwrap();
        prop_assert!(mapped.scatter().iter().zip(&direct.scatter()).all(|(x, y)| close(*x, *y, 100.0)));
        prop_assert!(mapped.mean.iter().zip(&direct.mean).all(|(x, y)| close(*x, *y, 1.0)));
    }
}

#[test]
fn a_far_mean_costs_no_digits() {
    let x = Array2::from_shape_fn((500, 3), |(i, j)| 1e7 + ((i * 7 + j * 3) % 11) as f64);
    let centred = &x - &x.mean_axis(Axis(0)).unwrap();
    let want = centred.t().dot(&centred);
    let mut moments = Moments::empty(&ALL, 3);
    for batch in x.axis_chunks_iter(Axis(0), 64) {
        moments.absorb(batch);
    }
    let scatter = moments.second.unwrap().scatter();
    assert!(
        scatter.iter().zip(&want).all(|(a, b)| (a - b).abs() < 1e-9 * b.abs().max(1e3)),
        "{scatter} {want}"
    );
}

#[test]
fn bytes_come_back_as_they_went() {
    let x = Array2::from_shape_fn((9, 5), |(i, j)| (i as f64 - j as f64).sin());
    let moments = of(x.view());
    let back = Moments::from_bytes(&moments.to_bytes().unwrap()).unwrap();
    assert_eq!(back.second.as_ref().map(Second::scatter), moments.second.as_ref().map(Second::scatter));
    assert_eq!(back.direction, moments.direction);
    assert_eq!(back.shape, moments.shape);
    assert!(Moments::from_bytes(&[1, 2, 3]).is_err());
}

#[test]
fn no_rows_are_neutral() {
    let x = Array2::from_shape_fn((4, 2), |(i, j)| (i * 2 + j) as f64);
    let mut merged = Moments::empty(&ALL, 2);
    merged.merge(&of(x.view())).unwrap();
    merged.merge(&Moments::empty(&ALL, 2)).unwrap();
    assert_eq!(merged.second.unwrap().scatter(), of(x.view()).second.unwrap().scatter());
    assert_eq!(merged.direction, of(x.view()).direction);
}

#[test]
fn states_of_another_width_are_refused() {
    assert!(Moments::empty(&ALL, 2).merge(&Moments::empty(&ALL, 3)).is_err());
    assert!(Moments::empty(&ALL, 2).merge(&Moments::empty(&[Part::Second], 2)).is_err());
}

#[test]
fn sums_of_columns_are_those_of_a_plain_loop_to_the_last_bit() {
    for d in [1, 7, 8, 9, 21] {
        let mut x = Array2::from_shape_fn((37, d), |(i, j)| ((i * 31 + j * 17) as f64 * 0.61).sin() + 0.3);
        x.row_mut(5).fill(0.0);
        let moments = of(x.view());
        let (direction, shape) = (moments.direction.unwrap(), moments.shape.unwrap());
        assert_eq!(direction.zero_rows, 1);
        let mean = x.mean_axis(Axis(0)).unwrap();
        for j in 0..d {
            let (mut unit_sum, mut fourth_sum) = (0.0, 0.0);
            for row in x.rows() {
                let norm = row.dot(&row).sqrt();
                if norm > 0.0 {
                    unit_sum += row[j] / norm;
                }
                let square = (row[j] - mean[j]).powi(2);
                fourth_sum += square * square;
            }
            assert!(direction.unit_sum[j].to_bits() == f64::to_bits(unit_sum), "column {j} of {d}");
            assert!((shape.fourth_sum[j] - fourth_sum).abs() <= 1e-12 * fourth_sum);
            let column = || x.column(j).to_vec().into_iter();
            assert_eq!(shape.min[j].to_bits(), column().fold(f64::INFINITY, f64::min).to_bits());
            assert_eq!(shape.max[j].to_bits(), column().fold(f64::NEG_INFINITY, f64::max).to_bits());
        }
    }
}
