//! One run of the load generator, which counts what it did itself.

use super::tools::Tools;
use crate::process::output;
use anyhow::{Context as _, Result};
use serde_json::Value;
use std::process::Command;

/// What to do, for how many seconds.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Load {
    /// Connect, one exchange, close; so many a second, or as fast as it goes.
    Churn { seconds: f64, rate: Option<u32> },
    /// Exchanges on connections that stay.
    Exchange { seconds: f64, connections: u32 },
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
}

impl Load {
    pub(super) fn run(self, tools: &Tools) -> Result<Done> {
        let mut command = Command::new(&tools.load);
        match self {
            Self::Churn { seconds, rate } => {
                command.args(["churn", "--seconds", &seconds.to_string()]);
                if let Some(rate) = rate {
                    command.args(["--rate", &rate.to_string()]);
                }
            }
            Self::Exchange { seconds, connections } => {
                let connections = connections.to_string();
                command.args(["exchange", "--connections", &connections]);
                command.args(["--seconds", &seconds.to_string()]);
            }
        }
        let said = output(&mut command)?;
        let line = said.lines().last().context("the load generator said nothing")?;
        parse(&serde_json::from_str(line)?).with_context(|| format!("not what a load says: {line}"))
    }
}

fn parse(line: &Value) -> Option<Done> {
    let errors = line["errors"].as_object()?;
    Some(Done {
        connections: line["connections"].as_u64()?,
        exchanges: line["exchanges"].as_u64()?,
        errors: errors.values().filter_map(Value::as_u64).sum(),
        seconds: line["seconds"].as_f64()?,
        cpu_seconds: line["cpu_seconds"].as_f64()?,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn errors_of_every_kind_count() {
        let line = json!({
            "connections": 5, "exchanges": 4, "seconds": 1.0, "cpu_seconds": 0.5,
            "errors": { "ECONNREFUSED": 1, "EADDRNOTAVAIL": 2 },
        });
        assert_eq!(parse(&line).map(|done| done.errors), Some(3));
        assert_eq!(parse(&json!({})), None);
    }
}
