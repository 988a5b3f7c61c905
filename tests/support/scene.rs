//! One scripted connection under the tracer: both of its records, after what every record owes.

use std::net::{IpAddr, Ipv4Addr, TcpStream};
use std::process;

use serde_json::Value;

use super::report::{int, real, text};
use super::tracer::Tracer;
use super::{peer, wait};

/// 127.0.0.1.
pub(crate) const LOOPBACK: IpAddr = IpAddr::V4(Ipv4Addr::LOCALHOST);

/// The two records of one connection.
pub(crate) struct Records {
    /// The dialler's.
    pub(crate) client: Value,
    /// The acceptor's.
    pub(crate) server: Value,
}

/// Runs `script` on both ends of a connection that has carried one exchange. The script ends both.
pub(crate) fn play(script: impl FnOnce(TcpStream, TcpStream)) -> Records {
    play_between(LOOPBACK, LOOPBACK, script)
}

/// The same with addresses of choice.
pub(crate) fn play_between(
    listen: IpAddr,
    dial: IpAddr,
    script: impl FnOnce(TcpStream, TcpStream),
) -> Records {
    let tracer = Tracer::start();
    let (client, server) = peer::pair(listen, dial);
    let port = server.local_addr().expect("server address").port();
    let ephemeral = client.local_addr().expect("client address").port();
    script(client, server);
    wait::quiet(port);
    let report = tracer.finish();

    let (dialled, accepted) = (report.dialled(port), report.accepted(port));
    assert_eq!((dialled.len(), accepted.len()), (1, 1), "one record a side");
    let (client, server) = (dialled[0].clone(), accepted[0].clone());
    for (record, local, peer) in [(&client, ephemeral, port), (&server, port, ephemeral)] {
        assert_eq!(int(record, "process.pid"), u64::from(process::id()), "{record}");
        assert_eq!(int(record, "network.local.port"), u64::from(local), "{record}");
        assert_eq!(int(record, "network.peer.port"), u64::from(peer), "{record}");
        assert_eq!(int(record, "tracer.exchanges"), 1, "{record}");
        assert_eq!(text(record, "tracer.exchanges_basis"), "measured", "{record}");
        assert_eq!(record["tracer.start_known"], true, "{record}");
        assert!(real(record, "tracer.duration_s") > 0.0, "{record}");
    }
    assert!(real(&client, "tracer.connect_s") > 0.0, "{client}");
    assert!(server.get("tracer.connect_s").is_none(), "accepting dials nothing: {server}");
    assert!(!text(&client, "tracer.open.cause").is_empty(), "{client}");
    assert_eq!(text(&server, "tracer.open.cause"), "accept");
    Records { client, server }
}

/// Asserts cause, initiator and direction of the reset of one record.
#[track_caller]
pub(crate) fn ended(record: &Value, cause: &str, initiator: &str, rst: &str) {
    let told = ["tracer.close.cause", "tracer.close.initiator"].map(|key| text(record, key));
    assert_eq!(told, [cause, initiator], "{record}");
    let told = record.get("tracer.close.rst").map_or("absent", |rst| rst.as_str().unwrap_or("?"));
    assert_eq!(told, rst, "{record}");
}
