//! `tracer.connection.closed`: one ended connection or failed dial.

use super::about;
use super::line::Line;
use crate::clock::Clock;
use crate::connection::{Reset, Role};
use crate::sink::Ended;

pub(super) fn put(line: &mut Line, ended: &Ended<'_>, clock: &Clock) {
    let Ended { connection, close, identity } = ended;
    if let Some(owner) = connection.owner {
        about::process(line, owner, &connection.owner_comm, *identity, clock);
    }
    about::netns(line, connection.netns);
    line.put("network.transport", "tcp");
    line.put("network.type", if connection.peer.is_ipv4() { "ipv4" } else { "ipv6" });
    about::endpoint(line, ["network.local.address", "network.local.port"], connection.local);
    about::endpoint(line, ["network.peer.address", "network.peer.port"], connection.peer);
    line.known("tracer.role", connection.role.map(Role::name));
    about::server(line, connection.destination());

    line.put("tracer.open.cause", connection.open_cause.name());
    line.put("tracer.close.cause", close.cause.name());
    line.known("tracer.close.how", close.how.as_deref());
    line.put("tracer.close.initiator", close.initiator.name());
    line.known("tracer.close.pid", close.closer.map(|closer| closer.pid));
    line.known("tracer.close.rst", close.rst.map(Reset::name));
    line.known("tracer.close.rst_reason", close.rst_reason.as_deref());
    line.known("tracer.close.errno", close.errno);
    line.put("tracer.close.after_peer_fin", close.after_peer_fin);
    line.put("tracer.close.late_peer_data", close.late_peer_data);

    line.known("tracer.unread_bytes", close.unread_bytes);
    line.known("tracer.unacked_bytes", close.unacked_bytes);
    line.known("tracer.bytes_sent_after_peer_fin", close.sent_after_peer_fin);
    line.known("tracer.bytes_sent", connection.bytes_sent);
    line.known("tracer.bytes_received", connection.bytes_received);
    line.put("tracer.exchanges", connection.exchanges);
    line.put("tracer.exchanges_basis", connection.exchanges_basis.name());
    line.put("tracer.unanswered", connection.unanswered);
    line.number("tracer.connect_s", connection.connect_s());
    line.number("tracer.duration_s", connection.duration_s());
    line.number("tracer.idle_before_close_s", close.idle_s);
    line.number("tracer.srtt_s", connection.srtt_s);
    line.known("tracer.retransmits", connection.retransmits);
    line.known("tracer.socket_cookie", connection.cookie);
    line.put("tracer.start_known", connection.start_known());
}

#[cfg(test)]
mod tests {
    use crate::connection::{Close, CloseCause, Connection, Phase, Role};
    use crate::sink::json::tests::read;
    use crate::sink::{Ended, Item, testing};

    fn line(connection: &Connection) -> serde_json::Value {
        let identity = testing::identity();
        let ended = Ended::new(connection, Some(&identity)).unwrap();
        read(&Item::Connection(ended))
    }

    #[test]
    fn a_closed_connection_is_this_line() {
        let expected = concat!(
            r#"{"timestamp":"2023-11-14T22:13:21.500340000Z","schema_version":1,"#,
            r#""event.name":"tracer.connection.closed","host.name":"web-1","#,
            r#""process.pid":4711,"process.creation.time":"2023-11-14T22:13:20.000000001Z","#,
            r#""process.executable.name":"checkout","process.executable.path":"/srv/bin/checkout","#,
            r#""process.runtime.name":"go","process.runtime.version":"1.22.5","#,
            r#""process.linux.cgroup":"/system.slice/checkout.service","tracer.netns":4026531840,"#,
            r#""network.transport":"tcp","network.type":"ipv4","#,
            r#""network.local.address":"10.0.0.5","network.local.port":41234,"#,
            r#""network.peer.address":"10.0.3.7","network.peer.port":8080,"tracer.role":"client","#,
            r#""server.address":"10.0.3.7","server.port":8080,"#,
            r#""tracer.open.cause":"after_local_close","tracer.close.cause":"local_close","#,
            r#""tracer.close.how":"close","tracer.close.initiator":"local","tracer.close.pid":4711,"#,
            r#""tracer.close.after_peer_fin":false,"tracer.close.late_peer_data":false,"#,
            r#""tracer.bytes_sent":120,"tracer.bytes_received":1300000,"tracer.exchanges":1,"#,
            r#""tracer.exchanges_basis":"measured","tracer.unanswered":false,"#,
            r#""tracer.connect_s":0.00021,"tracer.duration_s":0.00534,"#,
            r#""tracer.idle_before_close_s":0.00034,"tracer.srtt_s":0.0002,"tracer.retransmits":0,"#,
            r#""tracer.socket_cookie":4107,"tracer.start_known":true}"#,
        );
        assert_eq!(line(&testing::closed_connection()).to_string(), expected);
    }

    #[test]
    fn a_failed_dial_has_no_connect_time_and_no_local_address() {
        let close = Close { cause: CloseCause::ConnectNoRoute, ..testing::close() };
        let line = line(&Connection {
            local: "0.0.0.0:0".parse().unwrap(),
            established_ns: None,
            phase: Phase::Closed(close),
            ..testing::closed_connection()
        });
        for key in ["tracer.connect_s", "network.local.address", "network.local.port"] {
            assert!(line.get(key).is_none(), "{line}");
        }
        assert_eq!(line["tracer.close.cause"], "connect_no_route");
    }

    #[test]
    fn the_destination_of_a_server_is_itself() {
        let line = line(&Connection { role: Some(Role::Server), ..testing::closed_connection() });
        assert_eq!(
            (&line["server.address"], &line["server.port"]),
            (&"10.0.0.5".into(), &41234.into())
        );
    }

    #[test]
    fn a_connection_that_was_there_before_us_claims_no_times() {
        let line = line(&Connection {
            opened_ns: None,
            role: None,
            owner: None,
            ..testing::closed_connection()
        });
        for key in ["tracer.duration_s", "tracer.connect_s", "tracer.role", "process.pid"] {
            assert!(line.get(key).is_none(), "{line}");
        }
        assert_eq!(line["tracer.start_known"], false);
    }
}
