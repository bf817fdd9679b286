//! Values of several runs as one: their mean and their standard deviation.

use isoscope_plugin_sdk::prelude::*;

/// Writes the mean of the values of the runs and, when there are several, their sample standard deviation as `ID_sd`.
/// A run without a value makes both null.
pub(crate) fn over_runs(out: &mut Out<'_>, id: &str, values: &[Result<f64, String>]) -> Result<()> {
    let deviation = format!("{id}_sd");
    let several = values.len() > 1;
    if let Some((run, reason)) = values.iter().enumerate().find_map(|(r, v)| v.as_ref().err().map(|e| (r, e)))
    {
        let reason = if several { format!("in run {}: {reason}", run + 1) } else { reason.clone() };
        out.null(id, &reason)?;
        return if several { out.null(&deviation, &reason) } else { Ok(()) };
    }
    let found: Vec<f64> = values.iter().filter_map(|value| value.as_ref().ok().copied()).collect();
    let runs = found.len() as f64;
    let mean = found.iter().sum::<f64>() / runs;
    out.value(id, mean)?;
    if several {
        let squares: f64 = found.iter().map(|value| (value - mean).powi(2)).sum();
        out.value(&deviation, (squares / (runs - 1.0)).sqrt())?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use isoscope_plugin_sdk::testing::collect;

    #[test]
    fn several_runs_give_their_mean_and_deviation() {
        let found = collect(|out| over_runs(out, "x", &[Ok(1.0), Ok(3.0)])).unwrap();
        assert!((found.value("x").unwrap() - 2.0).abs() < 1e-15);
        assert!((found.value("x_sd").unwrap() - 2.0_f64.sqrt()).abs() < 1e-15);
    }

    #[test]
    fn one_run_has_no_deviation() {
        let found = collect(|out| over_runs(out, "x", &[Ok(1.0)])).unwrap();
        assert_eq!(found.rows.len(), 1);
    }

    #[test]
    fn a_run_without_a_value_leaves_none_and_says_which() {
        let found = collect(|out| over_runs(out, "x", &[Ok(1.0), Err("it is late".into())])).unwrap();
        assert_eq!(found.status("x"), Some("in run 2: it is late"));
        assert_eq!(found.status("x_sd"), Some("in run 2: it is late"));
    }
}
