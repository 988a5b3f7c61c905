//! What a case of the corpus must lead to: kept beside its recording as `NAME.case`, so that what is
//! told live and what is told on replay is judged by the same words. Reads and writes; judges nothing.

use std::iter;
use std::ops::RangeInclusive;

use serde_json::{Value, json};

/// How many, counted without the tracer. A range where the program itself cannot know.
pub(crate) type Count = RangeInclusive<u64>;

/// One case.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Expectation {
    /// Ports the tracer was restricted to.
    pub(crate) ports: Vec<u16>,
    /// Everybody at these ports. Nobody else may be named by a finding.
    pub(crate) parties: Vec<Party>,
}

/// One end of the connections to one destination.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Party {
    /// Which end: `client` or `server`.
    pub(crate) role: String,
    /// Its processes: one is told by its PID, several as so many, none are whoever is at that end.
    pub(crate) pids: Vec<u32>,
    /// The destination.
    pub(crate) address: String,
    /// Its port.
    pub(crate) port: u16,
    /// Codes of the findings about it, each with what it leads to (`one-shot>port-pressure`): exactly
    /// these.
    pub(crate) codes: Vec<String>,
    /// Connections begun, failed dials included.
    pub(crate) connections: Option<Count>,
    /// Request-response turns.
    pub(crate) exchanges: Option<Count>,
}

impl Party {
    fn at(role: &str, port: u16) -> Self {
        Self {
            role: role.into(),
            pids: Vec::new(),
            address: "127.0.0.1".into(),
            port,
            codes: Vec::new(),
            connections: None,
            exchanges: None,
        }
    }

    /// The process that dials `port` of 127.0.0.1, healthy unless told otherwise.
    pub(crate) fn client(pid: u32, port: u16) -> Self {
        Self::clients(vec![pid], port)
    }

    /// So many short-lived processes of one executable that dial `port`.
    pub(crate) fn clients(pids: Vec<u32>, port: u16) -> Self {
        Self { pids, ..Self::at("client", port) }
    }

    /// Whoever accepts on `port` of 127.0.0.1.
    pub(crate) fn server(port: u16) -> Self {
        Self::at("server", port)
    }

    /// Found to be exactly this.
    pub(crate) fn found(mut self, codes: &[&str]) -> Self {
        self.codes = codes.iter().map(|code| (*code).to_owned()).collect();
        self
    }

    /// Began so many connections, dials that failed included.
    pub(crate) fn connections(mut self, count: u64) -> Self {
        self.connections = Some(count..=count);
        self
    }

    /// Had so many exchanges.
    pub(crate) fn exchanges(mut self, count: Count) -> Self {
        self.exchanges = Some(count);
        self
    }
}

impl Expectation {
    /// As the text of `NAME.case`: a line for the ports, then one for each party.
    pub(crate) fn to_text(&self) -> String {
        let ports = json!({ "ports": self.ports });
        let lines = iter::once(ports).chain(self.parties.iter().map(party_to_json));
        lines.map(|line| line.to_string() + "\n").collect()
    }

    /// The reverse.
    pub(crate) fn from_text(text: &str) -> Self {
        let mut lines = text.lines().map(|line| serde_json::from_str::<Value>(line).expect("JSON"));
        let first = lines.next().expect("a line for the ports");
        let ports = first["ports"].as_array().expect("ports").iter().map(port).collect();
        Self { ports, parties: lines.map(|line| party_from_json(&line)).collect() }
    }
}

fn party_to_json(party: &Party) -> Value {
    let mut line = json!({
        "role": party.role,
        "pids": party.pids,
        "address": party.address,
        "port": party.port,
        "codes": party.codes,
    });
    for (key, count) in [("connections", &party.connections), ("exchanges", &party.exchanges)] {
        if let Some(count) = count {
            line[key] = json!([count.start(), count.end()]);
        }
    }
    line
}

fn party_from_json(line: &Value) -> Party {
    let text = |value: &Value| value.as_str().expect("a text").to_owned();
    let list = |key: &str| line[key].as_array().expect("a list").iter();
    let count = |key: &str| {
        let [least, most] = line.get(key)?.as_array()?.as_slice() else { panic!("{key}: {line}") };
        Some(least.as_u64().expect("a count")..=most.as_u64().expect("a count"))
    };
    let number = |value: &Value| u32::try_from(value.as_u64().expect("a number")).expect("a pid");
    Party {
        role: text(&line["role"]),
        pids: list("pids").map(number).collect(),
        address: text(&line["address"]),
        port: port(&line["port"]),
        codes: list("codes").map(text).collect(),
        connections: count("connections"),
        exchanges: count("exchanges"),
    }
}

fn port(value: &Value) -> u16 {
    value.as_u64().and_then(|port| port.try_into().ok()).expect("a port")
}
