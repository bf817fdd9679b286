//! One shard being absorbed on one layer.

use super::{LayerStage, NodeState, Part};
use crate::error::WorkerError;
use crate::groups::Groups;
use crate::rows::Columns;
use crate::sample::{self, Sample};
use isoscope_core::catalogue;
use isoscope_core::moments::{Direction, Moments, Second};
use isoscope_core::state::Owner;
use isoscope_encoders::{DeviceMoments, DeviceStates, FoldedSums};
use isoscope_plugin_host::{BatchView, Run};
use ndarray::{Array2, ArrayView2, Axis};
use std::collections::BTreeMap;

/// States of a shard in the making.
pub struct ShardRun<'a> {
    stage: &'a LayerStage,
    moments: BTreeMap<Owner, Moments>,
    groups: BTreeMap<Owner, Groups>,
    samples: BTreeMap<u32, Sample>,
    runs: BTreeMap<Owner, Run>,
    maps: BTreeMap<u32, Run>,
    on_device: Option<DeviceMoments>,
}

impl<'a> ShardRun<'a> {
    /// Begins a shard.
    ///
    /// # Errors
    /// When an op refuses its model.
    pub(super) fn begin(stage: &'a LayerStage) -> Result<Self, WorkerError> {
        let moments = stage.folds.iter().map(|f| (f.owner, Moments::empty(&f.parts, f.width))).collect();
        let groups = stage.groupings.iter().map(|g| (Owner::Groups(g.node, g.index), g.begin())).collect();
        let runs = stage.passes.iter().map(|(&owner, p)| Ok((owner, p.op.begin(&p.model, p.pass)?)));
        let maps = stage.spaces.iter().map(|(&i, s)| Ok((i, s.op.begin(&s.model, 0)?)));
        Ok(Self {
            stage,
            moments,
            groups,
            samples: stage.samples.iter().map(|(&i, drawn)| (i, drawn.empty.clone())).collect(),
            runs: runs.collect::<Result<_, WorkerError>>()?,
            maps: maps.collect::<Result<_, WorkerError>>()?,
            on_device: None,
        })
    }

    /// Tells whether anything looks at rows.
    #[must_use]
    pub fn is_active(&self) -> bool {
        !self.stage.is_idle()
    }

    /// Folds the rows of hidden states that `kept` names where they are; false when something wants the rows themselves.
    ///
    /// # Errors
    /// When the device fails.
    pub fn fold_on_device(&mut self, states: &DeviceStates<'_>, kept: &[u32]) -> Result<bool, WorkerError> {
        let Some(fold) = self.stage.device_fold() else { return Ok(false) };
        let folding = if let Some(folding) = &mut self.on_device {
            folding
        } else {
            let wants = |part| fold.parts.contains(&part);
            let begun = states.begin(wants(catalogue::Part::Second), wants(catalogue::Part::Direction));
            self.on_device.insert(begun.map_err(on_device)?)
        };
        folding.absorb(states, kept).map_err(on_device)?;
        Ok(true)
    }

    /// Fetches what was folded on a device; false when a row was not finite, so that the shard must be gone through on the host, where
    /// such rows are named or dropped.
    ///
    /// # Errors
    /// When the device fails.
    pub fn fetch_from_device(&mut self) -> Result<bool, WorkerError> {
        let (Some(folding), Some(fold)) = (self.on_device.take(), self.stage.device_fold()) else {
            return Ok(true);
        };
        let Some(sums) = folding.finish().map_err(on_device)? else { return Ok(false) };
        self.moments.insert(fold.owner, moments(sums, fold.width)?);
        Ok(true)
    }

    /// Absorbs rows of the raw space, n×d, into every space that the stage looks at. `views` are one cloud, or the row-aligned two
    /// of a comparison.
    ///
    /// # Errors
    /// When an op fails.
    pub fn absorb(&mut self, views: &[ArrayView2<'_, f64>], columns: &Columns) -> Result<(), WorkerError> {
        let Some(&raw) = views.first().filter(|raw| raw.nrows() > 0) else { return Ok(()) };
        let mut mapped: BTreeMap<u32, Array2<f64>> = BTreeMap::new();
        for (&node, space) in &self.stage.spaces {
            let parent = mapped.get(&space.parent).map_or(raw, |rows| rows.view());
            let mut out = vec![0.0; raw.nrows() * space.columns];
            if let Some(map) = self.maps.get(&node) {
                map.apply(&lend(&[parent], columns)?, &mut out, space.columns)?;
            }
            let rows = Array2::from_shape_vec((raw.nrows(), space.columns), out);
            mapped.insert(node, rows.map_err(|e| WorkerError::task(e.to_string()))?);
        }
        if !self.stage.split {
            return self.absorb_part(Part::All, raw, &mapped, views, columns);
        }
        // Rows that train and rows that are measured never meet in one state, unless an op wants both.
        let trains = |i: &usize| columns.is_train(*i);
        let (training, measured): (Vec<usize>, Vec<usize>) = (0..raw.nrows()).partition(trains);
        self.absorb_part(Part::All, raw, &mapped, views, columns)?;
        for (part, places) in [(Part::Training, training), (Part::Measured, measured)] {
            if places.is_empty() || !self.stage.looks_at(part) {
                continue;
            }
            let pick = |rows: ArrayView2<'_, f64>| rows.select(Axis(0), &places);
            let chosen = mapped.iter().map(|(&node, rows)| (node, pick(rows.view()))).collect();
            let views: Vec<Array2<f64>> = views.iter().map(|view| pick(*view)).collect();
            let views: Vec<ArrayView2<'_, f64>> = views.iter().map(|rows| rows.view()).collect();
            self.absorb_part(part, views[0], &chosen, &views, &columns.select(&places))?;
        }
        Ok(())
    }

    /// Gives rows to everything that looks at just this part of them.
    fn absorb_part(
        &mut self,
        part: Part,
        raw: ArrayView2<'_, f64>,
        mapped: &BTreeMap<u32, Array2<f64>>,
        views: &[ArrayView2<'_, f64>],
        columns: &Columns,
    ) -> Result<(), WorkerError> {
        let rows_of = |node: u32| mapped.get(&node).map_or(raw, |rows| rows.view());
        for fold in self.stage.folds.iter().filter(|fold| fold.part == part) {
            if let Some(moments) = self.moments.get_mut(&fold.owner) {
                moments.absorb(rows_of(fold.node));
            }
        }
        if part == self.stage.measured() {
            for grouping in &self.stage.groupings {
                let owner = Owner::Groups(grouping.node, grouping.index);
                if let Some(groups) = self.groups.get_mut(&owner) {
                    grouping.absorb(groups, rows_of(grouping.node), columns)?;
                }
            }
        }
        for (index, drawn) in self.stage.samples.iter().filter(|(_, drawn)| drawn.part == part) {
            if let Some(sample) = self.samples.get_mut(index) {
                match drawn.node {
                    0 => sample.absorb(views, columns),
                    node => sample.absorb(&[rows_of(node)], columns),
                }
            }
        }
        for (owner, pass) in self.stage.passes.iter().filter(|(_, pass)| pass.part == part) {
            if let Some(run) = self.runs.get_mut(owner) {
                match pass.node {
                    0 => run.update(&lend(views, columns)?)?,
                    node => run.update(&lend(&[rows_of(node)], columns)?)?,
                }
            }
        }
        Ok(())
    }

    /// Ends the shard.
    ///
    /// # Errors
    /// When an op cannot save its state.
    pub fn save(self) -> Result<NodeState, WorkerError> {
        let runs = self.runs.iter().map(|(&owner, run)| Ok((owner, run.save()?)));
        let runs = runs.collect::<Result<_, WorkerError>>()?;
        Ok(NodeState { moments: self.moments, groups: self.groups, samples: self.samples, runs })
    }
}

fn lend<'a>(views: &[ArrayView2<'a, f64>], columns: &'a Columns) -> Result<BatchView<'a>, WorkerError> {
    sample::batch(views, columns).ok_or_else(|| WorkerError::task("rows are not contiguous"))
}

fn on_device(source: isoscope_encoders::EncoderError) -> WorkerError {
    WorkerError::Encoder { field: String::new(), source }
}

/// The sums of a device as moments of width d.
fn moments(sums: FoldedSums, d: usize) -> Result<Moments, WorkerError> {
    let second = sums.second.map(|sums| {
        let lower =
            Array2::from_shape_vec((d, d), sums.lower).map_err(|e| WorkerError::task(e.to_string()))?;
        Ok::<_, WorkerError>(Second::from_parts(sums.n, sums.mean.into(), lower))
    });
    let direction = sums.direction.map(|sums| Direction {
        n: sums.n,
        zero_rows: sums.zero_rows,
        unit_sum: sums.unit_sum,
        unit_square_sum: sums.unit_square_sum,
        norm_mean: sums.norm_mean,
        norm_scatter: sums.norm_scatter,
        norm_min: sums.norm_min,
        norm_max: sums.norm_max,
    });
    Ok(Moments { second: second.transpose()?, direction, shape: None })
}
