//! `load idle`: connections without traffic, until stdin ends. They are real: each has two sockets of
//! the kernel, both on this host.
//!
//! A process has as many descriptors as the kernel lets it (`fs.nr_open`), and an address as many
//! ports: pairs of a client and a server process share the connections, and dial many addresses.

use crate::cli::Idle;
use crate::connections;
use crate::loopback::{address, listen, nth};
use crate::part::{self, Running};
use crate::report::{Errors, Report, print_line};
use anyhow::{Context as _, Result, ensure};
use serde_json::json;
use std::io::{self, Read as _, Write as _};
use std::net::{SocketAddrV4, TcpListener, TcpStream};
use std::sync::mpsc;
use std::thread;

/// Most connections of a pair of processes.
const CHUNK: u32 = 100_000;
/// Connections that one server address is dialled for. The kernel first looks through every other
/// port (14,116 by default), and once these are taken, each dial looks through all of them.
const PER_ADDRESS: u32 = 8_000;
/// After so many connections, the client waits until the server has accepted them. Fewer than the
/// backlog, which would drop what is beyond it, to be dialled again a second later.
const BATCH: u32 = 1_024;

/// A client and a server process.
struct Pair {
    client: Running,
    server: Running,
}

pub(crate) fn main(options: &Idle, first_port: u16) -> Result<()> {
    let mut report = Report::begin("idle");
    let mut pairs = Vec::new();
    let mut left = options.connections;
    let most = connections::most(CHUNK)?;
    for number in 0.. {
        if left == 0 {
            break;
        }
        let chunk = left.min(most);
        left -= chunk;
        let mut server =
            Running::start(&["idle-server", &chunk.to_string()], nth(first_port, number))?;
        let port = *server.numbers()?.first().context("a server without port")?;
        let client = Running::start(&["idle-client", &chunk.to_string()], port)?;
        pairs.push(Pair { client, server });
    }
    for pair in &mut pairs {
        pair.client.numbers()?;
        pair.server.numbers()?;
    }
    report.stop_clock();
    print_line(&format!("open: {} connections", options.connections))?;
    let (sender, ended) = mpsc::channel();
    // Fails only if the time was over first.
    thread::spawn(move || drop(sender.send(part::wait_for_end())));
    // No line at the end of the time is no error: it is the other way to end.
    let _ = ended.recv_timeout(options.seconds);
    // Clients first: a server process must not be the one that closes.
    let (clients, servers): (Vec<_>, Vec<_>) =
        pairs.into_iter().map(|pair| (pair.client, pair.server)).unzip();
    let opened = sum(clients)?;
    let accepted = sum(servers)?;
    report.set("connections", opened);
    report.set("server", json!({ "connections": accepted }));
    report.set("errors", Errors::default().json());
    report.print()
}

/// Ends parts and adds their connections.
fn sum(mut parts: Vec<Running>) -> Result<u64> {
    parts.iter_mut().for_each(Running::stop);
    let mut all = 0;
    for part in parts {
        all += part.finish()?["connections"].as_u64().context("a part told no number")?;
    }
    Ok(all)
}

/// The part of a server.
pub(crate) fn serve(connections: u32, port: u16) -> Result<()> {
    connections::allow(connections)?;
    let listener = listen(port)?;
    part::ready(&[listener.local_addr()?.port()])?;
    let held = accept(&listener, connections).context("cannot accept")?;
    part::ready(&[])?;
    finish(held)
}

fn accept(listener: &TcpListener, connections: u32) -> io::Result<Vec<TcpStream>> {
    let mut held = Vec::new();
    for number in 1..=connections {
        let (mut stream, _) = listener.accept()?;
        if number % BATCH == 0 {
            stream.write_all(&[0])?;
        }
        held.push(stream);
    }
    Ok(held)
}

/// The part of a client.
pub(crate) fn dial(port: u16, connections: u32) -> Result<()> {
    connections::allow(connections)?;
    let mut held = Vec::new();
    for number in 1..=connections {
        let server = address(number / PER_ADDRESS, port);
        held.push(
            open(server, number).with_context(|| format!("connection {number} to {server}"))?,
        );
    }
    part::ready(&[])?;
    finish(held)
}

fn open(server: SocketAddrV4, number: u32) -> io::Result<TcpStream> {
    let mut stream = TcpStream::connect(server)?;
    if number.is_multiple_of(BATCH) {
        stream.read_exact(&mut [0])?;
    }
    Ok(stream)
}

/// Holds connections until the end, then closes them.
fn finish(held: Vec<TcpStream>) -> Result<()> {
    part::wait_for_end()?;
    let connections = held.len();
    drop(held);
    ensure!(connections > 0, "no connection was held");
    print_line(&json!({ "connections": connections }).to_string())
}
