//! Memory of connections that one end closed after they had lain idle: whether it was a timer, and
//! whether the client needed them again. Owns no judgement of whose timer it is.

use super::interval::Interval;
use super::moments::Moments;
use super::redials::Redials;
use super::sample::Sample;
use super::steady::Steady;
use super::{Thresholds, handshake};
use crate::aggregate::Distribution;
use crate::connection::{Close, Connection, Role};

/// Work of this length between an answer and the close needs no timer.
const WORK_S: f64 = 0.5;

/// What makes it a timer that is in the way.
#[derive(Clone, Copy, Debug)]
pub(super) struct Rules {
    /// Shorter idle times are no timeout.
    pub(super) min_idle_s: f64,
    /// From a tenth to nine tenths, of the median.
    pub(super) max_spread: f64,
    pub(super) min_connections: u64,
    /// Of the connections that ended and had carried something.
    pub(super) min_share: f64,
    pub(super) min_moments: u64,
    /// The median redial comes within the idle time times this.
    pub(super) max_redial: f64,
}

/// What was found.
#[derive(Clone, Copy, Debug)]
pub(super) struct Timer {
    pub(super) idle: Steady,
    /// Median from the close to the redial, seconds.
    pub(super) redial_s: f64,
    /// Most carried one request and lay idle so shortly that work may have filled that time.
    pub(super) may_be_work: bool,
}

/// Memory of one key.
#[derive(Clone, Debug, Default)]
pub(super) struct IdleTimeouts {
    /// Ended and carried an exchange.
    pub(super) carried: u64,
    /// Of them: closed after a time of idleness by the end in question.
    pub(super) sample: Sample,
    /// Of those: carried one request.
    single: u64,
    pub(super) moments: Moments,
    redials: Redials,
    idle: Distribution,
}

impl IdleTimeouts {
    /// Takes in one interval; `is_theirs` says whether the end in question closed, with nothing
    /// outstanding.
    pub(super) fn observe(
        &mut self,
        slice: &Interval<'_>,
        (rules, thresholds): (Rules, &Thresholds),
        is_theirs: impl Fn(&Connection, &Close) -> bool,
    ) {
        let is_client = |connection: &Connection| connection.role == Some(Role::Client);
        let mut closes = Vec::new();
        for connection in slice.ended.iter().filter(|c| is_client(c) && c.exchanges > 0) {
            let Some(close) = connection.close() else { continue };
            self.carried += 1;
            let idle_s = slice
                .before
                .silence
                .idle_s(connection, close)
                .filter(|idle_s| *idle_s >= rules.min_idle_s);
            if let Some(idle_s) = idle_s.filter(|_| is_theirs(connection, close)) {
                self.sample.add(close.at_ns, connection);
                self.moments.add(close.at_ns);
                let (destination, exchanges) = (connection.destination(), connection.exchanges);
                let is_single = handshake::is_one_request(destination, exchanges, thresholds);
                self.single += u64::from(is_single);
                self.idle.record_seconds(idle_s);
                closes.push(close.at_ns);
            }
        }
        let dials = (&slice.before.needed, slice.needed.as_slice());
        self.redials.observe(&closes, dials, f64::INFINITY);
    }

    /// Takes over what the same process did under another key.
    pub(super) fn merge(&mut self, other: &Self) {
        self.carried += other.carried;
        self.sample.merge(&other.sample);
        self.single += other.single;
        self.moments.merge(&other.moments);
        self.redials.merge(&other.redials);
        self.idle.merge(&other.idle);
    }

    /// The timer behind them, if it is one and the client needed the connections again.
    pub(super) fn timer(&self, rules: Rules) -> Option<Timer> {
        let count = self.sample.connections;
        let is_enough = count >= rules.min_connections.max(1)
            && self.moments.len() >= rules.min_moments
            && super::view::share(count, self.carried) >= rules.min_share;
        let idle = Steady::of(&self.idle, rules.max_spread).filter(|_| is_enough)?;
        let redial_s = self.redials.median_s(count)?;
        let may_be_work = idle.seconds().0 < WORK_S && self.single.saturating_mul(2) >= count;
        let is_needed = redial_s <= idle.seconds().0 * rules.max_redial;
        is_needed.then_some(Timer { idle, redial_s, may_be_work })
    }
}
