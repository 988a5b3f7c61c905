//! Whether durations are all the same, as those that a timer ended are.

use super::view::human;
use crate::aggregate::Distribution;

/// Timers are late by scheduling and by the kernel's clock ticks.
const LATE_S: f64 = 0.02;

/// And by what came before them: a timeout for a whole request counts from before its dial.
const SPREAD: f64 = 0.15;

/// The middle half lies close together.
pub(super) fn is_steady(durations: &Distribution) -> bool {
    let at = |q| durations.quantile_seconds(q);
    let (Some(low), Some(median), Some(high)) = (at(0.25), at(0.5), at(0.75)) else { return false };
    high - low <= (median * SPREAD).max(LATE_S)
}

/// The median in words: `2.0 s each` or `2.0 s (median)`.
pub(super) fn typical(durations: &Distribution) -> String {
    let Some(median) = durations.quantile_seconds(0.5) else { return "an unknown time".into() };
    let word = if is_steady(durations) { " each" } else { " (median)" };
    format!("{}{word}", human(median))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(samples: impl IntoIterator<Item = f64>) -> Distribution {
        let mut durations = Distribution::default();
        samples.into_iter().for_each(|sample| durations.record_seconds(sample));
        durations
    }

    #[test]
    fn what_a_timer_ended_is_steady_whatever_a_few_others_did() {
        let timer = (0..80).map(|n| 2.0 + f64::from(n) / 1000.0);
        let durations = of(timer.chain([0.1, 0.2, 9.0]));
        assert!(is_steady(&durations));
        assert!(typical(&durations).ends_with(" each"), "{}", typical(&durations));
    }

    #[test]
    fn what_was_ended_at_any_time_is_not() {
        let durations = of((1..=80).map(|n| f64::from(n) / 40.0));
        assert!(!is_steady(&durations));
        assert!(typical(&durations).ends_with(" (median)"));
        assert!(!is_steady(&of([])));
    }
}
