//! What one run of `tracer diagnose` said, and questions to it.

use std::collections::BTreeMap;

use serde_json::Value;

/// Every line of one run, in order. Checked on entry: names, version and order of the contract.
pub(crate) struct Report {
    lines: Vec<Value>,
}

const ORDER: [&str; 6] = [
    "tracer.connection.closed",
    "tracer.summary",
    "tracer.peer",
    "tracer.finding",
    "tracer.not_enough",
    "tracer.health",
];

impl Report {
    /// Takes the lines of a run that lost nothing.
    pub(crate) fn new(lines: Vec<Value>) -> Self {
        let report = Self::read(lines);
        report.nothing_is_lost();
        report
    }

    /// Takes the lines, the first being the health line printed once attached.
    pub(crate) fn read(lines: Vec<Value>) -> Self {
        for line in &lines {
            assert_eq!(int(line, "schema_version"), 1, "{line}");
            assert!(line.get("timestamp").is_some_and(Value::is_string), "{line}");
        }
        let place = |line: &Value| {
            let mut names = ORDER.iter();
            names
                .position(|name| *name == text(line, "event.name"))
                .unwrap_or_else(|| panic!("not in the contract: {line}"))
        };
        let (last, rest) = lines[1..].split_last().expect("a closing line");
        assert_eq!(place(last), ORDER.len() - 1, "a closing health line: {last}");
        // Health that tells of losses stands beside the connections.
        let places: Vec<_> = rest.iter().map(|line| place(line) % (ORDER.len() - 1)).collect();
        let moved = places.windows(2).find(|pair| pair[0] > pair[1]);
        assert!(moved.is_none(), "in the order of the contract: {moved:?}");
        Self { lines }
    }

    /// Checks that every record was delivered and understood.
    pub(crate) fn nothing_is_lost(&self) {
        let health = self.closing_health();
        let lost = health["tracer.lost"].as_object().expect("tracer.lost is an object");
        // `missed` is an upper bound: of an event that one copy of a program missed another copy tells,
        // and the records themselves show whether it did.
        let mut certain = lost.iter().filter(|(why, _)| *why != "missed");
        assert!(certain.all(|(_, count)| count.as_u64() == Some(0)), "records lost: {lost:?}");
        assert_eq!(int(health, "tracer.decode_errors"), 0);
    }

    fn named(&self, event: &str) -> impl Iterator<Item = &Value> {
        self.lines.iter().filter(move |line| line["event.name"] == *event)
    }

    /// The health line printed once attached.
    pub(crate) fn opening_health(&self) -> &Value {
        &self.lines[0]
    }

    /// The last line.
    pub(crate) fn closing_health(&self) -> &Value {
        self.lines.last().expect("a closing health line")
    }

    /// Every ended connection.
    pub(crate) fn connections(&self) -> Vec<&Value> {
        self.named("tracer.connection.closed").collect()
    }

    fn side(&self, role: &str, port: u16) -> Vec<&Value> {
        self.named("tracer.connection.closed")
            .filter(|line| line["tracer.role"] == *role && line["server.port"] == port)
            .collect()
    }

    /// Ended connections that were dialled to `port`, failed dials included.
    pub(crate) fn dialled(&self, port: u16) -> Vec<&Value> {
        self.side("client", port)
    }

    /// Ended connections that were accepted on `port`.
    pub(crate) fn accepted(&self, port: u16) -> Vec<&Value> {
        self.side("server", port)
    }

    /// Codes of the findings about `pid` and `port`.
    pub(crate) fn codes(&self, pid: u32, port: u16) -> Vec<&str> {
        self.findings(port)
            .into_iter()
            .filter(|line| line["process.pid"] == pid)
            .map(|line| text(line, "tracer.finding.code"))
            .collect()
    }

    /// Findings about destination `port`.
    pub(crate) fn findings(&self, port: u16) -> Vec<&Value> {
        self.named("tracer.finding").filter(|line| line["server.port"] == port).collect()
    }

    /// The one finding `code` about destination `port`.
    pub(crate) fn finding(&self, code: &str, port: u16) -> &Value {
        let found: Vec<_> = self
            .findings(port)
            .into_iter()
            .filter(|line| line["tracer.finding.code"] == *code)
            .collect();
        assert_eq!(found.len(), 1, "{code} on port {port}: {:?}", self.findings(port));
        found[0]
    }

    /// Every summary of `pid` towards destination `port`.
    pub(crate) fn summaries(&self, pid: u32, port: u16) -> Vec<&Value> {
        self.named("tracer.summary")
            .filter(|line| line["process.pid"] == pid && line["server.port"] == port)
            .collect()
    }

    /// The one summary of `pid` in `role` towards destination `port`.
    pub(crate) fn summary(&self, pid: u32, role: &str, port: u16) -> &Value {
        let all = self.summaries(pid, port);
        let found: Vec<_> = all.iter().filter(|line| line["tracer.role"] == *role).collect();
        assert_eq!(found.len(), 1, "{role} {pid} on port {port}: {all:?}");
        found[0]
    }

    /// The one line of what `peer` does at `port`.
    pub(crate) fn peer(&self, peer: &str, port: u16) -> &Value {
        let found: Vec<_> = self
            .named("tracer.peer")
            .filter(|line| line["server.port"] == port && line["network.peer.address"] == *peer)
            .collect();
        assert_eq!(found.len(), 1, "{peer} at port {port}: {found:?}");
        found[0]
    }

    /// The one summary of `port` that folds short-lived processes.
    pub(crate) fn folded_summary(&self, port: u16) -> &Value {
        let found: Vec<_> = self
            .named("tracer.summary")
            .filter(|line| line["server.port"] == port && line.get("process.pid").is_none())
            .collect();
        assert_eq!(found.len(), 1, "folded summaries of port {port}: {found:?}");
        found[0]
    }
}

/// A text that must be there.
pub(crate) fn text<'a>(line: &'a Value, key: &str) -> &'a str {
    line[key].as_str().unwrap_or_else(|| panic!("no text {key} in {line}"))
}

/// A count that must be there.
pub(crate) fn int(line: &Value, key: &str) -> u64 {
    line[key].as_u64().unwrap_or_else(|| panic!("no count {key} in {line}"))
}

/// A measure that must be there.
pub(crate) fn real(line: &Value, key: &str) -> f64 {
    line[key].as_f64().unwrap_or_else(|| panic!("no number {key} in {line}"))
}

/// How often each value of `key` occurs, absent as `-`.
pub(crate) fn tally(lines: &[&Value], key: &str) -> BTreeMap<String, usize> {
    let mut counts = BTreeMap::new();
    for line in lines {
        let word = match &line[key] {
            Value::String(text) => text.clone(),
            Value::Null => "-".to_owned(),
            other => other.to_string(),
        };
        *counts.entry(word).or_insert(0) += 1;
    }
    counts
}

/// Asserts that `key` has this one value in all `count` lines.
#[track_caller]
pub(crate) fn all_are(lines: &[&Value], count: usize, key: &str, value: &str) {
    assert_eq!(tally(lines, key), BTreeMap::from([(value.to_owned(), count)]), "{key}: {lines:#?}");
}
