//! `tracer watch`: one line per ended connection, in fixed columns, as it ends.

use std::io;

use super::escape::escape;
use super::layout::{BOLD, Paint, Side, YELLOW, pad};
use super::{Look, findings, header, human, whom};
use crate::connection::Basis;
use crate::sink::{Ended, Item, Origin, Sink};

/// Heading, cells and side of each column. The destination is last, so that an IPv6 one of 47
/// cells moves nothing.
const COLUMNS: [(&str, usize, Side); 12] = [
    ("TIME (UTC)", 12, Side::Left),
    ("PID", 7, Side::Right),
    ("PROCESS", 15, Side::Left),
    ("ROLE", 6, Side::Left),
    ("LIVED", 9, Side::Right),
    ("EXCH", 6, Side::Right),
    ("IDLE", 9, Side::Right),
    ("SENT", 8, Side::Right),
    ("RECEIVED", 8, Side::Right),
    ("CAUSE", 22, Side::Left),
    ("BY", 12, Side::Left),
    ("DESTINATION", 0, Side::Left),
];

/// Prints ended connections, findings as one line each, and losses when they grow. Totals are not
/// part of it.
#[derive(Debug)]
pub struct Watch<W> {
    out: W,
    look: Look,
    origin: Origin,
    begun: bool,
    missing: String,
}

impl<W: io::Write> Watch<W> {
    /// Of everything observed at `origin`.
    pub const fn new(out: W, origin: Origin, look: Look) -> Self {
        Self { out, look, origin, begun: false, missing: String::new() }
    }

    const fn paint(&self) -> Paint {
        Paint { on: self.look.colour }
    }

    fn heading(&mut self) -> io::Result<()> {
        if std::mem::replace(&mut self.begun, true) {
            return Ok(());
        }
        let heading =
            self.paint().paint(BOLD, &columns(&COLUMNS.map(|(name, ..)| name.to_owned())));
        writeln!(self.out, "{heading}")
    }

    fn line(&self, ended: &Ended<'_>) -> String {
        let Ended { connection, close, identity } = ended;
        let unknown = || "?".to_owned();
        let comm = identity.map_or(connection.owner_comm.as_str(), |identity| &identity.comm);
        let bound = if connection.exchanges_basis == Basis::Bound { "≤" } else { "" };
        let cells = [
            self.origin.clock.time_of_day(close.at_ns),
            connection.owner.map_or_else(unknown, |owner| owner.pid.to_string()),
            if comm.is_empty() { unknown() } else { escape(comm) },
            whom::role(connection.role).to_owned(),
            connection.duration_s().map_or_else(unknown, human::duration),
            format!("{bound}{}", human::count(connection.exchanges.into())),
            close.idle_s.map_or_else(unknown, human::duration),
            connection.bytes_sent.map_or_else(unknown, human::bytes),
            connection.bytes_received.map_or_else(unknown, human::bytes),
            close.cause.name().to_owned(),
            close.how.as_deref().map_or_else(|| close.initiator.name().to_owned(), escape),
            connection.destination().to_string(),
        ];
        let line = columns(&cells);
        if close.cause.is_failed_dial() || close.rst.is_some() {
            return line.replacen(
                close.cause.name(),
                &self.paint().paint(YELLOW, close.cause.name()),
                1,
            );
        }
        line
    }
}

impl<W: io::Write> Sink for Watch<W> {
    fn write(&mut self, item: &Item<'_>) -> io::Result<()> {
        match item {
            Item::Connection(ended) => {
                self.heading()?;
                let line = self.line(ended);
                writeln!(self.out, "{line}")
            }
            Item::Health(health) => {
                let missing = header::missing(health, self.look.width, self.paint());
                if missing != self.missing {
                    self.out.write_all(missing.as_bytes())?;
                    self.missing = missing;
                }
                Ok(())
            }
            Item::Finding(verdict) => {
                let finding = verdict.finding;
                let state = verdict.state.map(|state| format!("{} ", state.name()));
                let style = findings::style(finding.severity);
                let severity = self.paint().paint(style, finding.severity.name());
                let whom = whom::full(
                    &finding.key.who,
                    finding.processes,
                    verdict.identity,
                    finding.runtime.as_ref(),
                );
                let (code, summary) = (finding.code.name(), escape(&finding.summary));
                writeln!(
                    self.out,
                    "{severity} {code}  {}{whom} {}: {summary}",
                    state.unwrap_or_default(),
                    whom::towards(&finding.key)
                )
            }
            Item::Summary(_) | Item::Peer(_) | Item::NotEnough(_) => Ok(()),
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        self.out.flush()
    }
}

fn columns(cells: &[String; COLUMNS.len()]) -> String {
    let cells = cells.iter().zip(COLUMNS);
    let cells = cells.map(|(cell, (_, width, side))| pad(cell, width, side));
    cells.collect::<Vec<_>>().join("  ").trim_end().to_owned()
}

#[cfg(test)]
#[path = "watch_tests.rs"]
mod tests;
