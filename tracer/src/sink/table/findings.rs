//! Findings, most harmful first, or a sentence that says what their absence means.

use std::cmp::Reverse;

use anstyle::Style;

use super::escape::escape;
use super::layout::{BOLD, CYAN, Paint, RED, Side, YELLOW, hang, pad};
use super::seen::Seen;
use super::{human, whom};
use crate::aggregate::Who;
use crate::detect::{Also, Consequence, Finding, Severity};
use crate::process::Identity;
use crate::sink::Origin;

/// Cells of the longest label, with its indent and the blanks behind it.
const LABEL: usize = 14;

pub(super) fn all(
    findings: &[(Finding, Option<Identity>)],
    origin: &Origin,
    width: usize,
    paint: Paint,
) -> String {
    let mut sorted: Vec<_> = findings.iter().collect();
    // Stable: detectors tell theirs in an order of their own.
    sorted.sort_by_key(|(finding, _)| Reverse((finding.severity, finding.confidence)));
    let blocks = sorted
        .iter()
        .map(|(finding, identity)| block(finding, identity.as_ref(), origin, width, paint));
    let text = blocks.collect::<Vec<_>>().join("\n");
    if findings.len() == 1 {
        return text;
    }
    format!("{} findings, most harmful first:\n\n{text}", findings.len())
}

fn block(
    finding: &Finding,
    identity: Option<&Identity>,
    origin: &Origin,
    width: usize,
    paint: Paint,
) -> String {
    let mut text = title(finding, identity, width, paint);
    text += &hang("  ", &escape(&finding.summary), width);
    text.push('\n');
    text += &evidence(finding, paint);
    text += &listed("ruled out:", &finding.ruled_out, width, paint);
    text += &listed("doubts:", &finding.doubts, width, paint);
    let consequences: Vec<_> = finding.consequences.iter().map(consequence).collect();
    text += &listed("leads to:", &consequences, width, paint);
    text += &also(finding, width, paint);
    text += &labelled("change:", &escape(&finding.advice), width, paint);
    text += &labelled("seen:", &seen(finding, origin), width, paint);
    text
}

fn title(finding: &Finding, identity: Option<&Identity>, width: usize, paint: Paint) -> String {
    let (severity, code) = (finding.severity.name(), finding.code.name());
    let lead = format!("{} {code}  ", pad(severity, 5, Side::Left));
    let about = format!(
        "{} {}  ({} confidence)",
        whom::full(&finding.key.who, finding.processes, identity, finding.runtime.as_ref()),
        whom::towards(&finding.key),
        finding.confidence.name(),
    );
    let text = hang(&lead, &about, width).replacen(code, &paint.paint(BOLD, code), 1);
    text.replacen(severity, &paint.paint(style(finding.severity), severity), 1)
}

/// Whom else it is about: a few of them, and how many.
fn also(finding: &Finding, width: usize, paint: Paint) -> String {
    const SHOWN: usize = 4;
    let one = |also: &Also| {
        let connections = human::counted(also.connections, "connection");
        let whom = match also.key.who {
            Who::Process(id) => format!("pid {} ", id.pid),
            _ => String::new(),
        };
        format!("{whom}{} ({connections})", whom::towards(&also.key))
    };
    if finding.also.is_empty() {
        return String::new();
    }
    let mut list: Vec<_> = finding.also.iter().take(SHOWN).map(one).collect();
    if let Some(more) = finding.also.len().checked_sub(SHOWN).filter(|more| *more > 0) {
        list.push(format!("and {} more", human::count(more as u64)));
    }
    labelled("also:", &list.join(", "), width, paint)
}

fn consequence(consequence: &Consequence) -> String {
    format!("{}: {}", consequence.code.name(), consequence.summary)
}

/// The colour of a severity.
pub(super) const fn style(severity: Severity) -> Style {
    match severity {
        Severity::Error => RED,
        Severity::Warn => YELLOW,
        Severity::Info => CYAN,
    }
}

/// One sentence a line, the label before the first.
fn listed(label: &str, sentences: &[String], width: usize, paint: Paint) -> String {
    let leads = std::iter::once(label).chain(std::iter::repeat(""));
    leads.zip(sentences).map(|(lead, text)| labelled(lead, &escape(text), width, paint)).collect()
}

fn labelled(label: &str, text: &str, width: usize, paint: Paint) -> String {
    let lead = pad(&format!("  {label}"), LABEL, Side::Left);
    let text = hang(&lead, text, width);
    if label.is_empty() { text } else { text.replacen(label, &paint.paint(BOLD, label), 1) }
}

fn evidence(finding: &Finding, paint: Paint) -> String {
    let measures = finding.evidence.iter();
    let measures: Vec<_> = measures.map(|e| human::measure(e.name, e.value)).collect();
    let longest = measures.iter().map(|(name, _)| name.len()).max().unwrap_or(0);
    let mut label = "evidence:";
    let mut text = String::new();
    for (name, value) in &measures {
        let line = format!("{}  {value}", pad(name, longest, Side::Left));
        // Never wrapped: a name and a value are shorter than any terminal.
        text += &labelled(label, &line, usize::MAX, paint);
        label = "";
    }
    text
}

/// When, and some of the sockets as `ss -e` prints their cookies.
fn seen(finding: &Finding, origin: &Origin) -> String {
    let time = |ns| {
        let time = origin.clock.time_of_day(ns);
        time.split('.').next().unwrap_or_default().to_owned()
    };
    let (first, last) = (time(finding.first_seen_ns), time(finding.last_seen_ns));
    let when = if first == last { first } else { format!("{first} to {last}") };
    let sockets: Vec<_> = finding.examples.iter().take(3).map(|c| format!("sk:{c:x}")).collect();
    if sockets.is_empty() {
        return format!("{when} UTC");
    }
    format!("{when} UTC; for example {} (as `ss -e` names sockets)", sockets.join(", "))
}

/// What was looked at, and what it means that there is no finding.
pub(super) fn none(
    seen: &Seen,
    observed_s: Option<f64>,
    complete: bool,
    width: usize,
    paint: Paint,
) -> String {
    let connections = human::counted(seen.connections(), "connection");
    let processes = human::counted(seen.processes, "process");
    let verdict = if seen.connections() == 0 { "Nothing observed." } else { "No finding." };
    let mut text = if seen.connections() == 0 && !complete {
        "None of the connections could be told: all that there were are among the losses above."
            .to_owned()
    } else if seen.connections() == 0 {
        let long = observed_s.map_or_else(|| "this time".to_owned(), human::duration);
        format!(
            "No TCP connection was opened, in use or closed in {long}. Was there traffic? Observe \
             for longer; `tracer check` tells what can be seen from here."
        )
    } else if seen.exchanges == 0 {
        format!(
            "None of the {connections} of {processes} carried an exchange, so nothing can be said \
             about their reuse. How they ended is below."
        )
    } else {
        let reuse = human::ratio(1.0 - seen.used as f64 / seen.exchanges as f64);
        let (used, exchanges) =
            (human::count(seen.used), human::counted(seen.exchanges, "exchange"));
        let at_most = if seen.bound { "at most " } else { "" };
        let rest = match seen.little_reused {
            _ if seen.almost => "For some of it too little was seen to tell.".to_owned(),
            0 => "None of the patterns that tracer knows was among them.".to_owned(),
            clients => format!(
                "{} little, for a reason that tracer has no verdict for: how the connections ended \
                 is below.",
                if clients == 1 {
                    "One client reuses".into()
                } else {
                    format!("{clients} clients reuse")
                },
            ),
        };
        format!(
            "Of {connections} of {processes}, {used} carried {at_most}{exchanges} (reuse \
             {at_most}{reuse}). {rest}"
        )
    };
    if !complete {
        text += " But records are missing, so this is no all-clear.";
    }
    hang("", &format!("{verdict} {text}"), width).replacen(verdict, &paint.paint(BOLD, verdict), 1)
}
