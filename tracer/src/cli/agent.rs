//! The arguments of `agent`.

use std::fmt;
use std::net::{Ipv6Addr, SocketAddr};
use std::path::PathBuf;
use std::str::FromStr;
use std::time::Duration;

use clap::{Args, ValueEnum};

use super::value::duration;
use super::{Filter, Tracing};

/// Arguments of `agent`.
#[derive(Debug, Clone, Args)]
pub struct Agent {
    /// Which connections.
    #[command(flatten)]
    pub filter: Filter,
    /// Where lines go: stdout, journald, otlp, or a file, whose path has a slash; repeatable
    #[arg(short, long = "output", value_name = "OUTPUT", default_value = "stdout")]
    pub outputs: Vec<Destination>,
    /// Keys of the lines on stdout and in files: our own, or those of the Elastic Common Schema
    #[arg(long, value_enum, value_name = "SCHEMA", default_value_t = Schema::Tracer)]
    pub schema: Schema,
    /// How large a file may become before it is renamed and a new one begun, MiB
    #[arg(long, value_name = "MIB", default_value_t = 64,
          value_parser = clap::value_parser!(u32).range(1..=1_048_576))]
    pub rotate_mib: u32,
    /// How many renamed files are kept; 0 never renames one, as logrotate does
    #[arg(long, value_name = "N", default_value_t = 5,
          value_parser = clap::value_parser!(u32).range(0..=1_000))]
    pub rotate_keep: u32,
    /// How often totals and health are told: 60s, 5m
    #[arg(long, value_parser = duration, default_value = "60s", value_name = "TIME")]
    pub interval: Duration,
    /// How far findings look back at most: 60s, 10m
    #[arg(long, value_parser = duration, default_value = "60s", value_name = "TIME")]
    pub window: Duration,
    /// Also a line for each ended connection
    #[arg(long)]
    pub connections: bool,
    /// Replace every address by a stand-in that names nobody, in all outputs; loopback stays
    #[arg(long)]
    pub redact_addresses: bool,
    /// Where Prometheus scrapes: address:port, or off
    #[arg(long, value_name = "ADDRESS", default_value = "127.0.0.1:9464")]
    pub metrics_listen: Listen,
    /// End after this time [default: at SIGINT or SIGTERM]
    #[arg(short, long, value_parser = duration, value_name = "TIME")]
    pub duration: Option<Duration>,
    /// Take settings from this TOML file, too: the names are those of the flags
    #[arg(long, value_name = "FILE")]
    pub config: Option<PathBuf>,
    /// Check all settings, print those in force as a file of settings would have them, and end
    #[arg(long)]
    pub check_config: bool,
    /// How to trace.
    #[command(flatten)]
    pub tracing: Tracing,
}

/// Where lines go.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Destination {
    /// Our standard output.
    Stdout,
    /// The journal of systemd.
    Journald,
    /// A collector of OpenTelemetry.
    Otlp,
    /// A file.
    File(PathBuf),
}

impl fmt::Display for Destination {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Stdout => f.write_str("stdout"),
            Self::Journald => f.write_str("journald"),
            Self::Otlp => f.write_str("otlp"),
            Self::File(path) => path.display().fmt(f),
        }
    }
}

impl FromStr for Destination {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        Ok(match text {
            "stdout" => Self::Stdout,
            "journald" => Self::Journald,
            "otlp" => Self::Otlp,
            path if path.contains('/') && !path.ends_with('/') => Self::File(path.into()),
            other => {
                return Err(format!(
                    "write stdout, journald, otlp, or a path: a file is ./{other}"
                ));
            }
        })
    }
}

/// Names of the keys of a line.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Schema {
    /// Those of docs/output.md.
    Tracer,
    /// Those of the Elastic Common Schema, as far as it has some.
    Ecs,
}

/// Where to listen, if anywhere.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Listen(pub Option<SocketAddr>);

impl FromStr for Listen {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        if text == "off" {
            return Ok(Self(None));
        }
        let at = text.parse().ok().or_else(|| without_brackets(text));
        let at = at.ok_or_else(|| "write it like 127.0.0.1:9464, or off".to_owned())?;
        Ok(Self(Some(at)))
    }
}

/// An address of IPv6 and a port after its last colon: whoever fills in an address before `:9464`, as
/// Kubernetes does, cannot know that this kind needs brackets.
fn without_brackets(text: &str) -> Option<SocketAddr> {
    let (ip, port) = text.rsplit_once(':')?;
    let ip: Ipv6Addr = ip.parse().ok()?;
    Some(SocketAddr::new(ip.into(), port.parse().ok()?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_follows_the_last_colon_of_an_address_without_brackets_is_the_port() {
        for (text, expected) in [
            ("127.0.0.1:9464", "127.0.0.1:9464"),
            ("[fd00::1]:9464", "[fd00::1]:9464"),
            ("fd00::1:9464", "[fd00::1]:9464"),
            ("fd00:1:2:3:4:5:6:7:9464", "[fd00:1:2:3:4:5:6:7]:9464"),
            (":::9464", "[::]:9464"),
        ] {
            assert_eq!(text.parse(), Ok(Listen(Some(expected.parse().unwrap()))), "{text}");
        }
        for text in ["fd00::1", "fd00::1:", "fd00::1:99999", ":9464", "9464", "127.0.0.1", "host:1"]
        {
            assert!(text.parse::<Listen>().is_err(), "{text}");
        }
    }
}
