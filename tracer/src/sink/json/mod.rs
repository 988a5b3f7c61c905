//! JSON lines, as `docs/output.md` documents and `docs/schema.json` defines them.
//!
//! One object per line, flat dotted keys in a stable order, absent when unknown. It must not round
//! or humanise anything, and must not emit command lines: arguments hold secrets.

mod about;
mod connection;
mod finding;
mod health;
mod line;
mod not_enough;
mod owners;
mod peer;
#[cfg(test)]
pub(crate) mod schema;
mod summary;

use std::io;

use super::{Ended, Item, Origin, Sink};
use crate::clock::{Clock, Stamps};
use line::Line;
use owners::Owners;

/// Version of the contract; raised only if a key changes its meaning or goes away.
pub const SCHEMA_VERSION: u32 = 1;

/// Writes one JSON object per item. Each line reaches the writer in one piece.
#[derive(Debug)]
pub struct Json<W> {
    out: W,
    origin: Origin,
    buffer: Vec<u8>,
    connections: Connections,
}

impl<W: io::Write> Json<W> {
    /// Of everything observed at `origin`.
    pub fn new(out: W, origin: Origin) -> Self {
        let connections = Connections::of(&origin);
        Self { out, origin, buffer: Vec::new(), connections }
    }

    /// Times are by this clock from now on.
    pub fn set_clock(&mut self, clock: Clock) {
        self.origin.clock = clock;
        self.connections = Connections::of(&self.origin);
    }

    /// What it writes to.
    pub fn out(&mut self) -> &mut W {
        &mut self.out
    }
}

impl<W: io::Write> Sink for Json<W> {
    fn write(&mut self, item: &Item<'_>) -> io::Result<()> {
        let text = std::mem::take(&mut self.buffer);
        self.buffer = match item {
            Item::Connection(ended) => self.connections.line_of(ended, text)?,
            _ => line_of(item, &self.origin, text)?,
        };
        self.out.write_all(&self.buffer)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.out.flush()
    }
}

/// The lines of ended connections, which are many: keeps of them what the next one says again.
#[derive(Debug)]
struct Connections {
    stamps: Stamps,
    /// The common keys behind the time.
    common: Vec<u8>,
    owners: Owners,
}

impl Connections {
    fn of(origin: &Origin) -> Self {
        let mut common = Line::of_part();
        put_common(&mut common, "tracer.connection.closed", origin);
        Self {
            stamps: origin.clock.stamps(),
            // Numbers and text, of which JSON has all.
            common: common.into_part().unwrap_or_default(),
            owners: Owners::new(origin.clock),
        }
    }

    /// As [`line_of`].
    fn line_of(&mut self, ended: &Ended<'_>, text: Vec<u8>) -> serde_json::Result<Vec<u8>> {
        let mut line = Line::on(text);
        line.stamp("timestamp", &mut self.stamps, ended.close.at_ns);
        line.part(&self.common);
        connection::put(&mut line, ended, &mut self.owners)?;
        line.finish()
    }
}

/// What every line says behind its time.
fn put_common(line: &mut Line, event: &'static str, origin: &Origin) {
    line.put("schema_version", SCHEMA_VERSION);
    line.put("event.name", event);
    line.put("host.name", origin.host.as_str());
}

/// The line of an item, in place of what `text` held.
fn line_of(item: &Item<'_>, origin: &Origin, text: Vec<u8>) -> serde_json::Result<Vec<u8>> {
    let (event, at_ns) = match item {
        Item::Connection(ended) => return Connections::of(origin).line_of(ended, text),
        Item::Health(health) => ("tracer.health", health.at_ns),
        Item::Summary(summary) => ("tracer.summary", summary.at_ns),
        Item::Peer(summary) => ("tracer.peer", summary.at_ns),
        Item::Finding(verdict) => ("tracer.finding", verdict.at_ns),
        Item::NotEnough(not_enough) => ("tracer.not_enough", not_enough.at_ns),
    };
    let mut line = Line::on(text);
    line.put("timestamp", origin.clock.timestamp(at_ns));
    put_common(&mut line, event, origin);
    match item {
        Item::Connection(_) => {}
        Item::Health(health) => health::put(&mut line, health),
        Item::Summary(summary) => summary::put(&mut line, summary, &origin.clock),
        Item::Peer(summary) => peer::put(&mut line, summary),
        Item::Finding(verdict) => finding::put(&mut line, verdict, &origin.clock),
        Item::NotEnough(not_enough) => not_enough::put(&mut line, not_enough, &origin.clock),
    }
    line.finish()
}

#[cfg(test)]
mod tests {
    use std::io::Write;

    use super::*;
    use crate::sink::testing;

    /// What a reader of the line gets.
    pub(super) fn read(item: &Item<'_>) -> serde_json::Value {
        let text = line_of(item, &testing::origin(), Vec::new()).unwrap();
        serde_json::from_slice(&text).unwrap()
    }

    #[test]
    fn each_item_is_one_line() {
        let mut out = Vec::new();
        let mut sink = Json::new(&mut out, testing::origin());
        sink.write(&Item::Health(&testing::health())).unwrap();
        sink.write(&Item::Health(&testing::health())).unwrap();
        sink.finish().unwrap();
        let text = String::from_utf8(out).unwrap();
        assert_eq!(text.lines().count(), 2);
        assert!(text.ends_with("}\n"), "{text}");
    }

    #[test]
    fn a_reader_that_left_is_a_broken_pipe() {
        struct Left;
        impl Write for Left {
            fn write(&mut self, _: &[u8]) -> io::Result<usize> {
                Err(io::ErrorKind::BrokenPipe.into())
            }
            fn flush(&mut self) -> io::Result<()> {
                Ok(())
            }
        }
        let error = Json::new(Left, testing::origin()).write(&Item::Health(&testing::health()));
        assert_eq!(error.unwrap_err().kind(), io::ErrorKind::BrokenPipe);
    }

    #[test]
    fn every_line_begins_with_the_common_keys_in_order() {
        let line = read(&Item::Health(&testing::health()));
        let keys: Vec<_> = line.as_object().unwrap().keys().take(4).collect();
        assert_eq!(keys, ["timestamp", "schema_version", "event.name", "host.name"]);
        assert_eq!(line["timestamp"], "2023-11-14T22:13:25.000000000Z");
    }
}
