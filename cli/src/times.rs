//! Instants for people and for other programs.

use isoscope_proto::prost_types;
use jiff::fmt::friendly::{Designator, Direction, Spacing, SpanPrinter};
use jiff::{SignedDuration, Span, Timestamp};

const MINUTE: i64 = 60;
const HOUR: i64 = 60 * MINUTE;
const DAY: i64 = 24 * HOUR;

/// Writes an instant as RFC 3339; one that is absent or out of range is `None`.
pub(crate) fn rfc3339(instant: Option<&prost_types::Timestamp>) -> Option<String> {
    read(instant).map(|at| at.to_string())
}

/// Writes how long ago an instant was, in its largest unit, e.g. `3 mins ago`; empty when it is absent.
pub(crate) fn age(instant: Option<&prost_types::Timestamp>) -> String {
    read(instant).map(|at| ago(Timestamp::now().duration_since(at))).unwrap_or_default()
}

fn read(instant: Option<&prost_types::Timestamp>) -> Option<Timestamp> {
    let instant = instant?;
    Timestamp::new(instant.seconds, instant.nanos).ok()
}

fn ago(elapsed: SignedDuration) -> String {
    // Clocks of two machines differ a little: what has just happened may seem to lie ahead.
    let seconds = elapsed.as_secs();
    if seconds < 1 {
        return "now".to_owned();
    }
    let span = match seconds {
        DAY.. => Span::new().days(-seconds / DAY),
        HOUR.. => Span::new().hours(-seconds / HOUR),
        MINUTE.. => Span::new().minutes(-seconds / MINUTE),
        _ => Span::new().seconds(-seconds),
    };
    let printer = SpanPrinter::new()
        .designator(Designator::Short)
        .spacing(Spacing::BetweenUnitsAndDesignators)
        .direction(Direction::Suffix);
    printer.span_to_string(&span)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_age_is_told_in_its_largest_unit() {
        for (seconds, expected) in [
            (-5, "now"),
            (1, "1 sec ago"),
            (59, "59 secs ago"),
            (190, "3 mins ago"),
            (7_300, "2 hrs ago"),
            (200_000, "2 days ago"),
        ] {
            assert_eq!(ago(SignedDuration::from_secs(seconds)), expected);
        }
    }

    #[test]
    fn instants_are_written_as_rfc_3339() {
        let at = prost_types::Timestamp { seconds: 1_763_892_574, nanos: 500_000_000 };
        assert_eq!(rfc3339(Some(&at)).as_deref(), Some("2025-11-23T10:09:34.5Z"));
        assert_eq!((rfc3339(None), age(None)), (None, String::new()));
    }
}
