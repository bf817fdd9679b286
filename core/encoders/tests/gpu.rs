//! The same encoders on a GPU: against the reference of every fixture, in every number format, and moments folded on the device
//! against those of the rows. Where there is no GPU every test says so and passes.
#![cfg(feature = "cuda")]
#![allow(missing_docs, clippy::unwrap_used, clippy::expect_used, clippy::print_stdout)]

mod support;

use isoscope_encoders::{
    Checkpoint, ComputeDevice, DeviceMoments, DeviceName, DeviceStates, FoldedSums, HiddenStateSink,
    Precision, SinkError,
};
use ndarray::{Array2, ArrayView2, Axis};

use support::damage::copy_of;
use support::encode_batch;
use support::miniature::{all, batch, largest_share};

/// Largest difference from the reference that a format is allowed, as a share of the largest value of the layer.
const BOUNDS: [(Precision, f32); 3] =
    [(Precision::F32, 2e-5), (Precision::F16, 1e-2), (Precision::Bf16, 8e-2)];

fn gpu() -> Option<ComputeDevice> {
    let opened = ComputeDevice::open(DeviceName::Cuda(0));
    if let Err(error) = &opened {
        println!("skipped: {error}");
    }
    opened.ok()
}

#[test]
fn every_family_agrees_with_transformers_on_a_gpu_in_every_format() {
    let Some(device) = gpu() else { return };
    let mut beyond = Vec::new();
    for (name, dir, sequences) in all() {
        let copy = copy_of(&dir);
        let checkpoint = Checkpoint::open(copy.path()).unwrap();
        for (precision, bound) in BOUNDS {
            let encoder = checkpoint.load_on(&device, precision).unwrap();
            let worst = largest_share(encoder.as_ref(), &sequences);
            println!("{name} {precision:?}: {worst:e}");
            if worst.is_nan() || worst > bound {
                beyond.push(format!("{name} {precision:?}: {worst:e} > {bound:e}"));
            }
        }
    }
    assert!(beyond.is_empty(), "{beyond:?}");
}

#[test]
fn threads_that_share_a_gpu_do_not_disturb_one_another() {
    let Some(device) = gpu() else { return };
    let (_, dir, sequences) = all().swap_remove(0);
    let copy = copy_of(&dir);
    let encoder = Checkpoint::open(copy.path()).unwrap().load_on(&device, Precision::F16).unwrap();
    let (encoder, batch) = (encoder.as_ref(), batch(&sequences));
    let alone = encode_batch(encoder, &batch);
    std::thread::scope(|scope| {
        let often = || (0..50).all(|_| encode_batch(encoder, &batch) == alone);
        let threads: Vec<_> = (0..6).map(|_| scope.spawn(often)).collect();
        for thread in threads {
            assert!(thread.join().unwrap(), "the rows differ from those that one thread gets");
        }
    });
}

#[test]
fn the_same_batch_gives_the_same_bits_on_a_gpu() {
    let Some(device) = gpu() else { return };
    for (name, dir, sequences) in all() {
        let copy = copy_of(&dir);
        let encoder = Checkpoint::open(copy.path()).unwrap().load_on(&device, Precision::F16).unwrap();
        let batch = batch(&sequences);
        let (a, b) = (encode_batch(encoder.as_ref(), &batch), encode_batch(encoder.as_ref(), &batch));
        assert_eq!(a, b, "{name}");
    }
}

/// Folds some rows on the device, and keeps all of them on the host.
#[derive(Default)]
struct Both {
    rows: Vec<u32>,
    folded: Vec<DeviceMoments>,
    kept: Vec<Array2<f32>>,
}

impl HiddenStateSink for Both {
    fn layer(&mut self, layer: usize, states: ArrayView2<'_, f32>) -> Result<(), SinkError> {
        if self.kept.len() == layer {
            self.kept.push(Array2::zeros((0, states.ncols())));
        }
        let rows: Vec<usize> = self.rows.iter().map(|&row| row as usize).collect();
        self.kept[layer].append(Axis(0), states.select(Axis(0), &rows).view())?;
        Ok(())
    }

    fn layer_on_device(&mut self, layer: usize, states: &DeviceStates<'_>) -> Result<bool, SinkError> {
        if self.folded.len() == layer {
            self.folded.push(states.begin(true, true)?);
        }
        self.folded[layer].absorb(states, &self.rows)?;
        // The rows are wanted on the host, too.
        Ok(false)
    }
}

#[test]
fn moments_folded_on_a_gpu_are_those_of_the_rows() {
    let Some(device) = gpu() else { return };
    for (name, dir, sequences) in all() {
        let copy = copy_of(&dir);
        let checkpoint = Checkpoint::open(copy.path()).unwrap();
        for (precision, _) in BOUNDS {
            let encoder = checkpoint.load_on(&device, precision).unwrap();
            let mut both = Both::default();
            // Two batches of different sizes, so that counts, means and scatters have to merge.
            for part in [&sequences[..2], &sequences[2..]] {
                let batch = batch(part);
                both.rows = (0..batch.tokens() as u32).filter(|row| row % 5 != 1).collect();
                encoder.encode(&batch, &mut both).unwrap();
            }
            for (layer, (folded, kept)) in both.folded.into_iter().zip(&both.kept).enumerate() {
                let FoldedSums { second, direction } = folded.finish().unwrap().unwrap();
                let x = kept.mapv(f64::from);
                let (n, mean) = (x.nrows(), x.mean_axis(Axis(0)).unwrap());
                let centred = &x - &mean;
                let scatter = centred.t().dot(&centred);
                let (second, direction) = (second.unwrap(), direction.unwrap());
                assert_eq!((second.n, direction.n), (n as u64, n as u64));
                let scale = scatter.diag().iter().fold(0.0_f64, |m, v| m.max(*v));
                for i in 0..x.ncols() {
                    assert!(
                        (second.mean[i] - mean[i]).abs() < 1e-12 * (1.0 + mean[i].abs()),
                        "{name} {layer}"
                    );
                    for j in 0..=i {
                        let found = second.lower[i * x.ncols() + j];
                        assert!(
                            (found - scatter[[i, j]]).abs() < 1e-12 * scale,
                            "{name}, layer {layer}, {i}, {j}"
                        );
                    }
                }
                let norms: Vec<f64> = x.rows().into_iter().map(|row| row.dot(&row).sqrt()).collect();
                let average = norms.iter().sum::<f64>() / n as f64;
                let spread: f64 = norms.iter().map(|norm| (norm - average).powi(2)).sum();
                assert!((direction.norm_mean - average).abs() < 1e-12 * average);
                assert!((direction.norm_scatter - spread).abs() < 1e-9 * (1.0 + spread));
                let units: Vec<f64> = (0..x.ncols())
                    .map(|j| x.column(j).iter().zip(&norms).map(|(v, n)| v / n).sum())
                    .collect();
                for (found, expected) in direction.unit_sum.iter().zip(&units) {
                    assert!((found - expected).abs() < 1e-11 * n as f64, "{name}, layer {layer}");
                }
            }
        }
    }
}
