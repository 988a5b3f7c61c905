//! The report of one observation. Owns copies of what it is told until the end, because the
//! findings, told last, are printed first.

use std::io;

use super::layout::Paint;
use super::seen::Seen;
use super::{Explain, Look, checked, findings, header, peers, totals};
use crate::aggregate::{Key, PeerTotals, Totals};
use crate::connection::seconds;
use crate::detect::{Finding, NotEnough};
use crate::process::Identity;
use crate::sink::{Health, Item, Origin, Sink};

/// Totals of one key.
#[derive(Debug)]
pub(super) struct Row {
    pub(super) key: Key,
    pub(super) totals: Totals,
    pub(super) identity: Option<Identity>,
}

/// Prints the report when it is finished. Ended connections are not listed: their totals are.
#[derive(Debug)]
pub struct Table<W> {
    out: W,
    look: Look,
    origin: Origin,
    began_ns: Option<u64>,
    window_s: Option<f64>,
    health: Option<Health>,
    rows: Vec<Row>,
    peers: Vec<PeerTotals>,
    findings: Vec<(Finding, Option<Identity>)>,
    lacks: Vec<(NotEnough, Option<Identity>)>,
}

impl<W: io::Write> Table<W> {
    /// Of everything observed at `origin`.
    pub const fn new(out: W, origin: Origin, look: Look) -> Self {
        Self {
            out,
            look,
            origin,
            began_ns: None,
            window_s: None,
            health: None,
            rows: Vec::new(),
            peers: Vec::new(),
            findings: Vec::new(),
            lacks: Vec::new(),
        }
    }

    /// Length of the observation: the window of the totals, else the time between health items.
    fn observed_s(&self) -> Option<f64> {
        let health = self.health.as_ref()?;
        self.window_s.or_else(|| Some(seconds(self.began_ns?, health.at_ns)))
    }

    const fn explains(&self) -> bool {
        match self.look.explain {
            Explain::Never => false,
            Explain::WithoutFinding => self.findings.is_empty(),
            Explain::Always => true,
        }
    }

    /// Rows that nothing was said of yet.
    fn unnamed(&self) -> Vec<&Row> {
        let found = self.findings.iter().map(|(finding, _)| &finding.key);
        let named: Vec<_> = found.chain(self.lacks.iter().map(|(lack, _)| &lack.key)).collect();
        self.rows.iter().filter(|row| !named.contains(&&row.key)).collect()
    }

    fn text(&self) -> String {
        let paint = Paint { on: self.look.colour };
        let seen = Seen { almost: !self.lacks.is_empty(), ..Seen::of(&self.rows) };
        let complete = self.health.as_ref().is_some_and(Health::is_complete);
        let mut text = String::new();
        if let Some(health) = &self.health {
            text +=
                &header::observed(health, &self.origin, self.observed_s(), &seen, self.look.width);
            text += &header::missing(health, self.look.width, paint);
            text += &header::not_attached(health, self.look.width, paint);
            text += &header::reader(health, self.look.width, paint);
            text += &header::looks(health, self.look.width, paint);
        }
        text.push('\n');
        if self.findings.is_empty() {
            text += &findings::none(&seen, self.observed_s(), complete, self.look.width, paint);
        } else {
            text += &findings::all(&self.findings, &self.origin, self.look.width, paint);
        }
        if self.explains() {
            text += &checked::not_enough(&self.lacks, self.look, paint);
            text += &checked::rest(&self.unnamed(), complete, self.look, paint);
        }
        if !self.rows.is_empty() {
            text.push('\n');
            text += &totals::table(&self.rows, self.look, paint);
        }
        text += &peers::sections(&self.peers, self.look, paint);
        text
    }
}

impl<W: io::Write> Sink for Table<W> {
    fn write(&mut self, item: &Item<'_>) -> io::Result<()> {
        match item {
            Item::Health(health) => {
                self.began_ns.get_or_insert(health.at_ns);
                self.health = Some((*health).clone());
            }
            Item::Summary(summary) => {
                self.window_s = Some(self.window_s.unwrap_or(0.0).max(summary.window_s));
                self.rows.push(Row {
                    key: summary.key.clone(),
                    totals: summary.totals.clone(),
                    identity: summary.identity.cloned(),
                });
            }
            Item::Peer(summary) => self.peers.push(summary.peer.clone()),
            Item::Finding(verdict) => {
                self.findings.push((verdict.finding.clone(), verdict.identity.cloned()));
            }
            Item::NotEnough(not_enough) => {
                self.lacks.push((not_enough.lack.clone(), not_enough.identity.cloned()));
            }
            Item::Connection(_) => {}
        }
        Ok(())
    }

    fn flush(&mut self) -> io::Result<()> {
        self.out.flush()
    }

    fn finish(&mut self) -> io::Result<()> {
        let text = self.text();
        self.out.write_all(text.as_bytes())?;
        self.out.flush()
    }
}

#[cfg(test)]
#[path = "report_tests.rs"]
mod tests;
