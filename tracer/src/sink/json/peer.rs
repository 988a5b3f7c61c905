//! `tracer.peer`: totals of one peer address at one address that this host serves.

use super::about;
use super::line::Line;
use super::summary::counted;
use crate::sink::PeerSummary;

pub(super) fn put(line: &mut Line, summary: &PeerSummary<'_>) {
    let (peer, totals) = (summary.peer.peer, &summary.peer.totals);
    line.put("tracer.subject", if peer.is_some() { "peer" } else { "other" });
    if let Some(peer) = peer {
        about::netns(line, peer.netns);
        about::server(line, peer.server);
        line.put("network.peer.address", peer.address);
    }
    line.number("tracer.window_s", Some(summary.window_s));
    line.put("tracer.connections_opened", totals.opened);
    line.put("tracer.connections_closed", totals.closed);
    line.put("tracer.connections_open", totals.open);
    line.put("tracer.connections_preexisting", totals.preexisting);
    line.put("tracer.connections_used", totals.used);
    line.put("tracer.exchanges", totals.exchanges);
    line.put("tracer.exchanges_basis", totals.exchanges_basis.name());
    line.number("tracer.reuse_ratio", totals.reuse_ratio());
    line.known("tracer.redials", summary.peer.redials);
    line.object("tracer.closes", counted(totals.closes.iter().map(|(c, n)| (c.name(), *n))));
    line.known("tracer.bytes_sent", totals.bytes_sent);
    line.known("tracer.bytes_received", totals.bytes_received);
}

#[cfg(test)]
mod tests {
    use crate::aggregate::PeerTotals;
    use crate::sink::json::tests::read;
    use crate::sink::{Item, PeerSummary, testing};

    fn line(peer: &PeerTotals) -> serde_json::Value {
        let summary = PeerSummary { at_ns: 5_000_000_000, window_s: 15.0, peer };
        read(&Item::Peer(summary))
    }

    #[test]
    fn a_peer_is_told_by_its_address_and_ours() {
        let line = line(&testing::peer());
        assert_eq!(line["event.name"], "tracer.peer");
        assert_eq!(line["tracer.subject"], "peer");
        assert_eq!(line["network.peer.address"], "10.0.9.1");
        assert_eq!(
            (&line["server.address"], &line["server.port"]),
            (&"10.0.0.1".into(), &443.into())
        );
        assert_eq!(line["tracer.redials"], 195, "those seen from the server");
    }

    #[test]
    fn the_rest_beyond_the_bound_has_no_address_and_no_redials() {
        let line = line(&PeerTotals { peer: None, redials: None, ..testing::peer() });
        assert_eq!(line["tracer.subject"], "other");
        for key in ["network.peer.address", "server.address", "tracer.netns", "tracer.redials"] {
            assert!(line.get(key).is_none(), "{key}");
        }
        assert_eq!(line["tracer.connections_opened"], 200);
    }
}
