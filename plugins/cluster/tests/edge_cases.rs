//! Too few rows, equal rows, ties, empty clusters, and parameters that make no sense.
#![allow(clippy::unwrap_used)]

use isoscope_cluster::ClusterKmeans;
use isoscope_plugin_sdk::prelude::*;
use isoscope_plugin_sdk::testing::{Collected, OwnedBatch, batch_of, open, run, run_with};
use ndarray::{Axis, array};

fn cluster(params: &str, x: &Array2<f64>) -> Collected {
    run::<ClusterKmeans>(params, &[&[batch_of(x)]]).unwrap().collected
}

fn refused(params: &str) -> String {
    let input = Input { cols: vec![3], rows: 0, seed: 0 };
    open::<ClusterKmeans>(params, &input).err().unwrap().to_string()
}

/// Rows on a grid with few values, so that most distances tie.
fn lattice(n: usize) -> Array2<f64> {
    Array2::from_shape_fn((n, 3), |(i, j)| ((i * 7919 + j * 104_729 + i * i) % 5) as f64 * 0.1)
}

/// Every number and vector, bit by bit.
fn bits(found: &Collected) -> Vec<(String, Vec<u64>)> {
    let rows = found.rows.iter().map(|r| (r.metric.clone(), vec![r.value.unwrap_or(-7.0).to_bits()]));
    let series =
        found.series.iter().map(|s| (s.metric.clone(), s.values.iter().map(|v| v.to_bits()).collect()));
    rows.chain(series).collect()
}

#[test]
fn more_clusters_than_rows_have_no_value_and_say_so() {
    let found = cluster(r#"{"k": 4}"#, &array![[0.0, 1.0], [2.0, 3.0], [5.0, 1.0]]);
    let reason = Some("4 clusters need at least 4 rows, there are 3");
    for id in ["kmeans4_inertia", "kmeans4_silhouette", "local_log_I_pm_k4", "adjusted_avg_cosine_k4"] {
        assert_eq!(found.status(&format!("cluster.{id}")), reason, "{id}");
    }
    assert_eq!(found.series("cluster.kmeans4_sizes"), None);
    assert_eq!(found.row("cluster.kmeans4_inertia").unwrap().n, 3);
}

#[test]
fn more_clusters_than_distinct_rows_have_no_value_and_say_so() {
    let x = Array2::from_shape_fn((30, 2), |(i, j)| 0.1 * (i % 3) as f64 + j as f64);
    for init in ["kmeans++", "first_rows"] {
        let found = cluster(&format!(r#"{{"k": 4, "init": "{init}"}}"#), &x);
        assert_eq!(found.status("cluster.kmeans4_inertia"), Some("there are fewer than 4 distinct rows"));
        let three = cluster(&format!(r#"{{"k": 3, "init": "{init}"}}"#), &x);
        assert_eq!(three.value("cluster.kmeans3_inertia").map(f64::to_bits), Some(0));
        assert_eq!(three.series("cluster.kmeans3_sizes"), Some(&[10.0, 10.0, 10.0][..]));
        assert_eq!(three.value("cluster.kmeans3_silhouette"), Some(1.0));
        assert_eq!(three.value("cluster.kmeans3_davies_bouldin"), Some(0.0));
        for (id, why) in [
            ("kmeans3_calinski_harabasz", "unbounded"),
            ("local_log_I_pm_k3", "equals the mean of its cluster"),
            ("adjusted_avg_cosine_k3", "no cluster has two rows"),
        ] {
            let status = three.status(&format!("cluster.{id}")).unwrap();
            assert!(status.contains(why), "{id}: {status}");
        }
    }
}

#[test]
fn one_cluster_has_inertia_and_isotropy_but_no_index() {
    let found = cluster(r#"{"k": 1}"#, &lattice(40));
    assert!(found.value("cluster.kmeans1_inertia").unwrap() > 0.0);
    assert!(found.value("cluster.local_log_I_pm_k1").unwrap() < 0.0);
    for id in ["silhouette", "davies_bouldin", "calinski_harabasz"] {
        let status = found.status(&format!("cluster.kmeans1_{id}"));
        assert_eq!(status, Some("one cluster has nothing to be compared with"));
    }
}

#[test]
fn as_many_clusters_as_rows_have_no_index() {
    let found = cluster(r#"{"k": 3}"#, &array![[0.0, 1.0], [2.0, 3.0], [5.0, 1.0]]);
    assert_eq!(found.value("cluster.kmeans3_inertia"), Some(0.0));
    assert_eq!(found.status("cluster.kmeans3_silhouette"), Some("there are as many clusters as rows"));
}

#[test]
fn an_empty_cluster_is_given_the_farthest_row_and_counted() {
    // The first two rows are equal, so the second centroid gets no row.
    let x = array![[0.0], [0.0], [0.1], [10.0], [0.2], [10.2]];
    let found = cluster(r#"{"k": 2, "init": "first_rows"}"#, &x);
    assert_eq!(found.value("cluster.kmeans2_reseeded"), Some(1.0));
    assert_eq!(found.series("cluster.kmeans2_sizes"), Some(&[4.0, 2.0][..]));
}

#[test]
fn a_cluster_that_is_empty_when_the_iterations_end_leaves_no_value() {
    let x = array![[0.0], [0.0], [0.1], [10.0]];
    let found = cluster(r#"{"k": 2, "init": "first_rows", "iterations": 1}"#, &x);
    assert!(found.status("cluster.kmeans2_inertia").unwrap().contains("still empty after 1 iterations"));
}

#[test]
fn iterations_that_end_early_measure_the_means_of_the_last_assignment() {
    let x = array![[0.0], [1.0], [2.0], [10.0]];
    let found = cluster(r#"{"k": 2, "init": "first_rows", "iterations": 1}"#, &x);
    // Row 0 alone; the others around their mean 13/3.
    assert_eq!(found.series("cluster.kmeans2_sizes"), Some(&[1.0, 3.0][..]));
    let mean = 13.0 / 3.0_f64;
    let inertia: f64 = [1.0, 2.0, 10.0].iter().map(|v| (v - mean).powi(2)).sum();
    assert!((found.value("cluster.kmeans2_inertia").unwrap() - inertia).abs() < 1e-12);
    assert_eq!(found.value("cluster.kmeans2_iterations"), Some(1.0));
}

#[test]
fn a_tolerance_ends_the_iterations_before_the_fixed_point() {
    let x = Array2::from_shape_fn((400, 2), |(i, j)| ((i * 37 + j * 11) % 101) as f64 + (i as f64).sin());
    let iterations = |tolerance: f64| {
        let params = format!(r#"{{"k": 7, "init": "first_rows", "tolerance": {tolerance}}}"#);
        cluster(&params, &x).value("cluster.kmeans7_iterations").unwrap()
    };
    assert!(iterations(0.01) < iterations(0.0));
}

/// Cuts a matrix into shards of batches at the given rows, with ids in a column.
fn cut(x: &Array2<f64>, at: &[usize], height: usize) -> Vec<Vec<OwnedBatch>> {
    let ends: Vec<usize> = at.iter().copied().chain([x.nrows()]).collect();
    let starts = std::iter::once(0).chain(at.iter().copied());
    let shard = |(from, to): (usize, usize)| {
        (from..to)
            .step_by(height)
            .map(|start| {
                let rows: Vec<usize> = (start..to.min(start + height)).collect();
                let ids: Vec<_> = rows.iter().map(|i| Some(*i as i64)).collect();
                batch_of(&x.select(Axis(0), &rows)).i64s("row", &ids)
            })
            .collect()
    };
    starts.zip(ends).map(shard).collect()
}

#[test]
fn clusters_have_the_same_bits_for_every_cut_and_order_of_the_rows() {
    for params in [r#"{"k": 6, "runs": 3}"#, r#"{"k": 5, "init": "first_rows"}"#] {
        let x = lattice(311).mapv(|v| f64::from(v as f32));
        let exact = |shards: &[Vec<OwnedBatch>]| {
            let views: Vec<_> = shards.iter().map(Vec::as_slice).collect();
            let found = run_with::<ClusterKmeans>(params, 5, &views).unwrap().collected;
            let keep =
                |id: &str| ["inertia", "sizes", "iterations", "reseeded"].iter().any(|w| id.contains(w));
            bits(&found).into_iter().filter(|(id, _)| keep(id)).collect::<Vec<_>>()
        };
        let whole = exact(&cut(&x, &[], 400));
        for (at, height) in [(&[100, 101][..], 7), (&[1, 200], 64), (&[150], 1)] {
            let mut shards = cut(&x, at, height);
            assert_eq!(exact(&shards), whole, "{params} {at:?}");
            shards.reverse();
            for shard in &mut shards {
                shard.reverse();
            }
            shards.insert(1, Vec::new());
            assert_eq!(exact(&shards), whole, "{params} {at:?} reversed");
        }
    }
}

#[test]
fn another_seed_starts_elsewhere_and_the_same_seed_repeats() {
    let x = Array2::from_shape_fn((300, 2), |(i, j)| ((i * 7919 + j * 31) % 997) as f64);
    let found = |seed| {
        let collected =
            run_with::<ClusterKmeans>(r#"{"k": 12}"#, seed, &[&[batch_of(&x)]]).unwrap().collected;
        bits(&collected)
    };
    assert_eq!(found(1), found(1));
    assert_ne!(found(1), found(2));
}

#[test]
fn several_runs_are_averaged_with_their_deviation() {
    let x = Array2::from_shape_fn((300, 2), |(i, j)| ((i * 7919 + j * 31) % 997) as f64);
    let found = cluster(r#"{"k": 12, "runs": 4}"#, &x);
    for id in ["kmeans12_inertia", "kmeans12_silhouette", "local_log_I_pm_k12", "adjusted_avg_cosine_k12"] {
        assert!(found.value(&format!("cluster.{id}")).is_some(), "{id}");
        assert!(found.value(&format!("cluster.{id}_sd")).unwrap() >= 0.0, "{id}");
    }
    let sizes = found.series("cluster.kmeans12_sizes").unwrap();
    assert!((sizes.iter().sum::<f64>() - 300.0).abs() < 1e-12);
}

#[test]
fn a_silhouette_of_a_sample_counts_the_sample() {
    let x = Array2::from_shape_fn((500, 2), |(i, j)| (i % 2 * 50) as f64 + ((i * 13 + j * 7) % 11) as f64);
    let whole = cluster(r#"{"k": 2}"#, &x);
    let part = cluster(r#"{"k": 2, "silhouette_rows": 100}"#, &x);
    let (a, b) = (whole.row("cluster.kmeans2_silhouette"), part.row("cluster.kmeans2_silhouette"));
    let (a, b) = (a.unwrap(), b.unwrap());
    assert_eq!((a.n, b.n), (500, 100));
    assert!((a.value.unwrap() - b.value.unwrap()).abs() < 0.02);
}

#[test]
fn rows_in_another_memory_layout_give_the_same_bits() {
    let x = lattice(90);
    let columns_first = x.t().as_standard_layout().into_owned().reversed_axes();
    assert!(!columns_first.is_standard_layout());
    assert_eq!(bits(&cluster(r#"{"k": 4}"#, &x)), bits(&cluster(r#"{"k": 4}"#, &columns_first)));
}

#[test]
fn rows_far_from_the_origin_keep_their_clusters() {
    let x = Array2::from_shape_fn((60, 2), |(i, j)| (i % 3 * 10) as f64 + ((i * 5 + j) % 4) as f64);
    let near = cluster(r#"{"k": 3}"#, &x);
    let far = cluster(r#"{"k": 3}"#, &(&x + 1e8));
    let value = |found: &Collected, id: &str| found.value(&format!("cluster.{id}")).unwrap();
    for id in ["kmeans3_inertia", "kmeans3_silhouette", "kmeans3_davies_bouldin", "local_log_I_pm_k3"] {
        assert!((value(&near, id) - value(&far, id)).abs() < 1e-5, "{id}");
    }
}

#[test]
fn squares_that_overflow_leave_no_value() {
    let x = Array2::from_shape_fn((9, 2), |(i, j)| 1e200 * ((i * 2 + j) % 5) as f64);
    let found = cluster(r#"{"k": 2}"#, &x);
    assert!(found.rows.iter().all(|r| r.value.is_none() && r.status.contains("exceed double precision")));
}

#[test]
fn parameters_that_make_no_sense_are_refused_by_name() {
    for (params, said) in [
        (r#"{"k": 0}"#, "clusters: at least 1"),
        (r#"{"runs": 0}"#, "runs: at least 1"),
        (r#"{"iterations": 0}"#, "iterations: at least 1"),
        (r#"{"init": "random"}"#, "neither \"kmeans++\" nor \"first_rows\""),
        (r#"{"init": "first_rows", "runs": 2}"#, "has one start"),
        (r#"{"tolerance": -1.0}"#, "tolerance: -1"),
        (r#"{"silhouette_rows": 1}"#, "silhouette_rows"),
        (r#"{"k": 18446744073709551615}"#, "more than a matrix can hold"),
    ] {
        let found = refused(params);
        assert!(found.contains(said), "{params}: {found}");
    }
}
