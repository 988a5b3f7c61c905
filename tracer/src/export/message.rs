//! One sentence for a person about one line: the body of a log record, the `MESSAGE` of the journal.
//!
//! Says what the line says and nothing else; what the line lacks is left out. What traced processes
//! chose is escaped: a message goes to terminals.

use serde_json::{Map, Value};

use crate::detect::Severity;
use crate::sink::table::{escape, human};

/// A line as it was parsed: key → value.
pub type Fields = Map<String, Value>;

/// How much a line matters: its own `severity_text`, else worth knowing. Losses do not raise that of a
/// health line: they are counted over the run, so that one of long ago would be a warning for ever.
#[must_use]
pub fn severity(line: &Fields) -> Severity {
    let word = text(line, "severity_text");
    Severity::ALL.iter().copied().find(|known| Some(known.name()) == word).unwrap_or(Severity::Info)
}

/// The sentence; the name of the event if it is none we know.
#[must_use]
pub fn message(line: &Fields) -> String {
    let event = text(line, "event.name").unwrap_or_default();
    match event {
        "tracer.finding" => finding(line),
        "tracer.connection.closed" => connection(line),
        "tracer.summary" => summary(line),
        "tracer.peer" => peer(line),
        "tracer.not_enough" => not_enough(line),
        "tracer.health" => health(line),
        _ => escape(event),
    }
}

fn finding(line: &Fields) -> String {
    let summary = escape(text(line, "tracer.finding.summary").unwrap_or_default());
    match text(line, "tracer.finding.state") {
        Some("ended") => format!("Over: {summary}"),
        _ => summary,
    }
}

fn connection(line: &Fields) -> String {
    let [local, peer] = ["network.local", "network.peer"].map(|end| endpoint(line, end));
    let cause = text(line, "tracer.close.cause").unwrap_or("unknown");
    let by = text(line, "tracer.close.initiator").unwrap_or("unknown");
    let toward = match text(line, "tracer.role") {
        Some("client") => "to",
        Some("server") => "from",
        _ => "with",
    };
    let duration = seconds(line, "tracer.duration_s");
    let after = duration.map_or_else(String::new, |duration| format!(" after {duration}"));
    format!(
        "{}: {local} {toward} {peer} ended by {cause} ({by}){after}, {}",
        who(line),
        exchanges(line)
    )
}

fn summary(line: &Fields) -> String {
    let role = text(line, "tracer.role");
    let role = role.map_or_else(String::new, |role| format!(" as {role}"));
    let server = known_endpoint(line, "server");
    let server = server.map_or_else(String::new, |server| format!(" at {server}"));
    let failed = match count(line, "tracer.connections_failed") {
        Some(0) | None => String::new(),
        Some(failed) => format!("{} failed, ", human::count(failed)),
    };
    let (who, totals) = (who(line), totals(line));
    format!("{who}{role}{server}: {totals}, {failed}{}{}", redials(line), window(line))
}

fn peer(line: &Fields) -> String {
    let who = match text(line, "network.peer.address") {
        Some(address) => format!("{address} at {}", endpoint(line, "server")),
        None => "all further peers".to_owned(),
    };
    format!("{who}: {}, {}{}", totals(line), redials(line), window(line))
}

/// What summaries and peers have in common.
fn totals(line: &Fields) -> String {
    format!(
        "{} opened, {} closed, {} open, {}",
        counted(line, "tracer.connections_opened", "connection"),
        bare(line, "tracer.connections_closed"),
        bare(line, "tracer.connections_open"),
        exchanges(line)
    )
}

fn redials(line: &Fields) -> String {
    let redials = count(line, "tracer.redials");
    redials.map_or_else(String::new, |redials| human::counted(redials, "redial"))
}

fn window(line: &Fields) -> String {
    seconds(line, "tracer.window_s").map_or_else(String::new, |window| format!(" in {window}"))
}

fn exchanges(line: &Fields) -> String {
    let exchanges = counted(line, "tracer.exchanges", "exchange");
    match text(line, "tracer.exchanges_basis") {
        Some("measured") => exchanges,
        _ => format!("at most {exchanges}"),
    }
}

fn not_enough(line: &Fields) -> String {
    format!(
        "{}: too little for {}, {} is {} and there are {}",
        who(line),
        text(line, "tracer.finding.code").unwrap_or_default(),
        text(line, "tracer.not_enough.threshold").unwrap_or_default(),
        bare(line, "tracer.not_enough.need"),
        bare(line, "tracer.not_enough.have"),
    )
}

fn health(line: &Fields) -> String {
    let object = |key: &str| line.get(key).and_then(Value::as_object);
    let hooks = object("tracer.hooks");
    let (attached, all) = hooks.map_or((0, 0), |hooks| {
        let attached = hooks.values().filter_map(Value::as_str);
        (attached.filter(|status| status.starts_with("attached")).count(), hooks.len())
    });
    let mut lost: Vec<_> = object("tracer.lost")
        .into_iter()
        .flatten()
        .filter_map(|(why, lost)| Some((why, lost.as_u64().filter(|lost| *lost > 0)?)))
        .map(|(why, lost)| format!("{why} {}", human::count(lost)))
        .collect();
    for (name, key) in [("evicted", "tracer.evicted"), ("undecoded", "tracer.decode_errors")] {
        if let Some(missing) = count(line, key).filter(|missing| *missing > 0) {
            lost.push(format!("{name} {}", human::count(missing)));
        }
    }
    let lost = if lost.is_empty() {
        "nothing lost".to_owned()
    } else {
        format!("lost since the start: {}", lost.join(", "))
    };
    let tier = text(line, "tracer.tier").unwrap_or("unknown");
    let tracked = counted(line, "tracer.connections_tracked", "connection");
    format!("tier {tier}, {attached} of {all} hooks attached, {tracked} tracked, {lost}")
}

/// Whom a line is about.
fn who(line: &Fields) -> String {
    let name = text(line, "process.executable.name").map(escape);
    match (text(line, "tracer.subject"), name, count(line, "process.pid")) {
        (Some("other"), ..) => "all others".to_owned(),
        (Some("executable"), name, _) => format!(
            "{} of {}",
            counted(line, "tracer.processes", "process"),
            name.as_deref().unwrap_or("an unknown executable")
        ),
        (_, Some(name), Some(pid)) => format!("{name} ({pid})"),
        (_, None, Some(pid)) => format!("process {pid}"),
        (_, Some(name), None) => name,
        (_, None, None) => "an unknown process".to_owned(),
    }
}

fn endpoint(line: &Fields, end: &str) -> String {
    known_endpoint(line, end).unwrap_or_else(|| "an unknown address".to_owned())
}

/// `10.0.0.1:80`, `[::1]:80`, or as much of it as is known.
fn known_endpoint(line: &Fields, end: &str) -> Option<String> {
    let address = text(line, &format!("{end}.address"));
    let port = count(line, &format!("{end}.port"));
    match (address, port) {
        (Some(address), Some(port)) if address.contains(':') => Some(format!("[{address}]:{port}")),
        (Some(address), Some(port)) => Some(format!("{address}:{port}")),
        (Some(address), None) => Some(address.to_owned()),
        (None, Some(port)) => Some(format!("port {port}")),
        (None, None) => None,
    }
}

fn text<'a>(line: &'a Fields, key: &str) -> Option<&'a str> {
    line.get(key).and_then(Value::as_str)
}

fn count(line: &Fields, key: &str) -> Option<u64> {
    line.get(key).and_then(Value::as_u64)
}

/// `1,204`, or `?`.
fn bare(line: &Fields, key: &str) -> String {
    count(line, key).map_or_else(|| "?".to_owned(), human::count)
}

/// `1,204 connections`, or `? connections`.
fn counted(line: &Fields, key: &str, noun: &str) -> String {
    let number = count(line, key);
    number.map_or_else(|| format!("? {noun}s"), |number| human::counted(number, noun))
}

fn seconds(line: &Fields, key: &str) -> Option<String> {
    line.get(key).and_then(Value::as_f64).map(human::duration)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::detect::State;
    use crate::export::testing::{fields, items};
    use crate::sink::{Item, Verdict, testing};

    #[test]
    fn every_kind_of_line_has_a_sentence_with_its_own_numbers() {
        let said: Vec<_> = items(|item| message(&fields(item)));
        assert_eq!(
            said,
            [
                "tier core, 1 of 3 hooks attached, 4 connections tracked, nothing lost",
                "checkout (4711): 10.0.0.5:41234 to 10.0.3.7:8080 ended by local_close (local) after \
                 5.3 ms, 1 exchange",
                "checkout (4711) as client at 10.0.3.7:8080: 200 connections opened, 198 closed, 2 \
                 open, 204 exchanges, 197 redials in 15.0 s",
                "10.0.9.1 at 10.0.0.1:443: 200 connections opened, 198 closed, 2 open, 204 \
                 exchanges, 195 redials in 15.0 s",
                "checkout opens a new connection for almost every request and closes it right after \
                 the answer: 200 connections for 204 exchanges.",
                "checkout (4711): too little for one-shot, one-shot.min-connections is 10 and there \
                 are 4",
            ]
        );
    }

    #[test]
    fn what_is_unknown_is_not_made_up() {
        let line = |text: &str| serde_json::from_str::<Fields>(text).unwrap();
        let bound = line(
            r#"{"event.name":"tracer.connection.closed","network.peer.address":"2001:db8::1",
                "network.peer.port":80,"tracer.exchanges":3,"tracer.exchanges_basis":"bound",
                "tracer.close.cause":"unknown","tracer.close.initiator":"unknown"}"#,
        );
        assert_eq!(
            message(&bound),
            "an unknown process: an unknown address with [2001:db8::1]:80 ended by unknown \
             (unknown), at most 3 exchanges"
        );
        let many = line(
            r#"{"event.name":"tracer.summary","tracer.subject":"executable","tracer.processes":38,
                "process.executable.name":"c\u001b[2Jurl","tracer.connections_failed":4}"#,
        );
        assert!(
            message(&many).starts_with("38 processes of c\\u{1b}[2Jurl: ? connections"),
            "{many:?}"
        );
        assert!(message(&many).contains("4 failed"), "{}", message(&many));
    }

    #[test]
    fn a_finding_that_is_over_says_so_and_is_as_severe_as_it_was() {
        let finding = testing::finding();
        let of = |state| {
            let verdict = Verdict { at_ns: 1, state, finding: &finding, identity: None };
            let line = fields(&Item::Finding(verdict));
            assert_eq!(severity(&line), finding.severity);
            message(&line)
        };
        assert_eq!(of(Some(State::Ended)), format!("Over: {}", finding.summary));
        assert_eq!(of(Some(State::Begun)), finding.summary);
    }

    #[test]
    fn losses_are_named_and_a_line_without_a_severity_is_worth_knowing() {
        let mut health = testing::health();
        health.lost[1].1 = 1_200;
        health.unwritten = 3;
        health.decode_errors = vec![("short".into(), 1)];
        let line = fields(&Item::Health(&health));
        let said = message(&line);
        assert!(
            said.ends_with("lost since the start: ring_full 1,200, output 3, undecoded 1"),
            "{said}"
        );
        assert_eq!(severity(&line), Severity::Info);
    }
}
