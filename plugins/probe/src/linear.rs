//! The linear probe: how well a linear map reads a label from the rows.

use isoscope_plugin_sdk::prelude::*;

use crate::report::{self, ALL_UNSEEN, Ids, NO_TEST_ROWS, write};
use crate::training::{Settings, Trainer, Training, TrainingState};

const PLACE: &[Invariance] = &[Invariance::Rotation, Invariance::Translation, Invariance::Permutation];

const EVERY: &[Invariance] =
    &[Invariance::Rotation, Invariance::Translation, Invariance::Scale, Invariance::Permutation];

params! {
    /// Parameters of the linear probe.
    pub struct LinearParams {
        /// Column of the labels: texts or whole numbers.
        label: String = "label";
        /// Penalty on the squared weights, above 0; the bias is free. It is 1/C of common libraries.
        l2: f64 = 1.0, aliases ["lambda"];
        /// Whether every dimension is divided by its standard deviation over the training rows first.
        standardize: bool = false;
        /// Most passes over the rows; when training needs more there is no value.
        iterations: u64 = 500;
    }
}

/// Softmax regression on the training rows, judged on the test rows.
#[derive(Debug)]
pub struct Linear(Trainer);

const IDS: Ids = Ids {
    train_accuracy: "probe.logreg_task_train_accuracy",
    test_accuracy: "probe.logreg_task_test_accuracy",
    test_ce_bits: "probe.logreg_task_test_ce_bits",
    classes: "probe.logreg_task_classes",
    train_rows: "probe.logreg_task_train_rows",
    test_rows: "probe.logreg_task_test_rows",
    unseen_test_rows: "probe.logreg_task_unseen_test_rows",
};

impl Op for Linear {
    const META: OpMeta = OpMeta {
        id: "probe.linear",
        kind: Kind::Probe,
        version: 1,
        needs: Needs::Rows,
        columns: &["split", "$label"],
        outputs: &[
            Output::scalar(IDS.train_accuracy).range("[0, 1]").better(Better::Higher).invariant(PLACE),
            Output::scalar(IDS.test_accuracy).range("[0, 1]").better(Better::Higher).invariant(PLACE),
            Output::scalar(IDS.test_ce_bits)
                .unit("bits")
                .range("[0, inf)")
                .better(Better::Lower)
                .invariant(PLACE),
            Output::scalar("probe.label_ce_bits").unit("bits").range("[0, inf)").invariant(EVERY),
            Output::scalar("probe.v_information_bits").unit("bits").better(Better::Higher).invariant(PLACE),
            Output::scalar(IDS.classes).range("0..").invariant(EVERY),
            Output::scalar(IDS.train_rows).unit("rows").range("0..").invariant(EVERY),
            Output::scalar(IDS.test_rows).unit("rows").range("0..").invariant(EVERY),
            Output::scalar(IDS.unseen_test_rows).unit("rows").range("0..").invariant(EVERY),
        ],
        doc: "Softmax regression with a squared penalty on the weights and a free bias, trained to its minimum on the rows of \
              the part `train` and judged on `test`. Accuracy counts a test row whose label no training row has as wrong; such \
              rows are counted, and left out of the cross-entropies. The standard error of the test accuracy takes the test \
              rows as independent. label_ce_bits is the cross-entropy of the test labels under \
              the frequencies of the training labels; v_information_bits is what the rows save of it, below 0 when the probe \
              does worse than the frequencies. Training that does not reach its minimum gives null, not a half-trained score.",
        formula: "\\min_{W, b} \\sum_{i \\in \\text{train}} -\\log p_{W,b}(y_i | x_i) + \\tfrac{\\lambda}{2} \\|W\\|_F^2, \
                  \\quad p_{W,b}(k | x) \\propto e^{w_k^\\top x + b_k}; \\quad \
                  I_V(X \\to Y) = H_V(Y) - H_V(Y | X)",
        reference: "Alain & Bengio 2017 (ICLR workshop); V-information: Xu et al. 2020 (ICLR), definition 2, with the linear \
                    family and both entropies estimated on the test rows",
        ..OpMeta::DEFAULT
    };
    type Params = LinearParams;
    type Model = Training;
    type State = TrainingState;

    fn open(params: LinearParams, input: &Input, host: &Host) -> Result<Self> {
        let settings = Settings {
            columns: vec![params.label],
            draws: 0,
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
        if let Next::Done(trained) = &next {
            for probe in trained.probes() {
                let reported = report::report(probe, &IDS, out)?;
                let prior = probe.classes.label_bits().ok_or_else(|| {
                    if probe.classes.test_rows() == 0 { NO_TEST_ROWS } else { ALL_UNSEEN }.to_owned()
                });
                write("probe.label_ce_bits", &prior, out)?;
                let saved = reported.test_ce_bits.and_then(|bits| prior.map(|prior| prior - bits));
                write("probe.v_information_bits", &saved, out)?;
            }
        }
        Ok(next)
    }
}
