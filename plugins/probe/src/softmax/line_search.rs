//! A line search on a convex function of which every value costs a pass over the rows.

use isoscope_plugin_sdk::prelude::*;

/// Share of the first slope below which a slope counts as flat (the curvature condition of Wolfe 1969).
const FLAT: f64 = 0.9;

/// Share of the promised decrease that must be met (the condition of Armijo 1966).
const DECREASE: f64 = 1e-4;

/// Rounding of a value, relative: decreases below it cannot be told from none.
const ROUNDING: f64 = 1e-13;

/// Steps that are tried along one direction.
const MOST_TRIALS: u32 = 40;

/// A search for a step along a direction of descent. The slope of a convex function only grows, so its sign brackets the
/// minimum even where rounding hides the decrease of the value.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct LineSearch {
    value: f64,
    slope: f64,
    /// Largest step known to be too short, and its slope.
    low: (f64, f64),
    /// Smallest step known to be too long, and its slope.
    high: Option<(f64, f64)>,
    /// The step that is tried now.
    step: f64,
    trials: u32,
}

/// What is known of a step that was tried.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Verdict {
    Accepted,
    /// Another step is to be tried.
    Another,
    /// No step was found.
    Exhausted,
}

impl LineSearch {
    /// Starts at a value with a negative slope; the first step is 1.
    pub(crate) fn new(value: f64, slope: f64) -> Self {
        Self { value, slope, low: (0.0, slope), high: None, step: 1.0, trials: 0 }
    }

    /// The step to try.
    pub(crate) fn step(&self) -> f64 {
        self.step
    }

    /// Judges the value and the slope at the step, and chooses the next one.
    pub(crate) fn judge(&mut self, value: f64, slope: f64) -> Verdict {
        let finite = value.is_finite() && slope.is_finite();
        let bound = self.value + DECREASE * self.step * self.slope + ROUNDING * self.value.abs();
        // By convexity a slope that is still negative means that the value fell.
        if finite && slope.abs() <= FLAT * self.slope.abs() && (slope <= 0.0 || value <= bound) {
            return Verdict::Accepted;
        }
        self.trials += 1;
        if self.trials >= MOST_TRIALS {
            return Verdict::Exhausted;
        }
        if finite && slope < 0.0 {
            self.low = (self.step, slope);
        } else {
            self.high = Some((self.step, if finite { slope } else { f64::INFINITY }));
        }
        self.step = self.next();
        Verdict::Another
    }

    /// Takes the zero of the secant of the slopes, kept well inside the bracket, or at most ten times as far.
    fn next(&self) -> f64 {
        let (low, slope) = self.low;
        let Some((high, above)) = self.high else {
            let grown = slope / (self.slope - slope) * low;
            let further = if grown.is_finite() && grown > 0.0 { low + grown } else { 10.0 * low };
            return further.clamp(2.0 * low, 10.0 * low);
        };
        let width = high - low;
        let secant =
            if above.is_finite() { low - slope * width / (above - slope) } else { low + 0.1 * width };
        secant.clamp(low + 0.1 * width, high - 0.1 * width)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Searches along a function from 0, and answers the accepted step and the steps tried.
    fn search(f: impl Fn(f64) -> (f64, f64)) -> (f64, u32) {
        let (value, slope) = f(0.0);
        let mut search = LineSearch::new(value, slope);
        for tried in 1..MOST_TRIALS {
            let (value, slope) = f(search.step());
            match search.judge(value, slope) {
                Verdict::Accepted => return (search.step(), tried),
                Verdict::Another => {}
                Verdict::Exhausted => break,
            }
        }
        panic!("no step was found");
    }

    #[test]
    fn near_and_far_minima_are_found_in_few_steps() {
        for minimum in [1e-6, 0.01, 0.7, 1.0, 30.0, 1e5] {
            let (step, tried) = search(|t| ((t - minimum).powi(2), 2.0 * (t - minimum)));
            assert!((0.05..=1.9).contains(&(step / minimum)), "{minimum}: {step}");
            assert!(tried <= 12, "{minimum}: {tried}");
        }
    }

    #[test]
    fn a_wall_of_infinity_is_walked_back_from() {
        let (step, _) = search(|t| if t < 0.02 { (-t, -1.0 + 60.0 * t) } else { (f64::INFINITY, f64::NAN) });
        assert!(step < 0.02);
    }

    #[test]
    fn a_function_without_a_minimum_exhausts_the_search() {
        let mut search = LineSearch::new(0.0, -1.0);
        let verdicts: Vec<_> = (0..MOST_TRIALS).map(|_| search.judge(-search.step(), -1.0)).collect();
        assert_eq!(verdicts.last(), Some(&Verdict::Exhausted));
    }
}
