//! Minimum description length of labels given rows, by the online code.

use std::marker::PhantomData;

use isoscope_plugin_sdk::prelude::*;
use ndarray::Axis;

use crate::classes::{Draw, Tally};
use crate::hash;
use crate::labels::Side;
use crate::online_code::{OnlineCode, cuts};

/// What is coded.
pub trait Coded: Send + Sync + 'static {
    /// Describes the op.
    const META: OpMeta;
    /// The parameters.
    type Params: Params + Into<MdlSettings>;
    /// Ids of the outputs.
    #[doc(hidden)]
    const IDS: MdlIds;
}

/// Ids of the outputs of one code.
#[derive(Debug)]
pub struct MdlIds {
    bits: &'static str,
    compression: &'static str,
    blocks: &'static str,
    rows: &'static str,
    classes: &'static str,
}

/// Parameters that both codes share.
#[derive(Debug)]
pub struct MdlSettings {
    label: String,
    /// Column of the control task, and whether its labels are drawn.
    control: Option<(String, bool)>,
    fractions: Vec<f64>,
    order: String,
    l2: f64,
    iterations: u64,
}

params! {
    /// Parameters of the online code of the task.
    pub struct MdlParams {
        /// Most rows of the sample, of both parts together.
        rows: u64 = 10000;
        /// Column of the labels: texts or whole numbers.
        label: String = "label";
        /// Ends of the blocks as shares of the training rows, ascending, the last one 1; each is rounded down to rows.
        fractions: Vec<f64> = [0.001, 0.002, 0.004, 0.008, 0.016, 0.032, 0.0625, 0.125, 0.25, 0.5, 1.0];
        /// Order in which rows are sent: `shuffled`, by a hash of seed and row, or `rows`, as the dataset has them.
        order: String = "shuffled";
        /// Penalty on the squared weights, above 0; the bias is free.
        l2: f64 = 1.0, aliases ["lambda"];
        /// Most evaluations of a block's probe; when its training needs more there is no value.
        iterations: u64 = 500;
    }
}

params! {
    /// Parameters of the online code of the control task.
    pub struct MdlControlParams {
        /// Most rows of the sample, of both parts together.
        rows: u64 = 10000;
        /// Column of the labels: texts or whole numbers.
        label: String = "label";
        /// Column of the word types whose control labels are drawn, or of the control labels themselves; see `draw`.
        control: String = "word";
        /// Whether control labels are drawn for the values of `control`, rather than being those values.
        draw: bool = true;
        /// Ends of the blocks as shares of the training rows, ascending, the last one 1; each is rounded down to rows.
        fractions: Vec<f64> = [0.001, 0.002, 0.004, 0.008, 0.016, 0.032, 0.0625, 0.125, 0.25, 0.5, 1.0];
        /// Order in which rows are sent: `shuffled`, by a hash of seed and row, or `rows`, as the dataset has them.
        order: String = "shuffled";
        /// Penalty on the squared weights, above 0; the bias is free.
        l2: f64 = 1.0, aliases ["lambda"];
        /// Most evaluations of a block's probe; when its training needs more there is no value.
        iterations: u64 = 500;
    }
}

impl From<MdlParams> for MdlSettings {
    fn from(p: MdlParams) -> Self {
        let MdlParams { rows: _, label, fractions, order, l2, iterations } = p;
        Self { label, control: None, fractions, order, l2, iterations }
    }
}

impl From<MdlControlParams> for MdlSettings {
    fn from(p: MdlControlParams) -> Self {
        let MdlControlParams { rows: _, label, control, draw, fractions, order, l2, iterations } = p;
        Self { label, control: Some((control, draw)), fractions, order, l2, iterations }
    }
}

const PLACE: &[Invariance] = &[Invariance::Rotation, Invariance::Translation];

const EVERY: &[Invariance] =
    &[Invariance::Rotation, Invariance::Translation, Invariance::Scale, Invariance::Permutation];

const fn outputs(ids: &MdlIds) -> [Output; 5] {
    [
        Output::scalar(ids.bits).unit("bits").range("[0, inf)").better(Better::Lower).invariant(PLACE),
        Output::scalar(ids.compression).range("(0, inf)").better(Better::Higher).invariant(PLACE),
        Output::vector(ids.blocks).unit("bits").range("[0, inf)").better(Better::Lower).invariant(PLACE),
        Output::scalar(ids.rows).unit("rows").range("0..").invariant(EVERY),
        Output::scalar(ids.classes).range("0..").invariant(EVERY),
    ]
}

const FORMULA: &str = "L = t_1 \\log_2 K - \\sum_{b \\ge 1} \\sum_{i = t_b + 1}^{t_{b+1}} \\log_2 p_{\\theta(x_{1..t_b})}(y_i | x_i), \
                       \\quad \\text{compression} = n \\log_2 K / L";

/// The labels of the task.
#[derive(Debug)]
pub struct TaskCode;

impl Coded for TaskCode {
    const META: OpMeta = OpMeta {
        id: "probe.mdl",
        kind: Kind::Probe,
        version: 1,
        needs: Needs::Sample,
        columns: &["split", "$label"],
        outputs: &outputs(&Self::IDS),
        doc: "Bits that send the labels of the training rows to someone who has the rows: the first block by the uniform code \
              over all K classes, every other by a linear probe trained to its minimum on all rows before it. Compression is the \
              uniform code over this one, 1 when rows tell nothing. A class that no earlier row has is escaped with the \
              probability 1/(t + K) after t rows. mdl_online_task_block_bits gives the bits of each block.",
        formula: FORMULA,
        reference: "Voita & Titov 2020 (EMNLP), equation 3. Their notebook adds natural logarithms to binary ones and divides by \
                    1024 for kbits; here everything is bits, and the probe is linear with l2 = 1",
        ..OpMeta::DEFAULT
    };
    type Params = MdlParams;
    const IDS: MdlIds = MdlIds {
        bits: "probe.mdl_online_task_bits",
        compression: "probe.mdl_online_task_compression",
        blocks: "probe.mdl_online_task_block_bits",
        rows: "probe.mdl_online_task_rows",
        classes: "probe.mdl_online_task_classes",
    };
}

/// The labels of the control task.
#[derive(Debug)]
pub struct ControlCode;

impl Coded for ControlCode {
    const META: OpMeta = OpMeta {
        id: "probe.mdl_control",
        kind: Kind::Probe,
        version: 1,
        needs: Needs::Sample,
        columns: &["split", "$label", "$control"],
        outputs: &outputs(&Self::IDS),
        doc: "The online code of probe.mdl for labels without meaning: every word type gets one label, drawn once from the \
              frequencies of the sample's training labels by a hash of the seed and the type. A probe can only learn them by \
              heart, so the code is long where probe.mdl's is short.",
        formula: FORMULA,
        reference: "Voita & Titov 2020 (EMNLP), equation 3 and section 4; control labels: Hewitt & Liang 2019 (EMNLP)",
        ..OpMeta::DEFAULT
    };
    type Params = MdlControlParams;
    const IDS: MdlIds = MdlIds {
        bits: "probe.mdl_online_control_bits",
        compression: "probe.mdl_online_control_compression",
        blocks: "probe.mdl_online_control_block_bits",
        rows: "probe.mdl_online_control_rows",
        classes: "probe.mdl_online_control_classes",
    };
}

/// The online code of labels given rows; `C` chooses the labels.
#[derive(Debug)]
pub struct Mdl<C> {
    settings: MdlSettings,
    seed: u64,
    linalg: Linalg,
    coded: PhantomData<fn() -> C>,
}

impl<C: Coded> SampleMetric for Mdl<C> {
    const META: OpMeta = C::META;
    type Params = C::Params;

    fn open(params: C::Params, input: &Input, linalg: Linalg) -> Result<Self> {
        let settings: MdlSettings = params.into();
        if !(settings.l2 > 0.0 && settings.l2.is_finite()) {
            return Err(Error::Invalid(format!("parameter \"l2\" must be above 0, got {}", settings.l2)));
        }
        let f = &settings.fractions;
        let ascend = f.windows(2).all(|pair| pair[0] < pair[1]);
        let end = f.last().is_some_and(|last| (last - 1.0).abs() < f64::EPSILON);
        if !ascend || !end || f.first().is_none_or(|first| *first <= 0.0) {
            return Err(Error::invalid("parameter \"fractions\" must ascend from above 0 to 1"));
        }
        if !["shuffled", "rows"].contains(&settings.order.as_str()) {
            return Err(Error::Invalid(format!(
                "parameter \"order\" must be \"shuffled\" or \"rows\", got \"{}\"",
                settings.order
            )));
        }
        Ok(Self { settings, seed: input.seed, linalg, coded: PhantomData })
    }

    fn measure(&self, sample: &Sample, out: &mut Out<'_>) -> Result<()> {
        let ids = C::IDS;
        let (order, keys) = self.training_rows(sample)?;
        let mut tally = Tally::default();
        for label in &keys {
            tally.count(Side::Train, label);
        }
        let classes = tally.classes();
        out.set_n(order.len() as u64);
        out.value(ids.rows, order.len() as f64)?;
        out.value(ids.classes, classes.names.len() as f64)?;
        let cuts = cuts(&self.settings.fractions, order.len());
        let code = if classes.names.len() < 2 {
            Err(match classes.names.first() {
                Some(only) => format!("all training rows have the label \"{only}\""),
                None => "no training row has a label".to_owned(),
            })
        } else if cuts.len() < 2 {
            Err(format!("{} training rows make a single block", order.len()))
        } else {
            let rows = sample.rows().select(Axis(0), &order);
            let labels: Vec<usize> = keys.iter().filter_map(|label| classes.index(label)).collect();
            let how = (self.settings.l2, self.settings.iterations);
            OnlineCode::of(rows.view(), &labels, &classes.names, &cuts, how, self.linalg)?
        };
        match code {
            Ok(code) => {
                out.value(ids.bits, code.bits())?;
                out.value(ids.compression, code.uniform / code.bits())?;
                out.series(ids.blocks, &code.blocks)
            }
            Err(reason) => {
                out.null(ids.bits, &reason)?;
                out.null(ids.compression, &reason)?;
                out.null_series(ids.blocks, &reason)
            }
        }
    }
}

impl<C: Coded> Mdl<C> {
    /// Answers the places of the training rows in the order in which they are sent, and their labels.
    fn training_rows(&self, sample: &Sample) -> Result<(Vec<usize>, Vec<String>)> {
        if sample.is_empty() {
            return Ok((Vec::new(), Vec::new()));
        }
        let split = sample.strings("split")?;
        let labels = sample.keys(&self.settings.label)?;
        let control = self.settings.control.as_ref().map(|(name, _)| sample.keys(name)).transpose()?;
        let complete = |&row: &usize| {
            Side::named(split[row].as_deref()) == Some(Side::Train)
                && labels[row].is_some()
                && control.as_ref().is_none_or(|keys| keys[row].is_some())
        };
        let mut order: Vec<usize> = (0..sample.len()).filter(complete).collect();
        if self.settings.order == "shuffled" {
            let ids = sample.ids();
            order.sort_by_key(|&row| (hash::of_number(self.seed, ids[row].cast_unsigned()), ids[row]));
        }
        let task: Vec<String> = order.iter().filter_map(|&row| labels[row].clone()).collect();
        let Some(control) = control else { return Ok((order, task)) };
        let keys: Vec<String> = order.iter().filter_map(|&row| control[row].clone()).collect();
        if self.settings.control.as_ref().is_none_or(|(_, draw)| !draw) {
            return Ok((order, keys));
        }
        let mut tally = Tally::default();
        for label in &task {
            tally.count(Side::Train, label);
        }
        let draw = Draw::new(self.seed, &tally.classes());
        let drawn = keys.iter().map(|word| draw.label(word).to_owned()).collect();
        Ok((order, drawn))
    }
}
