//! What was asked for on the command line, as the stages take it. Attaches nothing.

use super::terminal;
use crate::cli::{self, ReaderPriority};
use crate::probe::{self, Capacity, Host};
use crate::process::{self, Lookup};
use crate::source::Reading;

/// How the reader is asked to read.
pub(super) fn reading(args: &cli::Tracing, settings: &probe::Settings) -> Reading {
    Reading {
        ring_bytes: (settings.capacity.ring_mib as usize) << 20,
        queue_bytes: (args.queue_mib as usize) << 20,
        real_time: args.reader_priority == ReaderPriority::Realtime,
    }
}

/// Where processes are looked up. Says so if nowhere: names would be those of others.
pub(super) fn lookup(args: &cli::Tracing) -> Lookup {
    if process::sees_kernel_pids() {
        return Lookup::Proc { commands: args.command_lines };
    }
    terminal::say(
        "this is not the initial PID namespace: pids are those of the host, not those seen here, \
         and processes are known by their comm only; run it with the host's PID namespace \
         (--pid=host, hostPID: true) to have all",
    );
    Lookup::Foreign
}

/// The pid of this process as the kernel has it, 0 if our PID namespace hides it.
fn own_pid() -> u32 {
    if process::sees_kernel_pids() { std::process::id() } else { 0 }
}

/// Sizes of the kernel's maps: what this host suits, and what was asked for.
fn capacity(args: &cli::Tracing) -> Capacity {
    let suits = Capacity::of(&Host::read());
    Capacity {
        connections: args.max_connections.unwrap_or(suits.connections),
        plain_connections: args.max_connections.unwrap_or(suits.plain_connections),
        ring_mib: args.ring_mib.unwrap_or(suits.ring_mib),
        ..suits
    }
}

/// What the loader is asked for.
pub(super) fn settings(args: &cli::Tracing) -> probe::Settings {
    probe::Settings {
        capacity: capacity(args),
        kernel_log: args.kernel_log,
        own_pid: own_pid(),
        no_fentry: args.no_fentry,
    }
}
