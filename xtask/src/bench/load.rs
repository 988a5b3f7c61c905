//! One run of the load generator, which counts what it did itself. Churn and exchanges have a network
//! namespace of their own, so that what tracer tells of them can be told from all else.

use super::background::Background;
use super::tools::Tools;
use crate::process::output;
use anyhow::{Context as _, Result};
use serde_json::Value;
use std::process::Command;
use std::time::Duration;

/// A million sockets take a minute or two to open.
const PATIENCE: Duration = Duration::from_mins(10);

/// What to do, for how many seconds.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Load {
    /// Connect, one exchange, close; so many a second, or as fast as it goes.
    Churn { seconds: u32, rate: Option<u32> },
    /// Exchanges on connections that stay.
    Exchange { seconds: u32, connections: u32 },
}

/// What it did.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Done {
    pub(super) connections: u64,
    pub(super) exchanges: u64,
    pub(super) errors: u64,
    pub(super) seconds: f64,
    /// Of all its processes.
    pub(super) cpu_seconds: f64,
    /// Inode number of its network namespace.
    pub(super) netns: u64,
}

impl Load {
    fn arguments(self) -> Vec<String> {
        let words = match self {
            Self::Churn { seconds, rate } => {
                let rate = rate.map(|rate| ["--rate".to_owned(), rate.to_string()]);
                let mut words =
                    vec!["churn".to_owned(), "--seconds".to_owned(), seconds.to_string()];
                words.extend(rate.into_iter().flatten());
                return words;
            }
            Self::Exchange { seconds, connections } => [
                "exchange".to_owned(),
                "--connections".to_owned(),
                connections.to_string(),
                "--seconds".to_owned(),
                seconds.to_string(),
            ],
        };
        words.into()
    }

    pub(super) fn run(self, tools: &Tools) -> Result<Done> {
        const IN_NAMESPACE: &str = "readlink /proc/self/ns/net && ip link set lo up && exec \"$@\"";
        let mut command = Command::new("unshare");
        command.args(["--net", "sh", "-c", IN_NAMESPACE, "sh"]).arg(&tools.load);
        let said = output(command.args(self.arguments()))?;
        parse(&said).with_context(|| format!("not what a load says: {said}"))
    }

    /// What its figures are of, and how many of them it did.
    pub(super) const fn units(self, done: &Done) -> (&'static str, u64) {
        match self {
            Self::Churn { .. } => ("connection", done.connections),
            Self::Exchange { .. } => ("exchange", done.exchanges),
        }
    }
}

/// Connections without traffic, held until this is released.
pub(crate) fn hold(tools: &Tools, connections: u32) -> Result<Background> {
    let mut command = Command::new(&tools.load);
    command.args(["idle", "--connections", &connections.to_string()]);
    let mut held = Background::start(&mut command, 1)?;
    held.line(PATIENCE)?;
    Ok(held)
}

fn parse(said: &str) -> Option<Done> {
    let (namespace, rest) = said.split_once('\n')?;
    let netns = namespace.strip_prefix("net:[")?.strip_suffix(']')?.parse().ok()?;
    let line: Value = serde_json::from_str(rest.lines().last()?).ok()?;
    let errors = line["errors"].as_object()?;
    Some(Done {
        connections: line["connections"].as_u64()?,
        exchanges: line["exchanges"].as_u64()?,
        errors: errors.values().filter_map(Value::as_u64).sum(),
        seconds: line["seconds"].as_f64()?,
        cpu_seconds: line["cpu_seconds"].as_f64()?,
        netns,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn errors_of_every_kind_count_and_the_namespace_is_known() {
        let said = "net:[4026531840]\n{\"connections\": 5, \"exchanges\": 4, \"seconds\": 1.0, \
            \"cpu_seconds\": 0.5, \"errors\": {\"ECONNREFUSED\": 1, \"EADDRNOTAVAIL\": 2}}\n";
        let done = parse(said).unwrap();
        assert_eq!((done.errors, done.netns), (3, 4_026_531_840));
        assert_eq!(parse("{}\n"), None);
    }
}
