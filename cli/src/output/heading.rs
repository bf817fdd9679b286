//! How a metric is headed and how its numbers are written.

/// How the numbers of a metric are shown.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Heading {
    /// Short name; empty where the metric's id is shown.
    name: &'static str,
    /// What a value is multiplied by before it is shown.
    factor: f64,
    /// Digits after the point; `None` for four significant digits.
    decimals: Option<usize>,
}

/// Metrics with a short name, in the order in which tables show them.
const KNOWN: [(&str, Heading); 6] = [
    ("partition.log_I_pm", heading("log10 I(W)", std::f64::consts::LOG10_E, 2)),
    ("spectrum.isoscore", heading("IsoScore", 1.0, 4)),
    ("spectrum.effective_rank_centered", heading("eff. rank", 1.0, 1)),
    ("spectrum.effective_rank_raw", heading("eff. rank (raw)", 1.0, 1)),
    ("angular.avg_cosine", heading("avg cos", 1.0, 3)),
    ("sts.spearman", heading("STS ρ×100", 1.0, 2)),
];

const fn heading(name: &'static str, factor: f64, decimals: usize) -> Heading {
    Heading { name, factor, decimals: Some(decimals) }
}

impl Heading {
    /// Finds how a metric is shown, and its place among the metrics: the known ones come first.
    pub(super) fn of(metric: &str) -> (usize, Self) {
        let other = (KNOWN.len(), Self { name: "", factor: 1.0, decimals: None });
        let known = KNOWN.iter().enumerate().find(|(_, (id, _))| *id == metric);
        known.map_or(other, |(place, (_, heading))| (place, *heading))
    }

    /// Returns the short name, or the id of a metric that has none.
    pub(super) fn name(self, metric: &str) -> &str {
        if self.name.is_empty() { metric } else { self.name }
    }

    /// Writes a number.
    pub(super) fn write(self, value: f64) -> String {
        let shown = value * self.factor;
        let Some(decimals) = self.decimals else { return significant(shown, 4) };
        let text = format!("{shown:.decimals$}");
        let vanished = text.bytes().all(|byte| b"-0.".contains(&byte));
        match (vanished, shown == 0.0) {
            (false, _) => text,
            (true, true) => format!("{:.decimals$}", 0.0),
            // A number that is not zero must not look like it.
            (true, false) => format!("{shown:.1e}"),
        }
    }

    /// Writes a standard error in two significant digits.
    pub(super) fn write_error(self, error: f64) -> String {
        significant(error * self.factor.abs(), 2)
    }
}

/// Writes significant digits, in powers of ten where plain digits would be long.
fn significant(value: f64, digits: u8) -> String {
    if value == 0.0 {
        return "0".to_owned();
    }
    let after = usize::from(digits) - 1;
    let scientific = format!("{value:.after$e}");
    let exponent: i32 = scientific.rsplit_once('e').and_then(|(_, e)| e.parse().ok()).unwrap_or(0);
    if (-3..=6).contains(&exponent) {
        let decimals = usize::try_from(i32::from(digits) - 1 - exponent).unwrap_or(0);
        format!("{value:.decimals$}")
    } else {
        scientific
    }
}

#[cfg(test)]
mod tests {
    use super::Heading;

    fn shown(metric: &str, value: f64) -> String {
        Heading::of(metric).1.write(value)
    }

    #[test]
    fn each_metric_has_its_digits() {
        assert_eq!(shown("partition.log_I_pm", -10.0 * std::f64::consts::LN_10), "-10.00");
        assert_eq!(shown("spectrum.isoscore", 0.117_149), "0.1171");
        assert_eq!(shown("spectrum.effective_rank_centered", 312.449), "312.4");
        assert_eq!(shown("angular.avg_cosine", 0.567_89), "0.568");
        assert_eq!(shown("sts.spearman", 65.4321), "65.43");
    }

    #[test]
    fn a_small_number_does_not_look_like_zero_and_zero_has_no_sign() {
        assert_eq!(shown("spectrum.isoscore", 0.000_031), "3.1e-5");
        assert_eq!(shown("angular.avg_cosine", -0.000_04), "-4.0e-5");
        assert_eq!(shown("angular.avg_cosine", -0.0), "0.000");
    }

    #[test]
    fn an_error_has_two_digits_in_the_unit_of_its_value() {
        let shown = |metric: &str, error: f64| Heading::of(metric).1.write_error(error);
        assert_eq!(shown("partition.log_I_pm", 0.1 * std::f64::consts::LN_10), "0.10");
        assert_eq!(shown("spectrum.isoscore", 0.000_021), "2.1e-5");
        assert_eq!(shown("norms.mean", 0.012_34), "0.012");
        assert_eq!(shown("norms.mean", 0.0), "0");
    }

    #[test]
    fn other_metrics_have_four_significant_digits() {
        for (value, expected) in [
            (0.0, "0"),
            (1.0, "1.000"),
            (-12.3456, "-12.35"),
            (9999.6, "10000"),
            (0.001_234_6, "0.001235"),
            (0.000_123_46, "1.235e-4"),
            (1_234_567.0, "1234567"),
            (12_345_678.0, "1.235e7"),
        ] {
            assert_eq!(shown("norms.mean", value), expected);
        }
    }
}
