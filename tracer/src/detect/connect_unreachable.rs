//! `connect-unreachable`: dials that the network says cannot arrive, or that have no route to begin
//! with.
//!
//! Signature: five or more such dials, at least half of all to the destination. Thresholds:
//! `connect-unreachable.*`. Where the return of `connect()` is not seen, a dial that failed before
//! its SYN counts too, with a doubt: it is nearly always a missing route.
//!
//! Healthy look-alikes: a name with an IPv6 address on a host without IPv6, whose IPv4 address
//! works, costs a failed dial each time but no request: information. An outage that is over is
//! information.

use super::interval::Interval;
use super::sample::Sample;
use super::view::{human, share};
use super::{Code, Confidence, Detector, Finding, Severity, Thresholds, View};
use crate::connection::{CloseCause, Connection, Role, seconds};

const ADVICE_ICMP: &str = "A router, a firewall or this host itself answers that the host cannot be \
    reached: check that it is up (on the same network: ip neigh shows FAILED if it does not answer \
    ARP), that no firewall rejects the dial, and that the address is not one of a host long gone.";

const ADVICE_ROUTE: &str = "This host has no route to that address: ip route get ADDRESS in the \
    network namespace of the process shows why. Add the route, bring the interface up, or correct \
    the address.";

const ADVICE_OTHER_VERSION: &str = "The other IP version works: take the address that cannot be \
    reached out of the name, or let the client skip it (prefer IPv4, or give this host a route); \
    each request now dials twice.";

/// Memory of one key.
#[derive(Clone, Debug, Default)]
pub(super) struct ConnectUnreachable {
    /// By when they were dialled.
    sample: Sample,
    /// Answered with ICMP.
    icmp: u64,
    /// No route.
    no_route: u64,
    /// Failed before a SYN, for a reason that is not seen.
    unseen: u64,
}

/// Whether a dial failed in this host before it had a port.
fn never_left(connection: &Connection) -> bool {
    connection.local.port() == 0
}

impl Detector for ConnectUnreachable {
    fn observe(&mut self, slice: &Interval<'_>, _: &Thresholds) {
        for connection in slice.all().filter(|c| c.role == Some(Role::Client)) {
            let opened_ns = connection.opened_ns.filter(|at_ns| *at_ns > slice.start_ns);
            let Some((opened_ns, close)) = opened_ns.zip(connection.close()) else { continue };
            let kind = match close.cause {
                CloseCause::ConnectUnreachable => &mut self.icmp,
                CloseCause::ConnectNoRoute => &mut self.no_route,
                CloseCause::DialAborted if close.errno.is_none() && never_left(connection) => {
                    &mut self.unseen
                }
                _ => continue,
            };
            *kind += 1;
            self.sample.add(opened_ns, connection);
        }
    }

    fn merge(&mut self, other: &Self) {
        self.sample.merge(&other.sample);
        self.icmp += other.icmp;
        self.no_route += other.no_route;
        self.unseen += other.unseen;
    }

    fn judge(&self, view: &View<'_>) -> Option<Finding> {
        let (thresholds, count) = (view.thresholds, self.sample.connections);
        let found = count >= thresholds.unreachable_min_dials.max(1)
            && share(count, view.totals.opened) >= thresholds.unreachable_min_share;
        found.then(|| self.finding(view))
    }
}

impl ConnectUnreachable {
    fn finding(&self, view: &View<'_>) -> Finding {
        let (count, dials, over) =
            (self.sample.connections, view.totals.opened, view.is_over(self.sample.span_ns()));
        let is_harmless = over || view.works_at.is_some();
        let severity = if is_harmless { Severity::Info } else { Severity::Error };
        // An answer is a fact, not an inference: few of them are as sure as many.
        let mut finding = view.finding(Code::ConnectUnreachable, severity, &self.sample, 0);
        let (first_ns, last_ns) = self.sample.span_ns();
        let by_icmp = self.icmp > self.no_route + self.unseen;
        let how = if by_icmp {
            "were answered with ICMP unreachable"
        } else if self.no_route >= self.unseen {
            "failed before they left this host, which has no route there"
        } else {
            "failed before they left this host, which most likely has no route there"
        };
        let afterwards = match view.works_at {
            Some(other) => format!("; dials to {other} succeed"),
            None if over => "; dials succeed since".into(),
            None => String::new(),
        };
        finding.summary = format!(
            "{count} of {dials} dials of {} to {}, over {}, {how}{afterwards}.",
            view.who(),
            view.destination(),
            human(seconds(first_ns, last_ns)),
        );
        finding.advice = match view.works_at {
            Some(_) => ADVICE_OTHER_VERSION,
            None if by_icmp => ADVICE_ICMP,
            None => ADVICE_ROUTE,
        }
        .into();
        finding.count("unreachable", count);
        finding.count("dials", dials);
        finding.measure("unreachable_share", share(count, dials));
        finding.count("icmp_answers", self.icmp);
        finding.count("without_route", self.no_route);
        finding.count("failed_before_syn", self.unseen);
        finding.measure("unreachable_per_s", view.per_second(count));
        finding.measure("last_unreachable_ago_s", seconds(last_ns, view.now_ns));
        finding.rule_out("it is no refusal: no host answered");
        if !is_harmless {
            finding.rule_out("the other IP version does not work in its place");
        }
        if self.unseen > 0 {
            let why = format!(
                "{} failed before their SYN for a reason that is not seen here: mostly there is no \
                 route, but a filter or a wrong source address fails a dial so too",
                self.unseen
            );
            finding.doubt(Confidence::Medium, why);
        }
        finding
    }
}

#[cfg(test)]
mod tests;
