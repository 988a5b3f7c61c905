//! The command line: arguments, their bounds and their help, no logic.

use crate::part::Part;
use clap::{Args, Parser, Subcommand};
use std::time::Duration;

/// What starting, and ending what is under way, may take beyond the time that was asked for.
const GRACE: Duration = Duration::from_mins(1);
/// What half a million connections may take to be opened.
const TO_OPEN: Duration = Duration::from_mins(10);

/// Makes TCP connections on loopback, and prints one JSON line with what it did.
#[derive(Debug, Parser)]
#[command(name = "load", version)]
pub(crate) struct Cli {
    #[command(subcommand)]
    pub(crate) verb: Verb,
    /// First port of the servers; more follow it [default: any that are free]
    #[arg(long, global = true, value_name = "PORT", default_value_t = 0, hide_default_value = true,
          value_parser = clap::value_parser!(u16).range(..=60_000))]
    pub(crate) port: u16,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Verb {
    /// Connect, exchange once, close; again and again. The client closes first
    Churn(Churn),
    /// Exchange after exchange on connections that stay open
    Exchange(Exchange),
    /// Open connections, say so, hold them without traffic until stdin ends
    Idle(Idle),
    /// A mix of healthy connections and of those that fail, in random order
    Faults(Faults),
    /// A process of a load
    #[command(subcommand, hide = true)]
    Part(Part),
}

#[derive(Debug, Args)]
pub(crate) struct Churn {
    /// How long
    #[arg(long, value_name = "SECONDS", value_parser = seconds)]
    pub(crate) seconds: Duration,
    /// Most connections per second, of all threads [default: as many as can be]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..=10_000_000))]
    pub(crate) rate: Option<u32>,
    /// Clients, each with a server of its own
    #[arg(long, value_name = "N", default_value_t = 4,
          value_parser = clap::value_parser!(u16).range(1..=256))]
    pub(crate) threads: u16,
    /// Bytes of a request, and of its answer
    #[arg(long, value_name = "BYTES", default_value_t = 64, value_parser = payload())]
    pub(crate) payload: u32,
    /// Server addresses (127.x.y.1), in turn: each has ports enough for some ten thousand
    /// connections per minute
    #[arg(long, value_name = "N", default_value_t = 32,
          value_parser = clap::value_parser!(u16).range(1..=4096))]
    pub(crate) addresses: u16,
}

#[derive(Debug, Args)]
pub(crate) struct Exchange {
    /// Connections that stay open
    #[arg(long, value_name = "N", default_value_t = 64,
          value_parser = clap::value_parser!(u16).range(1..=4096))]
    pub(crate) connections: u16,
    /// How long
    #[arg(long, value_name = "SECONDS", value_parser = seconds)]
    pub(crate) seconds: Duration,
    /// Most exchanges per second, on all connections [default: as many as can be]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..=100_000_000))]
    pub(crate) rate: Option<u32>,
    /// Clients that share the connections, each with a server of its own
    #[arg(long, value_name = "N", default_value_t = 2,
          value_parser = clap::value_parser!(u16).range(1..=256))]
    pub(crate) threads: u16,
    /// Bytes of a request, and of its answer
    #[arg(long, value_name = "BYTES", default_value_t = 64, value_parser = payload())]
    pub(crate) payload: u32,
}

#[derive(Debug, Args)]
pub(crate) struct Faults {
    /// How long
    #[arg(long, value_name = "SECONDS", value_parser = seconds)]
    pub(crate) seconds: Duration,
    /// Most events per second: an exchange, a connection, a process killed, eight processes forked
    #[arg(long, value_name = "N", default_value_t = 200,
          value_parser = clap::value_parser!(u32).range(1..=10_000))]
    pub(crate) rate: u32,
    /// Of the random order
    #[arg(long, value_name = "N", default_value_t = 1)]
    pub(crate) seed: u64,
}

#[derive(Debug, Args)]
pub(crate) struct Idle {
    /// Connections; each is two sockets of this host
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..=500_000))]
    pub(crate) connections: u32,
    /// Longest time to hold them
    #[arg(long, value_name = "SECONDS", default_value = "3600", value_parser = seconds)]
    pub(crate) seconds: Duration,
}

impl Verb {
    /// By when the process has ended, done or not.
    pub(crate) fn longest(&self) -> Duration {
        let time = match self {
            Self::Churn(churn) => churn.seconds,
            Self::Exchange(exchange) => exchange.seconds,
            Self::Faults(faults) => faults.seconds,
            Self::Idle(idle) => idle.seconds + TO_OPEN,
            // They end with their load, which has a limit.
            Self::Part(_) => Duration::from_secs(LONGEST) + 2 * TO_OPEN,
        };
        time + GRACE
    }
}

/// Longest time of any load, seconds.
const LONGEST: u64 = 7_200;

fn seconds(text: &str) -> Result<Duration, String> {
    let seconds = text.parse().ok().filter(|seconds| (0.1..=LONGEST as f64).contains(seconds));
    seconds.map(Duration::from_secs_f64).ok_or(format!("a number from 0.1 to {LONGEST}"))
}

/// Few enough that a request fits the buffers of its socket: it is sent on many at once.
fn payload() -> clap::builder::RangedI64ValueParser<u32> {
    clap::value_parser!(u32).range(1..=16_384)
}

#[cfg(test)]
mod tests {
    use super::Cli;
    use clap::CommandFactory as _;

    #[test]
    fn the_command_line_is_consistent() {
        Cli::command().debug_assert();
    }
}
