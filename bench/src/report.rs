//! What a load did, counted by itself, and the one JSON line that tells it.

use crate::cpu;
use anyhow::Result;
use nix::errno::Errno;
use serde_json::{Map, Value, json};
use std::collections::BTreeMap;
use std::io::{self, Write as _};
use std::time::Instant;

/// Errors by their names in the manual pages (`ECONNREFUSED`).
#[derive(Debug, Default)]
pub(crate) struct Errors(BTreeMap<String, u64>);

impl Errors {
    pub(crate) fn add(&mut self, error: &io::Error) {
        // An end of stream where bytes were due has no number.
        let name = error
            .raw_os_error()
            .map_or_else(|| error.kind().to_string(), |raw| format!("{:?}", Errno::from_raw(raw)));
        *self.0.entry(name).or_default() += 1;
    }

    pub(crate) fn join(&mut self, other: Self) {
        for (name, count) in other.0 {
            *self.0.entry(name).or_default() += count;
        }
    }

    pub(crate) fn json(&self) -> Value {
        json!(self.0)
    }
}

/// Begins with the load: the time it takes counts from here.
pub(crate) struct Report {
    began: Instant,
    fields: Map<String, Value>,
}

impl Report {
    pub(crate) fn begin(load: &str) -> Self {
        let fields = [("load".to_owned(), json!(load))].into_iter().collect();
        Self { began: Instant::now(), fields }
    }

    pub(crate) fn set(&mut self, name: &str, value: impl Into<Value>) {
        self.fields.insert(name.to_owned(), value.into());
    }

    /// The time since the beginning, unless this is called again later.
    pub(crate) fn stop_clock(&mut self) {
        self.set("seconds", self.began.elapsed().as_secs_f64());
    }

    /// Prints the line. All processes of the load must have ended: only then is their CPU time
    /// known.
    pub(crate) fn print(mut self) -> Result<()> {
        self.set("cpu_seconds", cpu::seconds()?);
        print_line(&Value::Object(self.fields).to_string())
    }
}

/// A line on stdout, at once.
pub(crate) fn print_line(line: &str) -> Result<()> {
    let mut stdout = io::stdout();
    writeln!(stdout, "{line}")?;
    stdout.flush()?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::Errors;
    use std::io;

    #[test]
    fn errors_are_counted_by_their_name() {
        let mut errors = Errors::default();
        errors.add(&io::Error::from_raw_os_error(111));
        let mut other = Errors::default();
        other.add(&io::Error::from_raw_os_error(111));
        other.add(&io::ErrorKind::UnexpectedEof.into());
        errors.join(other);
        assert_eq!(errors.json().to_string(), r#"{"ECONNREFUSED":2,"unexpected end of file":1}"#);
    }
}
