//! The control task: how well the same probe memorises labels that mean nothing.

use isoscope_plugin_sdk::prelude::*;

use crate::report::{self, Ids, judged, write};
use crate::training::{Settings, Trainer, Training, TrainingState};

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
        /// Penalty on the squared weights, above 0; the bias is free. It is 1/C of common libraries.
        l2: f64 = 1.0, aliases ["lambda"];
        /// Whether every dimension is divided by its standard deviation over the training rows first.
        standardize: bool = false;
        /// Most passes over the rows; when training needs more there is no value.
        iterations: u64 = 500;
    }
}

/// Two softmax regressions on the same rows: one for the labels, one for control labels.
#[derive(Debug)]
pub struct Control(Trainer);

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
            Output::scalar(IDS.classes).range("0..").invariant(EVERY),
            Output::scalar(IDS.train_rows).unit("rows").range("0..").invariant(EVERY),
            Output::scalar(IDS.test_rows).unit("rows").range("0..").invariant(EVERY),
            Output::scalar(IDS.unseen_test_rows).unit("rows").range("0..").invariant(EVERY),
        ],
        doc: "The linear probe of probe.linear on labels without meaning: every word type gets one label, drawn once from the \
              frequencies of the task's training labels by a hash of the seed and the type. What it scores it has memorised. \
              Selectivity is the test accuracy on the task less that on the control labels, both trained on the same rows, \
              in the same passes; rows without a label or a type are left out of both.",
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
        let settings = Settings {
            columns: vec![params.label, params.control],
            draw: params.draw,
            l2: params.l2,
            standardize: params.standardize,
            iterations: params.iterations,
        };
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
            && let [task, control] = trained.probes()
        {
            let of_control = report::report(control, &IDS, out)?.test_accuracy;
            let of_task = judged(task).test_accuracy;
            out.set_n(control.classes.test_rows());
            let selectivity = match (of_task, of_control) {
                (Ok(task), Ok(control)) => Ok(task - control),
                (Err(reason), _) => Err(format!("the task has no accuracy: {reason}")),
                (_, Err(reason)) => Err(format!("the control task has no accuracy: {reason}")),
            };
            write("probe.selectivity", &selectivity, out)?;
        }
        Ok(next)
    }
}
