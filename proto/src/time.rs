//! Durations and instants on the wire.

use prost_types::Timestamp;
use std::time::Duration;

/// Converts a duration to its message; one too long for the wire becomes the longest that fits.
#[must_use]
pub fn to_wire(duration: Duration) -> prost_types::Duration {
    let longest = prost_types::Duration { seconds: i64::MAX, nanos: 0 };
    prost_types::Duration::try_from(duration).unwrap_or(longest)
}

/// Converts a duration from its message; an absent or negative one is `None`.
#[must_use]
pub fn from_wire(duration: Option<prost_types::Duration>) -> Option<Duration> {
    Duration::try_from(duration?).ok()
}

/// Converts milliseconds since the Unix epoch to a timestamp.
#[must_use]
pub fn timestamp(millis: i64) -> Timestamp {
    let nanos = (millis.rem_euclid(1000) as i32) * 1_000_000;
    Timestamp { seconds: millis.div_euclid(1000), nanos }
}

/// Converts a timestamp to milliseconds since the Unix epoch, rounded towards the past.
#[must_use]
pub fn millis(timestamp: &Timestamp) -> i64 {
    timestamp.seconds.saturating_mul(1000).saturating_add(i64::from(timestamp.nanos) / 1_000_000)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn milliseconds_survive_the_wire() {
        for at in [0, 1, 999, 1000, 1_763_892_574_123, -1, -1001] {
            assert_eq!(millis(&timestamp(at)), at);
        }
    }

    #[test]
    fn durations_survive_the_wire() {
        for millis in [0, 1, 10_000, 86_400_000] {
            let duration = Duration::from_millis(millis);
            assert_eq!(from_wire(Some(to_wire(duration))), Some(duration));
        }
        assert_eq!(from_wire(None), None);
        assert_eq!(from_wire(Some(prost_types::Duration { seconds: -1, nanos: 0 })), None);
    }
}
