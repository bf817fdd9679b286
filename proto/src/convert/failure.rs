//! `FailureClass` and [`Failure`].

use super::ConvertError;
use crate::v1::FailureClass;
use isoscope_core::task::Failure;

impl From<Failure> for FailureClass {
    fn from(failure: Failure) -> Self {
        match failure {
            Failure::Input => Self::Input,
            Failure::Deterministic => Self::Deterministic,
            Failure::OutOfMemory => Self::OutOfMemory,
            Failure::Transient => Self::Transient,
        }
    }
}

impl TryFrom<FailureClass> for Failure {
    type Error = ConvertError;

    fn try_from(class: FailureClass) -> Result<Self, ConvertError> {
        match class {
            FailureClass::Unspecified => Err(ConvertError::new("failure_class", "must be set")),
            FailureClass::Input => Ok(Self::Input),
            FailureClass::Deterministic => Ok(Self::Deterministic),
            FailureClass::OutOfMemory => Ok(Self::OutOfMemory),
            FailureClass::Transient => Ok(Self::Transient),
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn every_class_survives_the_wire() {
        for failure in [Failure::Input, Failure::Deterministic, Failure::OutOfMemory, Failure::Transient] {
            assert_eq!(Failure::try_from(FailureClass::from(failure)).unwrap(), failure);
        }
        assert_eq!(Failure::try_from(FailureClass::Unspecified).unwrap_err().field, "failure_class");
    }
}
