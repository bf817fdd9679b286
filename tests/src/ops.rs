//! Ops on a cloud in memory, opened from a set of plugins: fit, apply and measure as a host does, without a plan.

use isoscope_core::catalogue::{OpManifest, Part};
use isoscope_core::moments::Moments;
use isoscope_core::plan::OpRef;
use isoscope_core::pooling::{RowKind, SentencePooling};
use isoscope_plugin_host::{Collected, Op, OpInput};
use isoscope_plugin_services::LentMoments;
use isoscope_worker::PluginSet;
use isoscope_worker::rows::{self, Columns};
use ndarray::{Array2, Axis, Slice};

/// Rows (n×d) and what is known of each.
#[derive(Debug, Clone)]
pub struct Cloud {
    /// n×d.
    pub rows: Array2<f64>,
    /// One entry a row.
    pub columns: Columns,
}

impl Cloud {
    /// Wraps rows of which only their number is known.
    #[must_use]
    pub fn new(rows: Array2<f64>) -> Self {
        let row = (0..rows.nrows() as i64).collect();
        Self { rows, columns: Columns { row, ..Columns::default() } }
    }

    /// Averages the rows of each sentence.
    ///
    /// # Panics
    /// Never.
    #[must_use]
    pub fn pooled(&self) -> Self {
        let pooled = rows::pool(RowKind::Sentence(SentencePooling::MEAN), self.rows.view(), &self.columns);
        let (rows, columns) = pooled.expect("sentences are pooled");
        Self { rows, columns }
    }

    /// Folds all moments of the rows.
    #[must_use]
    pub fn moments(&self) -> LentMoments {
        let mut moments = Moments::empty(&[Part::Second, Part::Direction, Part::Shape], self.rows.ncols());
        moments.absorb(self.rows.view());
        LentMoments::new(moments)
    }

    /// Cuts the rows at `places`, which ascend.
    fn cut(&self, places: &[usize]) -> Vec<Self> {
        let mut borders = vec![0];
        borders.extend(places);
        borders.push(self.rows.nrows());
        let part = |border: &[usize]| {
            let (from, to) = (border[0], border[1]);
            let rows = self.rows.slice_axis(Axis(0), Slice::from(from..to)).to_owned();
            Self { rows, columns: self.columns.select(&(from..to).collect::<Vec<_>>()) }
        };
        borders.windows(2).map(part).collect()
    }
}

/// Opens an op for rows of the given width, whichever plugin of the set has it.
///
/// # Panics
/// When no plugin has it or it refuses its parameters.
#[must_use]
pub fn open(plugins: &PluginSet, id: &str, params: &str, width: usize) -> Op {
    let facts = plugins.facts();
    let has = |op: &OpManifest| op.id == id;
    let plugin =
        facts.iter().find(|plugin| plugin.manifest.ops.iter().any(has)).expect("a plugin has the op");
    let op = OpRef {
        plugin: plugin.manifest.id.clone(),
        plugin_version: plugin.manifest.version.clone(),
        plugin_digest: plugin.digest.clone(),
        id: id.to_owned(),
        definition: 1,
        params: params.to_owned(),
    };
    let input = OpInput { cols: vec![width], rows: 0, seed: 0 };
    plugins.open(&op, &input).unwrap_or_else(|e| panic!("{id}: {e}"))
}

/// Fits an enhancement on a cloud and maps the cloud.
///
/// # Panics
/// When the op fails.
#[must_use]
pub fn enhance(plugins: &PluginSet, id: &str, params: &str, cloud: &Cloud) -> Cloud {
    let op = open(plugins, id, params, cloud.rows.ncols());
    let mut model = Vec::new();
    if op.can_measure() {
        model =
            op.measure(&cloud.moments().view(), &mut Collected::default()).expect("the fit succeeds").model;
    }
    let columns = op.output_cols(&model, cloud.rows.ncols()).expect("the width is known after the fit");
    let mut out = vec![0.0; cloud.rows.nrows() * columns];
    let batch = rows::batch(cloud.rows.view(), &cloud.columns).expect("rows are contiguous");
    op.begin(&model, 0)
        .expect("the model is accepted")
        .apply(&batch, &mut out, columns)
        .expect("rows are mapped");
    let rows = Array2::from_shape_vec((cloud.rows.nrows(), columns), out).expect("one row for each");
    Cloud { rows, columns: cloud.columns.clone() }
}

/// Runs an op to its end over a cloud cut at `places`: a state for each part, merged in order.
///
/// # Panics
/// When the op fails.
#[must_use]
pub fn evaluate(plugins: &PluginSet, id: &str, cloud: &Cloud, places: &[usize]) -> Collected {
    let op = open(plugins, id, "{}", cloud.rows.ncols());
    let (mut found, mut model, mut first) = (Collected::default(), Vec::new(), 0);
    if op.can_measure() {
        let measured = op.measure(&cloud.moments().view(), &mut found).expect("the moments are accepted");
        if !measured.again {
            return found;
        }
        (model, first) = (measured.model, 1);
    }
    for pass in first.. {
        let mut merged = op.begin(&model, pass).expect("the model is accepted");
        for part in cloud.cut(places) {
            let mut run = op.begin(&model, pass).expect("the model is accepted");
            run.update(&rows::batch(part.rows.view(), &part.columns).expect("rows are contiguous"))
                .expect("rows are read");
            merged.merge(&run.save().expect("the state is saved")).expect("the states are merged");
        }
        let finished = merged.finish(&mut found).expect("the pass ends");
        if !finished.again {
            break;
        }
        model = finished.model;
    }
    found
}

/// Finds a number that an op wrote.
#[must_use]
pub fn number(found: &Collected, metric: &str) -> Option<f64> {
    found.rows.iter().find(|row| row.metric == metric && row.part.is_empty())?.value
}
