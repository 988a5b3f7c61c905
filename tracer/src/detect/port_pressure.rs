//! `port-pressure`: the ephemeral ports of a source address towards one destination run out.
//!
//! Signature: open connections and `TIME_WAIT`s of one source address towards one destination hold a
//! tenth of the usable ports or more, and at the present rates will hold four fifths of them within a
//! minute; or dials failed because none was free (EADDRNOTAVAIL). Over all processes of the
//! namespace; told of the one that holds most. Thresholds: `port-pressure.*`.
//!
//! Healthy look-alikes that must stay silent: many `TIME_WAIT`s on the side that did not dial (a server
//! that closes first: they hold no ephemeral port); many towards different destinations (each has the
//! whole range); `TIME_WAIT`s whose ports the kernel may take again after a second (`tcp_tw_reuse`, on
//! loopback by default).

use super::interval::Interval;
use super::port_use::{PlaceUse, Sources};
use super::sample::Sample;
use super::view::{human, share};
use super::{Code, Confidence, Detector, Finding, Severity, Thresholds, View};
use crate::aggregate::Who;
use crate::connection::{CloseCause, Role};

/// Memory of one key.
#[derive(Clone, Debug, Default)]
pub(super) struct PortPressure {
    pub(super) sources: Sources,
    /// Dials that failed for lack of a port.
    failed: Sample,
    /// Connections that held a port, by when they ended, or were open at the last tick.
    sample: Sample,
}

impl Detector for PortPressure {
    fn observe(&mut self, slice: &Interval<'_>, _: &Thresholds) {
        self.sources.observe(slice);
        for connection in slice.all().filter(|c| c.role == Some(Role::Client)) {
            match connection.close() {
                Some(close) if close.cause == CloseCause::ConnectNoPort => {
                    self.failed.add(close.at_ns, connection);
                }
                Some(close) => self.sample.add(close.at_ns, connection),
                None => {}
            }
        }
    }

    fn merge(&mut self, other: &Self) {
        self.sources.merge(&other.sources);
        self.failed.merge(&other.failed);
        self.sample.merge(&other.sample);
    }

    fn judge(&self, view: &View<'_>) -> Option<Finding> {
        let thresholds = view.thresholds;
        let has_failed = self.failed.connections >= thresholds.port_min_failures.max(1)
            && view.is_recent(self.failed.span_ns().1, 0.0);
        let place = view.ports;
        let is_tight = place.is_some_and(|place| {
            let usable = place.usable as f64;
            share(place.all.now(), place.usable) >= thresholds.port_min_held
                && place.all.soon() >= usable * thresholds.port_min_projected
        });
        let found = view.key.role == Some(Role::Client)
            && view.key.who != Who::Other
            && (is_tight || has_failed);
        found.then(|| self.finding(view, place, has_failed))
    }
}

impl PortPressure {
    fn finding(&self, view: &View<'_>, place: Option<PlaceUse>, has_failed: bool) -> Finding {
        let left_s = place.and_then(|place| place.all.exhausted_in_s(place.usable));
        let is_certain = has_failed || left_s.is_some();
        let severity = if is_certain { Severity::Error } else { Severity::Warn };
        let sample = if has_failed { &self.failed } else { &self.sample };
        let mut finding = view.finding(Code::PortPressure, severity, sample, 0);
        let failed = self.failed.connections;
        let failures = if has_failed {
            format!("{failed} dials of {} found no free port", view.who())
        } else {
            String::new()
        };
        finding.summary = match place {
            None => format!("{failures} towards {} (EADDRNOTAVAIL).", view.destination()),
            Some(place) => {
                let will = left_s.map_or_else(
                    || format!("at this rate {:.0} within a minute", place.all.soon()),
                    |left_s| match left_s {
                        0.0 => "none is left".into(),
                        _ => format!("at this rate none is left in {}", human(left_s)),
                    },
                );
                let after = if has_failed { format!("; {failures}") } else { String::new() };
                format!(
                    "{} of {} ports from {} towards {} are held, {} of them in TIME_WAIT; {will}{after}.",
                    place.all.now(),
                    place.usable,
                    place.source,
                    view.destination(),
                    place.all.time_wait,
                )
            }
        };
        if let Some(place) = place.filter(|_| !has_failed) {
            finding.connections = place.all.now();
            // Ports are held now, by whatever holds them.
            finding.last_seen_ns = view.now_ns;
            if sample.connections == 0 {
                finding.first_seen_ns = view.start_ns;
            }
        }
        if let Some(place) = place {
            finding.count("ports_held", place.all.now());
            finding.count("usable_ports", place.usable);
            finding.measure("exhausted_in_s", left_s);
            finding.count("time_wait", place.all.time_wait);
            finding.count("open", place.all.live);
            finding.measure("new_time_waits_per_s", place.all.time_wait_per_s);
            finding.measure("held_in_a_minute", place.all.soon().round());
            finding.measure("own_share", share(place.own.now(), place.all.now()));
            finding.count("holders", place.holders);
            finding.rule_out(format!(
                "they are not taken again at once: one in TIME_WAIT keeps its port for {} s here",
                place.all.hold_s
            ));
            if !place.is_read {
                let why = "the port range of that network namespace is not known: that of a new \
                           one is taken";
                finding.doubt(Confidence::Medium, why);
            }
        }
        if has_failed {
            finding.count("dials_without_port", failed);
        }
        finding
    }
}

#[cfg(test)]
mod tests;
