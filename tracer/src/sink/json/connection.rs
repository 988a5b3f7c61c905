//! `tracer.connection.closed`: one ended connection or failed dial.

use std::net::SocketAddr;

use super::about;
use super::line::{Key, Line, key};
use super::owners::Owners;
use crate::sink::Ended;

/// What follows the keys that all lines begin with.
pub(super) fn put(
    line: &mut Line,
    ended: &Ended<'_>,
    owners: &mut Owners,
) -> serde_json::Result<()> {
    let Ended { connection, close, identity } = ended;
    if let Some(owner) = connection.owner {
        line.part(owners.part(owner, &connection.owner_comm, *identity)?);
    }
    about::netns(line, connection.netns);
    line.word(key!("network.transport"), "tcp");
    let is_v4 = connection.peer.is_ipv4();
    line.word(key!("network.type"), if is_v4 { "ipv4" } else { "ipv6" });
    let local = [key!("network.local.address"), key!("network.local.port")];
    let peer = [key!("network.peer.address"), key!("network.peer.port")];
    endpoint(line, local, connection.local);
    endpoint(line, peer, connection.peer);
    if let Some(role) = connection.role {
        line.word(key!("tracer.role"), role.name());
    }
    let server = [key!("server.address"), key!("server.port")];
    endpoint(line, server, connection.destination());

    line.word(key!("tracer.open.cause"), connection.open_cause.name());
    line.word(key!("tracer.close.cause"), close.cause.name());
    if let Some(how) = &close.how {
        line.string(key!("tracer.close.how"), how);
    }
    line.word(key!("tracer.close.initiator"), close.initiator.name());
    line.known_count(key!("tracer.close.pid"), close.closer.map(|closer| closer.pid));
    if let Some(rst) = close.rst {
        line.word(key!("tracer.close.rst"), rst.name());
    }
    if let Some(reason) = &close.rst_reason {
        line.string(key!("tracer.close.rst_reason"), reason);
    }
    line.known_count(key!("tracer.close.errno"), close.errno);
    line.truth(key!("tracer.close.after_peer_fin"), close.after_peer_fin);
    line.truth(key!("tracer.close.late_peer_data"), close.late_peer_data);

    line.known_count(key!("tracer.unread_bytes"), close.unread_bytes);
    line.known_count(key!("tracer.unacked_bytes"), close.unacked_bytes);
    line.known_count(key!("tracer.bytes_sent_after_peer_fin"), close.sent_after_peer_fin);
    line.known_count(key!("tracer.bytes_sent"), connection.bytes_sent);
    line.known_count(key!("tracer.bytes_received"), connection.bytes_received);
    line.count(key!("tracer.exchanges"), connection.exchanges);
    line.word(key!("tracer.exchanges_basis"), connection.exchanges_basis.name());
    line.truth(key!("tracer.unanswered"), connection.unanswered);
    line.real(key!("tracer.connect_s"), connection.connect_s());
    line.real(key!("tracer.duration_s"), connection.duration_s());
    line.real(key!("tracer.idle_before_close_s"), close.idle_s);
    line.real(key!("tracer.srtt_s"), connection.srtt_s);
    line.known_count(key!("tracer.retransmits"), connection.retransmits);
    line.known_count(key!("tracer.socket_cookie"), connection.cookie);
    line.truth(key!("tracer.start_known"), connection.start_known());
    Ok(())
}

/// As [`about::endpoint`].
fn endpoint(line: &mut Line, [address, port]: [Key; 2], of: SocketAddr) {
    if !of.ip().is_unspecified() {
        line.address(address, of.ip());
    }
    line.known_count(port, (of.port() != 0).then_some(of.port()));
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
