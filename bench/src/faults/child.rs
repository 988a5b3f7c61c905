//! Processes that live shortly: one that is killed with its connections open, many that dial once.

use super::STAY;
use super::client::exchange;
use crate::part::{self, Running};
use anyhow::Result;
use std::net::{Ipv4Addr, TcpStream};

/// Connections of the process that is killed.
const OPEN: u16 = 4;
/// Processes of a storm.
const STORM: u64 = 8;

/// Kills a process; gives how many connections it had.
pub(super) fn kill_one(port: u16) -> Result<u64> {
    let mut victim = Running::start(&["faults-victim", &OPEN.to_string()], port)?;
    victim.numbers()?;
    victim.kill()?;
    Ok(OPEN.into())
}

/// The part of the process that is killed.
pub(crate) fn be_killed(port: u16, connections: u16) -> Result<()> {
    let mut open = Vec::new();
    for _ in 0..connections {
        open.push(dial(port)?);
    }
    part::ready(&[])?;
    part::wait_for_end()
}

/// Starts processes that dial once each; gives how many did.
pub(super) fn fork_storm(port: u16) -> Result<u64> {
    let children = (0..STORM).map(|_| Running::start(&["faults-dial"], port));
    let children = children.collect::<Result<Vec<_>>>()?;
    for child in children {
        child.wait()?;
    }
    Ok(STORM)
}

/// The part of one process of a storm.
pub(crate) fn dial_once(port: u16) -> Result<()> {
    dial(port).map(drop)
}

fn dial(port: u16) -> Result<TcpStream> {
    let stream = TcpStream::connect((Ipv4Addr::LOCALHOST, port))?;
    exchange(&stream, STAY)?;
    Ok(stream)
}
