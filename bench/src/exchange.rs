//! `load exchange`: exchanges on connections that stay open.
//!
//! A client asks on all its connections, then takes all answers; its server goes through the same
//! connections in the same order. So as many exchanges are under way as there are connections, and
//! both sides only block.

use crate::answer::{LAST, MORE, ask, take, take_end};
use crate::cli::Exchange;
use crate::connections;
use crate::loopback::{address, listen, nth};
use crate::pace::Pace;
use crate::part::{self, Running};
use crate::report::{Errors, Report, print_line};
use anyhow::{Context as _, Result, bail};
use serde_json::json;
use std::io;
use std::net::{TcpListener, TcpStream};
use std::thread;
use std::time::Instant;

#[derive(Default)]
struct Count {
    connections: u64,
    exchanges: u64,
    errors: Errors,
}

pub(crate) fn main(options: &Exchange, port: u16) -> Result<()> {
    connections::allow(options.connections.into())?;
    let threads = options.threads.min(options.connections);
    let payload = options.payload.to_string();
    let mut servers = Running::start(&["exchange-server", &threads.to_string(), &payload], port)?;
    let ports = servers.numbers()?;
    let mut report = Report::begin("exchange");
    let deadline = Instant::now() + options.seconds;
    let mut all = Count::default();
    thread::scope(|scope| {
        let clients: Vec<_> = ports
            .iter()
            .zip(0..)
            .map(|(&port, number)| {
                let more = u16::from(number < options.connections % threads);
                let share = options.connections / threads + more;
                scope.spawn(move || {
                    let mut pace = Pace::new(deadline, options.rate, options.connections);
                    client(port, share, &mut pace, options.payload)
                })
            })
            .collect();
        for client in clients {
            let Ok(count) = client.join() else { bail!("a client panicked, see above") };
            all.connections += count.connections;
            all.exchanges += count.exchanges;
            all.errors.join(count.errors);
        }
        Ok(())
    })?;
    report.stop_clock();
    let served = servers.finish()?;
    report.set("connections", all.connections);
    report.set("exchanges", all.exchanges);
    report.set("errors", all.errors.json());
    report.set("server", served);
    report.set("threads", threads);
    report.set("payload", options.payload);
    report.print()
}

/// A step of `pace` is one exchange on each connection.
fn client(port: u16, share: u16, pace: &mut Pace, payload: u32) -> Count {
    let mut count = Count::default();
    let mut buffer = vec![0; payload as usize];
    if let Err(error) = rounds(port, share, pace, &mut buffer, &mut count) {
        count.errors.add(&error);
    }
    count
}

fn rounds(
    port: u16,
    share: u16,
    pace: &mut Pace,
    buffer: &mut [u8],
    count: &mut Count,
) -> io::Result<()> {
    let mut streams = Vec::new();
    for _ in 0..share {
        streams.push(TcpStream::connect(address(0, port))?);
        count.connections += 1;
    }
    loop {
        let last = !pace.wait();
        // The server learns by it how many connections there are: the last one says so.
        for (stream, left) in streams.iter().zip((0..streams.len()).rev()) {
            buffer[0] = if left == 0 { LAST } else { MORE };
            ask(stream, buffer)?;
        }
        for stream in &streams {
            take(stream, buffer)?;
            count.exchanges += 1;
        }
        if last {
            return Ok(());
        }
    }
}

/// The part of the servers.
pub(crate) fn serve(threads: u16, payload: u32, port: u16) -> Result<()> {
    connections::allow(4_096)?;
    let listeners =
        (0..threads).map(|number| listen(nth(port, number))).collect::<Result<Vec<_>>>()?;
    let ports = listeners.iter().map(|listener| Ok(listener.local_addr()?.port()));
    let ports = ports.collect::<Result<Vec<_>>>()?;
    let servers: Vec<_> = listeners
        .into_iter()
        .map(|listener| thread::spawn(move || server(&listener, payload)))
        .collect();
    part::ready(&ports)?;
    part::wait_for_end()?;
    let mut all = Count::default();
    for server in servers {
        let count = server.join().ok().context("a server panicked, see above")?;
        all.connections += count.connections;
        all.exchanges += count.exchanges;
        all.errors.join(count.errors);
    }
    let Count { connections, exchanges, errors } = all;
    let errors = errors.json();
    print_line(
        &json!({ "connections": connections, "exchanges": exchanges, "errors": errors })
            .to_string(),
    )
}

fn server(listener: &TcpListener, payload: u32) -> Count {
    let mut count = Count::default();
    let mut buffer = vec![0; payload as usize];
    if let Err(error) = answers(listener, &mut buffer, &mut count) {
        count.errors.add(&error);
    }
    count
}

fn answers(listener: &TcpListener, buffer: &mut [u8], count: &mut Count) -> io::Result<()> {
    let mut streams = Vec::new();
    // The first round, in which connections come one by one.
    loop {
        let (stream, _) = listener.accept()?;
        count.connections += 1;
        take(&stream, buffer)?;
        ask(&stream, buffer)?;
        count.exchanges += 1;
        streams.push(stream);
        if buffer[0] == LAST {
            break;
        }
    }
    loop {
        for (stream, number) in streams.iter().zip(0..) {
            match take(stream, buffer) {
                // The client has ended, which it does between rounds.
                Err(error) if number == 0 && error.kind() == io::ErrorKind::UnexpectedEof => {
                    return streams.iter().skip(1).try_for_each(take_end);
                }
                other => other?,
            }
            ask(stream, buffer)?;
            count.exchanges += 1;
        }
    }
}
