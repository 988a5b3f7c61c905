//! `load faults`: a mix of healthy connections and of those that fail, in a random order that a seed
//! repeats. It counts by kind how many sockets dialled, which is what there is to be told of them.
//!
//! Every connection has an exchange before it ends its way, so that its server has accepted it.
//! Those that wait in a full backlog have none: `unaccepted` are the sockets of the other end.

mod child;
mod client;
mod server;
mod timeouts;

use crate::cli::Faults;
use crate::loopback::nth;
use crate::pace::Pace;
use crate::part::Running;
use crate::report::{Errors, Report};
use anyhow::{Result, bail};
pub(crate) use child::{be_killed, dial_once};
use client::{Client, Kind};
use fastrand::Rng;
pub(crate) use server::serve;
use std::time::Instant;
use timeouts::Timeouts;

/// First byte of a request: answer, and expect another request or the end.
const STAY: u8 = 0;
/// Answer and close.
const CLOSE: u8 = 1;
/// Answer when the client has shut down its side, and close.
const ANSWER_AT_END: u8 = 2;
/// Ports behind those of the server over IPv4 and IPv6: where nobody listens, and where nobody accepts.
const NOBODY: u16 = 2;
const FULL: u16 = 3;
/// Bytes of a request and of an answer.
const SIZE: usize = 16;

pub(crate) fn main(options: &Faults, first_port: u16) -> Result<()> {
    let mut server = Running::start(&["faults-server"], first_port)?;
    let [port, port6] = server.numbers()?[..] else { bail!("the server told no two ports") };
    let mut report = Report::begin("faults");
    let deadline = Instant::now() + options.seconds;
    let mut pace = Pace::new(deadline, Some(options.rate), 1);
    let mut random = Rng::with_seed(options.seed);
    let mut errors = Errors::default();
    let mut client = Client::new((port, port6), nth(first_port, NOBODY))?;
    let mut timeouts = Timeouts::new(nth(first_port, FULL))?;
    while pace.wait() {
        let kind = Kind::any(&mut random);
        let done = match kind {
            Kind::DialTimeout => timeouts.dial(),
            kind => client.play(kind, &mut random),
        };
        if let Err(error) = done {
            errors.add(&error);
        }
        client.end_what_is_due();
        timeouts.look(&mut errors);
    }
    let mut kinds = client.finish();
    let ends = timeouts.finish(&mut errors);
    kinds.insert(Kind::DialTimeout.name(), ends.dialled);
    kinds.insert("backlog", 1);
    report.stop_clock();
    let accepted = server.finish()?;
    report.set("dialled", kinds.values().sum::<u64>());
    report.set("accepted", accepted["connections"].clone());
    report.set("unaccepted", 1);
    report.set("kinds", serde_json::json!(kinds));
    report.set("timed_out", ends.timed_out);
    report.set("given_up", ends.given_up);
    report.set("errors", errors.json());
    report.set("server", accepted);
    report.set("seed", options.seed);
    report.print()
}
