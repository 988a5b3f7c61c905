//! `tracer.health`: how well the observation itself goes.

use super::line::Line;
use crate::sink::Health;

pub(super) fn put(line: &mut Line, health: &Health) {
    line.object("tracer.hooks", pairs(&health.hooks));
    line.put("tracer.tier", health.tier.as_str());
    line.known("tracer.reader", health.reader.as_deref());
    let output = ("output", &health.unwritten);
    line.object("tracer.lost", pairs(&health.lost).chain([output]));
    if !health.unwritten_by_output.is_empty() {
        line.object("tracer.lost_by_output", pairs(&health.unwritten_by_output));
    }
    line.number("tracer.seen_share", health.seen_share);
    line.number("tracer.interval_s", health.interval_s);
    if !health.lost_of.is_empty() {
        line.objects("tracer.lost_of", &health.lost_of, |line, of| {
            line.known("process.pid", of.pid);
            line.known("process.name", of.comm.as_deref());
            line.put("tracer.connections", of.connections);
        });
    }
    line.put("tracer.evicted", health.evicted.of_counts());
    let by_table = health.evicted.iter().map(|(what, count)| (what.name(), count));
    if by_table.clone().next().is_some() {
        line.object("tracer.evicted_by_table", by_table);
    }
    line.put("tracer.decode_errors", health.decode_errors_total());
    line.object("tracer.decode_errors_by_kind", pairs(&health.decode_errors));
    line.put("tracer.connections_tracked", health.connections_tracked);
    line.put("tracer.late_unjoined", health.late_unjoined);
    line.put("tracer.version", health.version.as_str());
    line.put("tracer.kernel", health.kernel.as_str());
}

fn pairs<V>(entries: &[(String, V)]) -> impl Iterator<Item = (&str, &V)> {
    entries.iter().map(|(name, value)| (name.as_str(), value))
}

#[cfg(test)]
mod tests {
    use crate::bounds::Evicted;
    use crate::sink::json::tests::read;
    use crate::sink::{Item, LostConnections, testing};

    #[test]
    fn losses_are_by_reason_with_the_zeros_that_were_counted() {
        let line = read(&Item::Health(&testing::health()));
        assert_eq!(
            line["tracer.lost"].to_string(),
            concat!(
                r#"{"table_full":0,"ring_full":0,"late_ring_full":0,"missed":0,"no_memory":0,"table_busy":0,"#,
                r#""queue_full":0,"late_queue_full":0,"output":0}"#
            )
        );
        assert_eq!(line["tracer.hooks"]["tcp_connect"], "refused:EPERM");
    }

    #[test]
    fn processes_that_lost_connections_are_named_as_far_as_they_are_known() {
        let mut health = testing::health();
        let of = |pid, comm: Option<&str>| LostConnections {
            pid,
            comm: comm.map(str::to_owned),
            connections: 9,
        };
        health.lost_of = vec![of(Some(7), Some("api")), of(None, None)];
        assert_eq!(
            read(&Item::Health(&health))["tracer.lost_of"].to_string(),
            concat!(
                r#"[{"process.pid":7,"process.name":"api","tracer.connections":9},"#,
                r#"{"tracer.connections":9}]"#
            )
        );
    }

    #[test]
    fn a_table_that_was_full_is_named_and_counts_only_if_counts_lack_it() {
        let mut health = testing::health();
        let line = read(&Item::Health(&health));
        assert_eq!(
            (&line["tracer.evicted"], line.get("tracer.evicted_by_table")),
            (&0.into(), None)
        );
        health.evicted.add(Evicted::Keys, 3);
        health.evicted.add(Evicted::Lookups, 9);
        let line = read(&Item::Health(&health));
        assert_eq!(line["tracer.evicted"], 3);
        assert_eq!(line["tracer.evicted_by_table"].to_string(), r#"{"keys":3,"lookups":9}"#);
    }
}
