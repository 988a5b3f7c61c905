//! `load churn`: connect, one exchange, close. The client closes first.
//!
//! Each client thread has a server thread, in another process, that goes through the connections in
//! the order of their dials: both only block, so that the load spends its time on connections, not
//! on finding out which is ready.

use crate::answer::{BATCH_END, LAST, MORE, ask, take, take_end};
use crate::cli::Churn;
use crate::loopback::{address, listen, nth};
use crate::pace::Pace;
use crate::part::{self, Running};
use crate::report::{Errors, Report, print_line};
use anyhow::{Context as _, Result, bail};
use serde_json::json;
use std::io;
use std::net::{TcpListener, TcpStream};
use std::sync::mpsc;
use std::thread;
use std::time::{Duration, Instant};

/// Most connections of a batch.
const BATCH: u32 = 16;

/// What one side counted.
#[derive(Default)]
struct Count {
    /// Connections opened, or accepted.
    connections: u64,
    exchanges: u64,
    errors: Errors,
}

impl Count {
    fn join(&mut self, other: Self) {
        self.connections += other.connections;
        self.exchanges += other.exchanges;
        self.errors.join(other.errors);
    }
}

pub(crate) fn main(options: &Churn, port: u16) -> Result<()> {
    let threads = options.threads.to_string();
    let payload = options.payload.to_string();
    let mut servers = Running::start(&["churn-server", &threads, &payload], port)?;
    let ports = servers.numbers()?;
    let mut report = Report::begin("churn");
    let deadline = Instant::now() + options.seconds;
    let count = thread::scope(|scope| {
        let clients: Vec<_> = ports
            .iter()
            .zip(0..)
            .map(|(&port, number)| scope.spawn(move || client(options, port, number, deadline)))
            .collect();
        let mut all = Count::default();
        for client in clients {
            let Ok(count) = client.join() else { bail!("a client panicked, see above") };
            all.join(count);
        }
        Ok(all)
    })?;
    report.stop_clock();
    let served = servers.finish()?;
    report.set("connections", count.connections);
    report.set("exchanges", count.exchanges);
    report.set("errors", count.errors.json());
    report.set("server", served);
    report.set("threads", options.threads);
    report.set("payload", options.payload);
    report.print()
}

fn client(options: &Churn, port: u16, number: u32, deadline: Instant) -> Count {
    let batch = batch(options);
    let rate = options.rate.map(|rate| rate.div_ceil(batch));
    let mut pace = Pace::new(deadline, rate, options.threads);
    let mut client = Client {
        port,
        addresses: options.addresses.into(),
        turn: number,
        buffer: vec![0; options.payload as usize],
        count: Count::default(),
    };
    while pace.wait() {
        client.batch(batch, BATCH_END);
    }
    // Its server waits for the last request: one that fails is tried again.
    for _ in 0..10 {
        if client.batch(1, LAST) == 1 {
            break;
        }
    }
    client.count
}

/// Connections that a client has open at one time: a switch between two processes then serves
/// several. With a low rate they are fewer, so that they are spread over the time.
fn batch(options: &Churn) -> u32 {
    let of_each = options.rate.map(|rate| rate / u32::from(options.threads));
    of_each.map_or(BATCH, |rate| (rate / 500).clamp(1, BATCH))
}

struct Client {
    port: u16,
    addresses: u32,
    turn: u32,
    buffer: Vec<u8>,
    count: Count,
}

impl Client {
    /// Opens `size` connections, asks on each, then takes the answers and closes each. Gives how
    /// many had their exchange.
    fn batch(&mut self, size: u32, end: u8) -> u32 {
        let mut open = Vec::new();
        for left in (0..size).rev() {
            self.turn = (self.turn + 1) % self.addresses;
            self.buffer[0] = if left == 0 { end } else { MORE };
            match self.open() {
                Ok(stream) => open.push(stream),
                Err(error) => self.count.errors.add(&error),
            }
        }
        let mut done = 0;
        for stream in open {
            match take(&stream, &mut self.buffer) {
                Ok(()) => done += 1,
                Err(error) => self.count.errors.add(&error),
            }
        }
        self.count.exchanges += u64::from(done);
        done
    }

    fn open(&mut self) -> io::Result<TcpStream> {
        let stream = TcpStream::connect(address(self.turn, self.port))?;
        self.count.connections += 1;
        ask(&stream, &self.buffer)?;
        Ok(stream)
    }
}

/// The part of the servers.
pub(crate) fn serve(threads: u16, payload: u32, port: u16) -> Result<()> {
    let listeners =
        (0..threads).map(|number| listen(nth(port, number))).collect::<Result<Vec<_>>>()?;
    let ports = listeners.iter().map(|listener| Ok(listener.local_addr()?.port()));
    let ports = ports.collect::<Result<Vec<_>>>()?;
    let (sender, counts) = mpsc::channel();
    for listener in listeners {
        let sender = sender.clone();
        // Fails only if nobody waits for the count any more.
        thread::spawn(move || drop(sender.send(server(&listener, payload))));
    }
    part::ready(&ports)?;
    part::wait_for_end()?;
    let mut all = Count::default();
    for _ in 0..threads {
        // The last request has been answered, unless its connection failed.
        let count = counts.recv_timeout(Duration::from_secs(10));
        all.join(count.context("a server waits for a last request that never came")?);
    }
    let Count { connections, exchanges, errors } = all;
    let errors = errors.json();
    print_line(
        &json!({ "connections": connections, "exchanges": exchanges, "errors": errors })
            .to_string(),
    )
}

fn server(listener: &TcpListener, payload: u32) -> Count {
    let mut buffer = vec![0; payload as usize];
    let mut count = Count::default();
    let mut open = Vec::new();
    loop {
        match answer(listener, &mut buffer, &mut count) {
            Ok(stream) => open.push(stream),
            Err(error) => count.errors.add(&error),
        }
        // After a failure too: then it is the batch of an earlier request, which is still open or
        // not, and waiting for its end is right in both cases.
        if buffer[0] != MORE {
            for stream in open.drain(..) {
                if let Err(error) = take_end(&stream) {
                    count.errors.add(&error);
                }
            }
        }
        if buffer[0] == LAST {
            return count;
        }
    }
}

fn answer(listener: &TcpListener, buffer: &mut [u8], count: &mut Count) -> io::Result<TcpStream> {
    let (stream, _) = listener.accept()?;
    count.connections += 1;
    take(&stream, buffer)?;
    ask(&stream, buffer)?;
    count.exchanges += 1;
    Ok(stream)
}
