//! Both ends of a connection: the client is the source, the server the destination. Where it is not
//! known which is which, our keys stay as they are.

use super::line::Line;
use super::object::{Object, word};

/// One end, by its keys.
#[derive(Clone, Copy)]
struct End {
    address: &'static str,
    port: &'static str,
}

const LOCAL: End = End { address: "network.local.address", port: "network.local.port" };
const PEER: End = End { address: "network.peer.address", port: "network.peer.port" };
const SERVER: End = End { address: "server.address", port: "server.port" };

/// Names of the fields of an end: address, the same as an IP address, port.
type Names = [&'static str; 3];
const SOURCE: Names = ["source.address", "source.ip", "source.port"];
const CLIENT: Names = ["client.address", "client.ip", "client.port"];
const DESTINATION: Names = ["destination.address", "destination.ip", "destination.port"];
const SERVED: Names = ["server.address", "server.ip", "server.port"];

/// Who is which.
pub(super) struct Ends {
    /// Which of them we are.
    is_client: Option<bool>,
}

impl Ends {
    pub(super) fn of(line: &Line<'_>, event: &str) -> Self {
        let is_client = match (line.text("tracer.role").as_deref(), event) {
            (Some("client"), _) => Some(true),
            // Totals of a peer are the server's view.
            (Some("server"), _) | (None, "tracer.peer") => Some(false),
            _ => None,
        };
        Self { is_client }
    }

    /// Whether what a key says is said by the fields of the ends.
    pub(super) fn has(&self, key: &str) -> bool {
        let mut keys = [LOCAL, PEER, SERVER].into_iter().flat_map(|end| [end.address, end.port]);
        self.is_client.is_some() && keys.any(|of_ends| of_ends == key)
    }

    pub(super) fn put<'a>(&self, document: &mut Object<'a>, line: &Line<'a>) {
        related(document, line);
        let bytes = ["tracer.bytes_sent", "tracer.bytes_received"];
        if let [Some(sent), Some(received)] = bytes.map(|key| line.number::<u64>(key))
            && let Some(all) = sent.checked_add(received)
        {
            document.put("network.bytes", all.to_string());
        }
        if line.get("network.transport").is_some() {
            document.put("network.iana_number", word!("6"));
        }
        let Some(is_client) = self.is_client else { return };
        let direction = if is_client { word!("egress") } else { word!("ingress") };
        document.put("network.direction", direction);
        let [sent, received] = bytes;
        let (client, server, [from_client, from_server]) = if is_client {
            (LOCAL, PEER, [sent, received])
        } else {
            (PEER, LOCAL, [received, sent])
        };
        // Totals have the server only, whichever end it is.
        let destination = if line.get(server.address).is_some() { server } else { SERVER };
        let mut copy = |field, key: &str| {
            if let Some(value) = line.get(key) {
                document.put(field, value);
            }
        };
        for ([address, ip, port], end) in
            [(SOURCE, client), (CLIENT, client), (DESTINATION, destination), (SERVED, SERVER)]
        {
            copy(address, end.address);
            copy(ip, end.address);
            copy(port, end.port);
        }
        copy("source.bytes", from_client);
        copy("destination.bytes", from_server);
    }
}

/// All addresses of a line, each once.
fn related<'a>(document: &mut Object<'a>, line: &Line<'a>) {
    let mut addresses: Vec<&str> = Vec::with_capacity(3);
    for end in [LOCAL, PEER, SERVER] {
        let known = line.get(end.address).filter(|address| !addresses.contains(address));
        addresses.extend(known);
    }
    if !addresses.is_empty() {
        document.put("related.ip", format!("[{}]", addresses.join(",")));
    }
}
