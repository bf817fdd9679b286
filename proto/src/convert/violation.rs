//! `FieldViolation` and [`Violation`].

use crate::v1::FieldViolation;
use isoscope_core::violation::Violation;

impl From<&Violation> for FieldViolation {
    fn from(violation: &Violation) -> Self {
        Self { field: violation.field.clone(), message: violation.message.clone() }
    }
}

impl From<&FieldViolation> for Violation {
    fn from(violation: &FieldViolation) -> Self {
        Self::new(violation.field.clone(), violation.message.clone())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_violation_survives_the_wire() {
        let violation = Violation::new("dataset[0].gold", "there is no column `gold`");
        assert_eq!(Violation::from(&FieldViolation::from(&violation)), violation);
    }
}
