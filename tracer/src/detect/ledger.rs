//! Tells from one tick to the next which findings have begun, changed and ended.

use super::Finding;
use crate::connection::seconds;
use crate::words::words;

words! {
    /// What became of a finding.
    State {
        /// It was not there before.
        Begun = "begun",
        /// It goes on, and is worse or some time has passed.
        Ongoing = "ongoing",
        /// It is over: nothing of it was seen for some time, or the evidence no longer suffices.
        Ended = "ended",
    }
}

/// A finding that goes on is told again after this long.
const AGAIN_S: f64 = 60.0;

/// A finding is over once nothing of it was seen for this long, or for three times the mean pause
/// between its connections, whichever is longer: what comes once a minute is not over after 15 s.
const QUIET_S: f64 = 15.0;
const QUIET_PAUSES: f64 = 3.0;

/// A finding with news.
#[derive(Clone, Debug, PartialEq)]
pub struct Notice {
    /// What became of it.
    pub state: State,
    /// As it is now; as it last was, where it ended.
    pub finding: Finding,
}

/// A finding that goes on.
#[derive(Clone, Debug)]
struct Open {
    finding: Finding,
    /// When it was last told.
    told_ns: u64,
    /// Connections it then was about.
    told_connections: u64,
}

/// The findings that go on. Bounded by the number of keys and codes.
#[derive(Clone, Debug, Default)]
pub struct Ledger {
    open: Vec<Open>,
}

impl Ledger {
    /// Takes the findings as of `now_ns`, monotonic nanoseconds, and returns those with news: ended
    /// ones first, then in the order given.
    ///
    /// One that is missing is not over before it is quiet: where a window begins anew, evidence that
    /// comes slowly needs some time to suffice again.
    pub fn update(&mut self, findings: Vec<Finding>, now_ns: u64) -> Vec<Notice> {
        let mut before = std::mem::take(&mut self.open);
        let mut news = Vec::new();
        for finding in findings.into_iter().filter(|finding| !is_quiet(finding, now_ns)) {
            let known = before.iter().position(|open| open.finding.is_same(&finding));
            let known = known.map(|at| before.swap_remove(at));
            let state = match &known {
                None => Some(State::Begun),
                Some(known) => has_news(known, &finding, now_ns).then_some(State::Ongoing),
            };
            let (told_ns, told_connections) = match (&known, state) {
                (Some(known), None) => (known.told_ns, known.told_connections),
                _ => (now_ns, finding.connections),
            };
            if let Some(state) = state {
                news.push(Notice { state, finding: finding.clone() });
            }
            self.open.push(Open { finding, told_ns, told_connections });
        }
        let (over, missing): (Vec<_>, Vec<_>) =
            before.into_iter().partition(|open| is_quiet(&open.finding, now_ns));
        self.open.extend(missing);
        let ended =
            over.into_iter().map(|open| Notice { state: State::Ended, finding: open.finding });
        ended.chain(news).collect()
    }

    /// Nobody was told of it: it is news again at the next update, as far as it is still true then.
    pub fn take_back(&mut self, notice: Notice) {
        let Notice { state, finding } = notice;
        match state {
            State::Begun => self.open.retain(|open| !open.finding.is_same(&finding)),
            State::Ongoing => {
                let known = self.open.iter_mut().filter(|open| open.finding.is_same(&finding));
                known.for_each(|open| open.told_ns = 0);
            }
            // As if it went on: it is quiet, and so over, unless it has come back by then.
            State::Ended => {
                let (told_ns, told_connections) = (finding.last_seen_ns, finding.connections);
                self.open.push(Open { finding, told_ns, told_connections });
            }
        }
    }
}

/// Whether nothing of it was seen for so long that it must be over.
fn is_quiet(finding: &Finding, now_ns: u64) -> bool {
    let lasted_s = seconds(finding.first_seen_ns, finding.last_seen_ns);
    let pauses = finding.connections.saturating_sub(1).max(1);
    let quiet_s = QUIET_S.max(QUIET_PAUSES * lasted_s / pauses as f64);
    seconds(finding.last_seen_ns, now_ns) > quiet_s
}

fn has_news(known: &Open, finding: &Finding, now_ns: u64) -> bool {
    finding.severity > known.finding.severity
        || finding.consequences.len() > known.finding.consequences.len()
        || finding.also.len() > known.finding.also.len()
        || finding.connections >= known.told_connections.saturating_mul(2)
        || seconds(known.told_ns, now_ns) >= AGAIN_S
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::aggregate::support::SECOND;
    use crate::detect::support::blank;
    use crate::detect::{Code, Severity};

    fn seen(connections: u64, first_s: u64, last_s: u64) -> Finding {
        Finding {
            connections,
            first_seen_ns: first_s * SECOND,
            last_seen_ns: last_s * SECOND,
            ..blank(Code::OneShot, Severity::Warn)
        }
    }

    fn states(ledger: &mut Ledger, findings: Vec<Finding>, now_s: u64) -> Vec<State> {
        let news = ledger.update(findings, now_s * SECOND);
        news.into_iter().map(|notice| notice.state).collect()
    }

    #[test]
    fn a_finding_begins_goes_on_and_ends() {
        let mut ledger = Ledger::default();
        assert_eq!(states(&mut ledger, vec![seen(10, 0, 9)], 10), [State::Begun]);
        assert_eq!(states(&mut ledger, vec![seen(11, 0, 10)], 11), [], "nothing new");
        assert_eq!(states(&mut ledger, vec![seen(20, 0, 19)], 20), [State::Ongoing], "doubled");
        assert_eq!(states(&mut ledger, vec![seen(21, 0, 30)], 31), []);
        assert_eq!(states(&mut ledger, vec![seen(22, 0, 79)], 80), [State::Ongoing], "a minute");
        assert_eq!(states(&mut ledger, vec![], 81), [], "missing for a moment");
        assert_eq!(states(&mut ledger, vec![seen(22, 0, 81)], 82), []);
        assert_eq!(states(&mut ledger, vec![], 97), [State::Ended]);
        assert_eq!(states(&mut ledger, vec![], 98), []);
    }

    #[test]
    fn one_that_is_still_in_the_window_but_quiet_is_over() {
        let mut ledger = Ledger::default();
        assert_eq!(states(&mut ledger, vec![seen(100, 0, 10)], 10), [State::Begun]);
        assert_eq!(states(&mut ledger, vec![seen(100, 0, 10)], 26), [State::Ended]);
        assert_eq!(states(&mut ledger, vec![seen(100, 0, 10)], 27), [], "and does not begin again");
    }

    #[test]
    fn what_comes_rarely_is_not_over_between_two() {
        let mut ledger = Ledger::default();
        // One every ten seconds.
        assert_eq!(states(&mut ledger, vec![seen(10, 0, 90)], 95), [State::Begun]);
        assert_eq!(states(&mut ledger, vec![seen(10, 0, 90)], 119), []);
        assert_eq!(states(&mut ledger, vec![seen(10, 0, 90)], 121), [State::Ended]);
    }

    #[test]
    fn what_nobody_was_told_of_is_news_again_as_far_as_it_is_still_true() {
        let untold = |ledger: &mut Ledger, findings, now_s: u64| {
            let mut news = ledger.update(findings, now_s * SECOND);
            assert_eq!(news.len(), 1);
            let notice = news.remove(0);
            let state = notice.state;
            ledger.take_back(notice);
            state
        };
        let mut ledger = Ledger::default();
        assert_eq!(untold(&mut ledger, vec![seen(10, 0, 9)], 10), State::Begun);
        assert_eq!(states(&mut ledger, vec![seen(10, 0, 10)], 11), [State::Begun]);
        assert_eq!(untold(&mut ledger, vec![seen(20, 0, 70)], 71), State::Ongoing);
        assert_eq!(states(&mut ledger, vec![seen(20, 0, 71)], 72), [State::Ongoing]);
        assert_eq!(states(&mut ledger, vec![seen(20, 0, 72)], 73), []);
        assert_eq!(untold(&mut ledger, vec![], 99), State::Ended);
        assert_eq!(states(&mut ledger, vec![], 100), [State::Ended]);
        assert_eq!(states(&mut ledger, vec![], 101), []);
        // Begun and over before anybody could be told: nothing is open, and nothing was.
        assert_eq!(untold(&mut ledger, vec![seen(10, 200, 209)], 210), State::Begun);
        assert_eq!(states(&mut ledger, vec![], 240), []);
    }

    #[test]
    fn what_gets_worse_is_told_at_once() {
        let mut ledger = Ledger::default();
        states(&mut ledger, vec![seen(10, 0, 9)], 10);
        let worse = Finding { severity: Severity::Error, ..seen(11, 0, 10) };
        assert_eq!(states(&mut ledger, vec![worse], 11), [State::Ongoing]);
    }
}
