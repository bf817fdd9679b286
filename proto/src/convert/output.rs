//! `TaskOutput` and [`Output`].

use super::digest::{blob, blobs, digests};
use super::{ConvertError, required};
use crate::v1::{self, Digest, task_output};
use isoscope_core::task::Output;

impl TryFrom<&Output> for v1::TaskOutput {
    type Error = ConvertError;

    fn try_from(output: &Output) -> Result<Self, ConvertError> {
        let output = match output {
            Output::Facts(facts) => {
                task_output::Output::Facts(v1::FactsOutput { facts: Some(Digest::try_from(facts)?) })
            }
            Output::Node { layers, tally } => {
                let layers = digests("layers", layers)?;
                task_output::Output::Node(v1::NodeOutput { layers, tally_json: tally.clone() })
            }
            Output::Layer { report, broadcast, carry, again } => {
                task_output::Output::Layer(v1::LayerOutput {
                    report: Some(Digest::try_from(report)?),
                    broadcast: Some(Digest::try_from(broadcast)?),
                    carry: Some(Digest::try_from(carry)?),
                    again: *again,
                })
            }
        };
        Ok(Self { output: Some(output) })
    }
}

impl TryFrom<&v1::TaskOutput> for Output {
    type Error = ConvertError;

    fn try_from(output: &v1::TaskOutput) -> Result<Self, ConvertError> {
        Ok(match required("output", output.output.as_ref())? {
            task_output::Output::Facts(facts) => Self::Facts(blob("facts", facts.facts.as_ref())?),
            task_output::Output::Node(node) => {
                Self::Node { layers: blobs("layers", &node.layers)?, tally: node.tally_json.clone() }
            }
            task_output::Output::Layer(layer) => Self::Layer {
                report: blob("report", layer.report.as_ref())?,
                broadcast: blob("broadcast", layer.broadcast.as_ref())?,
                carry: blob("carry", layer.carry.as_ref())?,
                again: layer.again,
            },
        })
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use isoscope_core::digest::sha256;
    use isoscope_core::task::BlobRef;

    fn named(name: &str) -> BlobRef {
        BlobRef { digest: sha256(name.as_bytes()), size: name.len() as u64 }
    }

    #[test]
    fn every_kind_of_output_survives_the_wire() {
        let outputs = [
            Output::Facts(named("facts")),
            Output::Node { layers: vec![named("0"), named("1")], tally: "{\"texts\":1}".to_owned() },
            Output::Layer { report: named("r"), broadcast: named("b"), carry: named("c"), again: true },
        ];
        for output in outputs {
            let wire = v1::TaskOutput::try_from(&output).unwrap();
            assert_eq!(Output::try_from(&wire).unwrap(), output);
        }
    }

    #[test]
    fn an_output_without_its_blobs_is_refused_by_field() {
        assert_eq!(Output::try_from(&v1::TaskOutput { output: None }).unwrap_err().field, "output");
        let layer = v1::LayerOutput { report: None, broadcast: None, carry: None, again: false };
        let wire = v1::TaskOutput { output: Some(task_output::Output::Layer(layer)) };
        assert_eq!(Output::try_from(&wire).unwrap_err().field, "report");
    }
}
