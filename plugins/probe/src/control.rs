//! The control task: how well the same probe memorises labels that mean nothing.

use isoscope_plugin_sdk::prelude::*;

use crate::classes::Classes;
use crate::report::{self, Ids, judged};
use crate::training::{Probe, Settings, Trainer, Training, TrainingState};

const PLACE: &[Invariance] = &[Invariance::Rotation, Invariance::Translation, Invariance::Permutation];

const EVERY: &[Invariance] =
    &[Invariance::Rotation, Invariance::Translation, Invariance::Scale, Invariance::Permutation];

params! {
    /// Parameters of the control task.
    pub struct ControlParams {
        /// Column of the labels: texts or whole numbers.
        label: String = "label";
        /// Column of the word types whose control labels are drawn, or of the control labels themselves; see `draw`.
        control: String = "word";
        /// Whether control labels are drawn for the values of `control`, rather than being those values.
        draw: bool = true;
        /// Independent draws of the control labels. With several, values are the mean over them, and probe.control_sd holds their
        /// standard deviations.
        draws: u64 = 1;
        /// Penalty on the squared weights, above 0; the bias is free. It is 1/C of common libraries.
        l2: f64 = 1.0, aliases ["lambda"];
        /// Whether every dimension is divided by its standard deviation over the training rows first.
        standardize: bool = false;
        /// Most passes over the rows; when training needs more there is no value.
        iterations: u64 = 500;
    }
}

/// Softmax regressions on the same rows: one for the labels, one for each draw of control labels.
#[derive(Debug)]
pub struct Control(Trainer);

/// Standard deviations over several draws.
const DEVIATIONS: &str = "probe.control_sd";

const IDS: Ids = Ids {
    train_accuracy: "probe.logreg_control_train_accuracy",
    test_accuracy: "probe.logreg_control_test_accuracy",
    test_ce_bits: "probe.logreg_control_test_ce_bits",
    classes: "probe.logreg_control_classes",
    train_rows: "probe.logreg_control_train_rows",
    test_rows: "probe.logreg_control_test_rows",
    unseen_test_rows: "probe.logreg_control_unseen_test_rows",
};

impl Op for Control {
    const META: OpMeta = OpMeta {
        id: "probe.control",
        kind: Kind::Probe,
        version: 1,
        needs: Needs::Rows,
        columns: &["split", "$label", "$control"],
        outputs: &[
            Output::scalar(IDS.train_accuracy).range("[0, 1]").better(Better::Lower).invariant(PLACE),
            Output::scalar(IDS.test_accuracy).range("[0, 1]").better(Better::Lower).invariant(PLACE),
            Output::scalar(IDS.test_ce_bits).unit("bits").range("[0, inf)").invariant(PLACE),
            Output::scalar("probe.selectivity").range("[-1, 1]").better(Better::Higher).invariant(PLACE),
            Output::object(DEVIATIONS).range("[0, inf)").better(Better::Lower).invariant(PLACE),
            Output::scalar(IDS.classes).range("0..").invariant(EVERY),
            Output::scalar(IDS.train_rows).unit("rows").range("0..").invariant(EVERY),
            Output::scalar(IDS.test_rows).unit("rows").range("0..").invariant(EVERY),
            Output::scalar(IDS.unseen_test_rows).unit("rows").range("0..").invariant(EVERY),
        ],
        doc: "The linear probe of probe.linear on labels without meaning: every word type gets one label, drawn once from the \
              frequencies of the task's training labels by a hash of the seed and the type. What it scores it has memorised. \
              Selectivity is the test accuracy on the task less that on the control labels, both trained on the same rows, \
              in the same passes; rows without a label or a type are left out of both. With several draws the values are means \
              over them, the counts are those of the first, and control_sd has the standard deviations.",
        formula: "\\text{selectivity} = \\text{acc}(y) - \\text{acc}(c(\\text{type})), \\quad \
                  c(t) \\sim \\hat P_{\\text{train}}(Y) \\text{ once per type}",
        reference: "Hewitt & Liang 2019 (EMNLP), sections 2 and 3. Their code draws from the frequencies of all 45 tags of the \
                    training part with an unseeded generator; here the draw depends on seed and type alone",
        ..OpMeta::DEFAULT
    };
    type Params = ControlParams;
    type Model = Training;
    type State = TrainingState;

    fn open(params: ControlParams, input: &Input, host: &Host) -> Result<Self> {
        let draws = if params.draw { params.draws } else { 0 };
        if params.draws == 0 || (!params.draw && params.draws > 1) {
            return Err(Error::invalid(
                "parameter \"draws\" must be at least 1, and 1 where no labels are drawn",
            ));
        }
        let mut columns = vec![params.label];
        columns.extend((0..params.draws).map(|_| params.control.clone()));
        let (l2, standardize, iterations) = (params.l2, params.standardize, params.iterations);
        let settings = Settings { columns, draws, l2, standardize, iterations };
        Ok(Self(Trainer::new(settings, input, host.linalg())?))
    }

    fn begin(&self, model: &Training, _pass: u32) -> Result<TrainingState> {
        Ok(self.0.begin(model))
    }

    fn update(&self, model: &Training, state: &mut TrainingState, batch: &Batch<'_>) -> Result<()> {
        self.0.update(model, state, batch)
    }

    fn merge(&self, _: &Training, state: &mut TrainingState, other: TrainingState) -> Result<()> {
        self.0.merge(state, other)
    }

    fn finish(&self, model: &Training, state: TrainingState, out: &mut Out<'_>) -> Result<Next<Training>> {
        let next = self.0.finish(model, state)?;
        if let Next::Done(trained) = &next
            && let [task, controls @ ..] = trained.probes()
            && let Some(first) = controls.first()
        {
            report::counts(first, &IDS, out)?;
            write_draws(task, controls, out)?;
        }
        Ok(next)
    }
}

/// A value of each draw, or why it has none.
type OfDraws = Vec<core::result::Result<f64, String>>;

/// Writes what was trained, as means over the draws, and the deviations.
fn write_draws(task: &Probe, controls: &[Probe], out: &mut Out<'_>) -> Result<()> {
    let of_task = judged(task).test_accuracy.map_err(|reason| format!("the task has no accuracy: {reason}"));
    let (mut train, mut test, mut bits, mut selectivity) =
        (OfDraws::new(), OfDraws::new(), OfDraws::new(), OfDraws::new());
    for control in controls {
        let judged = judged(control);
        let of_control = judged.test_accuracy.clone();
        let of_control = of_control.map_err(|reason| format!("the control task has no accuracy: {reason}"));
        selectivity.push(of_task.clone().and_then(|task| of_control.map(|control| task - control)));
        train.push(judged.train_accuracy);
        test.push(judged.test_accuracy);
        bits.push(judged.test_ce_bits);
    }
    let classes = controls.first().map(|control| &control.classes);
    let rows = |of: fn(&Classes) -> u64| classes.map_or(0, of);
    let mut deviations = Vec::new();
    for (id, part, n, values) in [
        (IDS.train_accuracy, "train_accuracy", rows(Classes::train_rows), &train),
        (IDS.test_accuracy, "test_accuracy", rows(Classes::test_rows), &test),
        (IDS.test_ce_bits, "test_ce_bits", rows(Classes::known_test_rows), &bits),
        ("probe.selectivity", "selectivity", rows(Classes::test_rows), &selectivity),
    ] {
        out.set_n(n);
        let all = values.iter().cloned().collect::<core::result::Result<Vec<f64>, String>>();
        match &all {
            Ok(values) if id == IDS.test_accuracy && values.len() == 1 => {
                report::write_share(id, &Ok(values[0]), n, out)?;
            }
            Ok(values) => out.value(id, mean(values))?,
            Err(reason) => out.null(id, reason)?,
        }
        deviations.push((part, all));
    }
    out.set_n(rows(Classes::test_rows));
    if controls.len() < 2 {
        return out.null(DEVIATIONS, "a single draw of control labels has no deviation");
    }
    deviations.iter().try_for_each(|(part, values)| match values {
        Ok(values) => out.part(DEVIATIONS, part, deviation(values)),
        Err(reason) => out.null_part(DEVIATIONS, part, reason),
    })
}

fn mean(values: &[f64]) -> f64 {
    values.iter().sum::<f64>() / values.len() as f64
}

/// The sample standard deviation.
fn deviation(values: &[f64]) -> f64 {
    let mean = mean(values);
    (values.iter().map(|value| (value - mean).powi(2)).sum::<f64>() / (values.len() as f64 - 1.0)).sqrt()
}
