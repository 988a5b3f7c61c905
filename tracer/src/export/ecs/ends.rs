//! Both ends of a connection: the client is the source, the server the destination. Where it is not
//! known which is which, our keys stay as they are.

use serde_json::{Value, json};

use super::{Document, Fields, text};

/// One end, by its keys.
#[derive(Clone, Copy)]
struct End {
    address: &'static str,
    port: &'static str,
}

const LOCAL: End = End { address: "network.local.address", port: "network.local.port" };
const PEER: End = End { address: "network.peer.address", port: "network.peer.port" };
const SERVER: End = End { address: "server.address", port: "server.port" };

/// Who is which.
pub(super) struct Ends {
    /// Which of them we are.
    is_client: Option<bool>,
}

impl Ends {
    pub(super) fn of(line: &Fields) -> Self {
        let is_client = match (text(line, "tracer.role"), text(line, "event.name")) {
            (Some("client"), _) => Some(true),
            // Totals of a peer are the server's view.
            (Some("server"), _) | (None, Some("tracer.peer")) => Some(false),
            _ => None,
        };
        Self { is_client }
    }

    /// Whether what a key says is said by the fields of the ends.
    pub(super) fn has(&self, key: &str) -> bool {
        let mut keys = [LOCAL, PEER, SERVER].into_iter().flat_map(|end| [end.address, end.port]);
        self.is_client.is_some() && keys.any(|of_ends| of_ends == key)
    }

    pub(super) fn put(&self, document: &mut Document, line: &Fields) {
        let mut related: Vec<&Value> = Vec::new();
        for end in [LOCAL, PEER, SERVER] {
            let known = line.get(end.address).filter(|address| !related.contains(address));
            related.extend(known);
        }
        if !related.is_empty() {
            document.put("related.ip", json!(related));
        }
        let [sent, received] = ["tracer.bytes_sent", "tracer.bytes_received"]
            .map(|key| line.get(key).and_then(Value::as_u64));
        if let Some(all) =
            sent.zip(received).and_then(|(sent, received)| sent.checked_add(received))
        {
            document.put("network.bytes", all.into());
        }
        if line.contains_key("network.transport") {
            document.put("network.iana_number", "6".into());
        }
        let Some(is_client) = self.is_client else { return };
        document.put("network.direction", if is_client { "egress" } else { "ingress" }.into());
        let (client, server, bytes) = if is_client {
            (LOCAL, PEER, [sent, received])
        } else {
            (PEER, LOCAL, [received, sent])
        };
        // Totals have the server only, whichever end it is.
        let destination = if line.contains_key(server.address) { server } else { SERVER };
        let names = [
            ("source", client),
            ("client", client),
            ("destination", destination),
            ("server", SERVER),
        ];
        for (name, end) in names {
            document.copy(&format!("{name}.address"), line, end.address);
            document.copy(&format!("{name}.ip"), line, end.address);
            document.copy(&format!("{name}.port"), line, end.port);
        }
        for (name, bytes) in ["source.bytes", "destination.bytes"].into_iter().zip(bytes) {
            if let Some(bytes) = bytes {
                document.put(name, bytes.into());
            }
        }
    }
}
