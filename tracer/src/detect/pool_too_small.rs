//! `pool-too-small`: a client reuses connections, but keeps fewer than it uses at a time: what comes
//! back to a full pool is closed, and the next burst dials it anew.
//!
//! Signature: most ended connections carried a few requests only and were closed by us within a
//! tenth of a second of the last data, again and again; the dials went on; yet some connections were
//! kept and used again; the dials came while others were in use, not while one lay idle; and twice
//! as many were open at a time as are kept. Thresholds: `pool-too-small.*`.
//!
//! Healthy look-alikes that must stay silent: one burst (nothing is dialled after it); a pool that
//! closes what was idle for a while (idle before close); a client that makes a connection per
//! request (nothing is kept: `one-shot`); one that drops each after the same number of requests
//! (`client-recycles`).

use super::ends::is_own_close;
use super::interval::Interval;
use super::sample::Sample;
use super::view::{human, share};
use super::{Code, Confidence, Detector, Finding, Severity, Thresholds, View, handshake};
use crate::aggregate::{Distribution, Slice};
use crate::connection::{Connection, OpenCause, Phase, Role, TcpState, seconds};

/// Connections used again that often, and kept idle at so many ticks, are a pool.
const REUSED: u64 = 3;
const KEPT_TICKS: u64 = 2;
/// A client without a pool closes sooner after the answer; two ticks of the slowest kernel clock.
const KEPT_IDLE_S: f64 = 0.02;
/// Or connections that lived for so many times as long as their exchanges take.
const LINGERED: f64 = 3.0;
/// Connections remembered for that.
const REMEMBERED: usize = 32;

/// Memory of one key.
#[derive(Clone, Debug, Default)]
pub(super) struct PoolTooSmall {
    /// Ended, seen whole, carried an exchange.
    carried: u64,
    /// Of them: dropped as surplus.
    sample: Sample,
    /// Their exchanges.
    exchanges: Distribution,
    /// Their time from dial to ESTABLISHED.
    connect_ns: u64,
    /// Life of those that carried one exchange.
    lives: Distribution,
    /// Exchanges, and time from dial to the last data, seconds, of some that carried more: ended,
    /// and live at a tick.
    reused: Vec<(u32, f64)>,
    reused_live: Vec<(u32, f64)>,
    /// Most exchanges of one connection that was kept, ended.
    ended_most: u32,
    /// The same, live at a tick.
    live_most: u32,
    /// Ticks at which a connection was certainly idle.
    idle_ticks: u64,
    /// Fewest established at a tick, from the first to the last at which there was one.
    kept: Option<u64>,
    /// There was none at the last ticks: the process may have ended.
    is_gone: bool,
    dials: u64,
    /// Of them: one certainly lay idle.
    dials_while_idle: u64,
    /// Of them: after the first surplus one was dropped.
    dials_after: u64,
}

/// Whether a client dropped it although the peer had answered and was ready for more.
fn is_surplus(connection: &Connection, thresholds: &Thresholds) -> bool {
    let most = thresholds.pool_max_exchanges;
    let close = connection.close().filter(|close| is_own_close(close));
    let idle_s = close.and_then(|close| close.idle_s);
    idle_s.is_some_and(|idle_s| idle_s <= thresholds.pool_max_idle_s)
        && !connection.unanswered
        && (u64::from(connection.exchanges) <= most || is_one_request(connection, thresholds))
}

fn is_one_request(connection: &Connection, thresholds: &Thresholds) -> bool {
    handshake::is_one_request(connection.destination(), connection.exchanges, thresholds)
}

/// Whether a live one certainly lies idle.
fn is_idle(connection: &Connection, now_ns: u64) -> bool {
    let idle_s = connection.last_data_ns.map(|data_ns| seconds(data_ns, now_ns));
    is_established(connection)
        && !connection.unanswered
        && idle_s.is_some_and(|idle_s| idle_s >= KEPT_IDLE_S)
}

const fn is_established(connection: &Connection) -> bool {
    matches!(connection.phase, Phase::Open { state: TcpState::Established, .. })
}

impl Detector for PoolTooSmall {
    fn observe(&mut self, slice: &Interval<'_>, thresholds: &Thresholds) {
        let is_client = |connection: &Connection| connection.role == Some(Role::Client);
        for connection in slice.ended.iter().filter(|c| is_client(c)) {
            let Some(close) = connection.close() else { continue };
            if !connection.start_known() || connection.exchanges == 0 {
                continue;
            }
            self.carried += 1;
            if let Some(life_s) = connection.duration_s() {
                if connection.exchanges == 1 {
                    self.lives.record_seconds(life_s);
                } else if self.reused.len() < REMEMBERED {
                    self.reused.push((connection.exchanges, life_s - close.idle_s.unwrap_or(0.0)));
                }
            }
            if is_surplus(connection, thresholds) {
                self.sample.add(close.at_ns, connection);
                self.exchanges.record(u64::from(connection.exchanges));
                let connect = connection.opened_ns.zip(connection.established_ns);
                self.connect_ns += connect.map_or(0, |(from, to)| to.saturating_sub(from));
            } else {
                self.ended_most = self.ended_most.max(connection.exchanges);
            }
        }
        let first_ns = self.sample.span_ns().0;
        for (opened_ns, connection) in slice.opened().filter(|(_, c)| is_client(c)) {
            self.dials += 1;
            let is_needless = connection.open_cause == OpenCause::IdleAvailable;
            self.dials_while_idle += u64::from(is_needless);
            let is_after = self.sample.connections > 0 && opened_ns > first_ns;
            self.dials_after += u64::from(is_after);
        }
        self.observe_live(slice);
    }

    /// Of another part of the same process: what was there before the observation is counted apart as
    /// long as its control group is not known. Several processes together are not judged.
    fn merge(&mut self, other: &Self) {
        self.carried += other.carried;
        self.sample.merge(&other.sample);
        self.exchanges.merge(&other.exchanges);
        self.connect_ns = self.connect_ns.saturating_add(other.connect_ns);
        self.lives.merge(&other.lives);
        self.reused.extend(&other.reused);
        self.reused.truncate(REMEMBERED);
        self.reused_live.extend(&other.reused_live);
        self.reused_live.truncate(REMEMBERED);
        self.ended_most = self.ended_most.max(other.ended_most);
        self.live_most = self.live_most.max(other.live_most);
        self.idle_ticks = self.idle_ticks.max(other.idle_ticks);
        self.is_gone &= other.is_gone;
        self.kept = match (self.kept, other.kept) {
            (Some(own), Some(theirs)) => Some(own + theirs),
            (own, theirs) => own.or(theirs),
        };
        self.dials += other.dials;
        self.dials_while_idle += other.dials_while_idle;
        self.dials_after += other.dials_after;
    }

    fn judge(&self, view: &View<'_>) -> Option<Finding> {
        let (thresholds, count) = (view.thresholds, self.sample.connections);
        let (first_ns, last_ns) = self.sample.span_ns();
        let found = view.is_one_client()
            && count >= thresholds.pool_min_connections.max(1)
            && share(count, self.carried) >= thresholds.pool_min_share
            && seconds(first_ns, last_ns) >= thresholds.pool_min_span_s
            && self.dials_after.saturating_mul(2) >= count
            && share(self.dials_while_idle, self.dials) <= thresholds.pool_max_idle_dials
            && self.has_pool(view.totals.exchanges.saturating_sub(view.totals.used), thresholds)
            && view.totals.peak >= self.kept().saturating_mul(2)
            && !self.is_recycling(view);
        found.then(|| self.finding(view))
    }
}

impl PoolTooSmall {
    fn observe_live(&mut self, slice: &Slice<'_>) {
        let live = || slice.live.iter().filter(|c| c.role == Some(Role::Client));
        let most = live().map(|connection| connection.exchanges).max();
        self.live_most = self.live_most.max(most.unwrap_or(0));
        let is_idle = live().any(|connection| is_idle(connection, slice.now_ns));
        self.idle_ticks += u64::from(is_idle);
        let reused =
            live().filter(|connection| connection.exchanges > 1).filter_map(|connection| {
                let life_s = seconds(connection.opened_ns?, connection.last_data_ns?);
                Some((connection.exchanges, life_s))
            });
        let reused: Vec<_> = reused.take(REMEMBERED).collect();
        if !reused.is_empty() {
            self.reused_live = reused;
        }
        let established = live().filter(|connection| is_established(connection)).count() as u64;
        if established == 0 {
            self.is_gone = self.kept.is_some();
            return;
        }
        let was_gone = std::mem::take(&mut self.is_gone);
        let fewest = if was_gone { 0 } else { established };
        self.kept = Some(self.kept.map_or(established, |kept| kept.min(fewest)));
    }

    /// How many the pool keeps, as far as seen at ticks; at least one.
    fn kept(&self) -> u64 {
        self.kept.unwrap_or(0).max(1)
    }

    /// Whether something was kept and used again: one connection often, or some lay idle between.
    fn has_pool(&self, reused: u64, thresholds: &Thresholds) -> bool {
        u64::from(self.ended_most.max(self.live_most)) > thresholds.pool_max_exchanges
            || (self.idle_ticks >= KEPT_TICKS && reused >= REUSED)
            || self.lingered() >= REUSED
    }

    /// Exchanges beyond the first on connections that lived far longer than their exchanges take,
    /// and so lay idle between them.
    fn lingered(&self) -> u64 {
        let Some(life_s) = self.lives.quantile_seconds(0.9) else { return 0 };
        let all = self.reused.iter().chain(&self.reused_live);
        let lingering =
            all.filter(|(exchanges, lived_s)| *lived_s > LINGERED * f64::from(*exchanges) * life_s);
        lingering.map(|(exchanges, _)| u64::from(exchanges - 1)).sum()
    }

    /// Whether each was dropped after the same number of requests, above one: a bound on requests per
    /// connection, whatever the number of connections.
    fn is_recycling(&self, view: &View<'_>) -> bool {
        let quantile = |q| self.exchanges.quantile(q).unwrap_or(0);
        let (low, high) = (quantile(0.1), quantile(0.9));
        let one = view.key.destination.is_some_and(|at| {
            handshake::is_one_request(at, u32::try_from(high).unwrap_or(u32::MAX), view.thresholds)
        });
        low == high && !one
    }

    fn finding(&self, view: &View<'_>) -> Finding {
        let (thresholds, count) = (view.thresholds, self.sample.connections);
        let (code, enough) = (Code::PoolTooSmall, thresholds.pool_min_connections);
        let pause_s = self.sample.interval_s().unwrap_or(f64::INFINITY);
        let is_costly = pause_s <= thresholds.pool_warn_interval_s;
        let severity = if is_costly { Severity::Warn } else { Severity::Info };
        let mut finding = view.finding(code, severity, &self.sample, enough);
        let peak = view.totals.peak;
        finding.summary = format!(
            "{} uses up to {peak} connections to {} at a time, but keeps fewer when they come back: \
             {count} of {} ended in {:.1} s were closed by it right after an answer, and dialled \
             again.",
            view.who(),
            view.destination(),
            self.carried,
            view.window_s(),
        );
        finding.count("dropped", count);
        finding.measure("dropped_share", share(count, self.carried));
        finding.count("peak_open", peak);
        finding.measure("fewest_open", self.kept.map(|kept| kept as f64));
        let median = self.exchanges.quantile(0.5);
        finding.measure("median_exchanges_of_dropped", median.map(|median| median as f64));
        finding.count("most_exchanges_of_one", u64::from(self.ended_most.max(self.live_most)));
        finding.measure("dropped_per_s", view.per_second(count));
        finding.count("exchanges", view.totals.exchanges);
        finding.measure("reuse_ratio", view.totals.reuse_ratio());
        finding.measure("handshakes_s", seconds(0, self.connect_ns));
        finding.rule_out(format!(
            "it is no client without a pool: some connections were used again, one for {} exchanges",
            self.ended_most.max(self.live_most)
        ));
        finding.rule_out(format!(
            "no idle connection was passed over: one certainly lay idle at {} of {} dials",
            self.dials_while_idle, self.dials
        ));
        finding.rule_out(format!(
            "it is no idle timeout of a pool: closed within {} of the last data",
            human(thresholds.pool_max_idle_s)
        ));
        finding.rule_out(format!(
            "it is no single burst: {} dials came after the first was dropped",
            self.dials_after
        ));
        view.settle(&mut finding);
        let why = "a second client in the same process that makes a connection per request, beside \
                   one with a pool, looks the same";
        finding.doubt(Confidence::Medium, why);
        finding
    }
}

#[cfg(test)]
mod tests;
