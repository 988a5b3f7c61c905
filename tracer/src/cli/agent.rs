//! The arguments of `agent`.

use std::net::SocketAddr;
use std::str::FromStr;
use std::time::Duration;

use clap::Args;

use super::value::duration;
use super::{Filter, Tracing};

/// Arguments of `agent`.
#[derive(Debug, Clone, Args)]
pub struct Agent {
    /// Which connections.
    #[command(flatten)]
    pub filter: Filter,
    /// How often totals and health are told: 60s, 5m
    #[arg(long, value_parser = duration, default_value = "60s", value_name = "TIME")]
    pub interval: Duration,
    /// How far findings look back at most: 60s, 10m
    #[arg(long, value_parser = duration, default_value = "60s", value_name = "TIME")]
    pub window: Duration,
    /// Also print each ended connection
    #[arg(long)]
    pub connections: bool,
    /// Where Prometheus scrapes: address:port, or off
    #[arg(long, value_name = "ADDRESS", default_value = "127.0.0.1:9464")]
    pub metrics_listen: Listen,
    /// End after this time [default: at SIGINT or SIGTERM]
    #[arg(short, long, value_parser = duration, value_name = "TIME")]
    pub duration: Option<Duration>,
    /// How to trace.
    #[command(flatten)]
    pub tracing: Tracing,
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
        let at = text.parse().map_err(|_| "write it like 127.0.0.1:9464, or off".to_owned())?;
        Ok(Self(Some(at)))
    }
}
