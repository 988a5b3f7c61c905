//! Lines to a collector, as log records. The queue before it is the only one: bytes are taken out of it
//! once the collector has their records, or has refused them for good. Between the two a collector may
//! have taken what it did not confirm, and gets it twice.

use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Instant, SystemTime, UNIX_EPOCH};

use opentelemetry_proto::tonic::resource::v1::Resource;

use super::super::super::outbox::Destination;
use super::answer::Answer;
use super::driver::Driver;
use super::outage::Outage;
use super::transport::Transport;
use crate::export::otlp;

/// What becomes of lines that are not taken.
const KEPT: &str =
    "lines wait in a queue of 8 MiB, and what does not fit is counted in tracer.lost";
const LOST: &str = "they are lost and counted in tracer.lost, as all that it will refuse";

/// A collector of logs.
#[derive(Debug)]
pub(super) struct Logs {
    driver: Arc<Driver>,
    transport: Transport,
    resource: Resource,
    outage: Outage,
    refused: Arc<AtomicU64>,
    /// Most bytes that were asked for at once.
    most: usize,
}

impl Logs {
    /// What is refused is counted in `refused`.
    pub(super) fn new(
        driver: Arc<Driver>,
        transport: Transport,
        resource: Resource,
        outage: Outage,
        refused: Arc<AtomicU64>,
    ) -> Self {
        Self { driver, transport, resource, outage, refused, most: 0 }
    }

    /// They are lost.
    fn refuse(&mut self, count: u64, why: &str) {
        self.refused.fetch_add(count, Ordering::Relaxed);
        self.outage.refuse(count, why, LOST);
    }
}

impl Destination for Logs {
    fn take(&mut self, lines: &[u8], at_once: usize) -> io::Result<usize> {
        // Less is asked for at once while somebody waits for it.
        let is_awaited = at_once < self.most;
        self.most = self.most.max(at_once);
        if !self.outage.is_due(Instant::now(), is_awaited) {
            return Err(io::ErrorKind::WouldBlock.into());
        }
        // A request takes as long as the way to the collector, however much is in it: all, whoever waits.
        let (records, unreadable) = records(lines, unix_ns());
        let count = records.len() as u64;
        let request = otlp::of_records(&self.resource, records);
        match self.driver.block_on(self.transport.send(request)) {
            Answer::Taken { refused, why } => {
                self.outage.succeed(Instant::now());
                if refused > 0 {
                    self.refuse(refused.min(count), &why);
                }
            }
            Answer::Refused(why) => {
                self.outage.succeed(Instant::now());
                self.refuse(count, &why);
            }
            Answer::Later { after, why } => {
                self.outage.fail(Instant::now(), after, &why, KEPT);
                return Err(io::ErrorKind::WouldBlock.into());
            }
        }
        if unreadable > 0 {
            self.refuse(unreadable, "they are no lines of ours");
        }
        Ok(lines.len())
    }
}

/// The record of each line, and how many lines are none.
fn records(lines: &[u8], observed_unix_ns: u64) -> (Vec<otlp::Record>, u64) {
    let mut unreadable = 0;
    let lines = lines.split(|byte| *byte == b'\n').filter(|line| !line.is_empty());
    let records = lines.filter_map(|line| {
        let fields = serde_json::from_slice(line).ok();
        unreadable += u64::from(fields.is_none());
        Some(otlp::of_line(&fields?, observed_unix_ns))
    });
    (records.collect(), unreadable)
}

/// Now, in nanoseconds since 1970.
pub(super) fn unix_ns() -> u64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    u64::try_from(since.as_nanos()).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests;
