//! `tracer.summary`: totals of one process × role × destination.

use super::about;
use super::line::Line;
use crate::clock::Clock;
use crate::sink::Summary;

pub(super) fn put(line: &mut Line, summary: &Summary<'_>, clock: &Clock) {
    let totals = summary.totals;
    let known = (summary.identity, totals.runtime.as_ref());
    about::key(line, summary.key, totals.processes, known, clock);
    line.number("tracer.window_s", Some(summary.window_s));
    line.put("tracer.connections_opened", totals.opened);
    line.put("tracer.connections_closed", totals.closed);
    line.put("tracer.connections_open", totals.open);
    line.put("tracer.connections_preexisting", totals.preexisting);
    line.put("tracer.connections_failed", totals.failed);
    line.put("tracer.connections_peak", totals.peak);
    line.put("tracer.connections_used", totals.used);
    line.put("tracer.exchanges", totals.exchanges);
    line.put("tracer.exchanges_basis", totals.exchanges_basis.name());
    line.number("tracer.reuse_ratio", totals.reuse_ratio());
    line.put("tracer.redials", totals.redials);
    line.object("tracer.opens", counted(totals.opens.iter().map(|(c, n)| (c.name(), *n))));
    line.object("tracer.closes", counted(totals.closes.iter().map(|(c, n)| (c.name(), *n))));
    line.number("tracer.duration_p50_s", totals.duration_p50_s);
    line.number("tracer.duration_p99_s", totals.duration_p99_s);
    line.known("tracer.bytes_sent", totals.bytes_sent);
    line.known("tracer.bytes_received", totals.bytes_received);
}

/// Leaves out what did not occur.
pub(super) fn counted<'a>(
    causes: impl Iterator<Item = (&'a str, u64)>,
) -> impl Iterator<Item = (&'a str, u64)> {
    causes.filter(|(_, count)| *count > 0)
}

#[cfg(test)]
mod tests {
    use crate::aggregate::{Key, Totals, Who};
    use crate::sink::json::tests::read;
    use crate::sink::{Item, Summary, testing};

    fn line(key: &Key, totals: &Totals) -> serde_json::Value {
        let summary = Summary { at_ns: 5_000_000_000, window_s: 15.0, key, totals, identity: None };
        read(&Item::Summary(summary))
    }

    #[test]
    fn closes_are_counts_by_cause_and_leave_out_what_did_not_happen() {
        let mut totals = testing::totals();
        totals.closes.insert(crate::connection::CloseCause::Unknown, 0);
        let line = line(&testing::key(), &totals);
        assert_eq!(line["tracer.closes"].to_string(), r#"{"local_close":196,"peer_close":2}"#);
    }

    #[test]
    fn without_an_exchange_there_is_no_ratio() {
        let totals = Totals { exchanges: 0, used: 0, ..testing::totals() };
        assert!(line(&testing::key(), &totals).get("tracer.reuse_ratio").is_none());
    }

    #[test]
    fn folded_processes_are_a_number_and_have_no_pid() {
        let who = Who::Executable { name: "/usr/bin/curl".into(), cgroup: None };
        let key = Key { who, ..testing::key() };
        let line = line(&key, &Totals { processes: 38, ..testing::totals() });
        assert!(line.get("process.pid").is_none());
        assert_eq!(line["tracer.processes"], 38);
        assert_eq!(line["process.executable.name"], "curl");
        assert_eq!(line["process.runtime.name"], "go");
        assert_eq!(line["tracer.subject"], "executable");
    }

    #[test]
    fn what_is_beyond_the_bound_on_keys_says_so() {
        let key = Key { who: Who::Other, role: None, destination: None, netns: 0 };
        let line = line(&key, &testing::totals());
        assert_eq!(line["tracer.subject"], "other");
        assert!(line.get("server.address").is_none());
    }
}
