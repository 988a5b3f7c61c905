//! What was observed, and loudly what is missing of it.

use super::escape::escape;
use super::human;
use super::layout::{DIM, Paint, RED, hang};
use super::seen::Seen;
use crate::detect::MOST_BETWEEN_LOOKS_S;
use crate::sink::{Health, LostConnections, Origin};
use tracer_ebpf::Loss;

/// Kind of what cannot be read because a recording ends before its end.
pub const CUT_OFF: &str = "recording_cut_off";

/// Host, kernel, hooks; length and end of the observation; connections seen.
pub(super) fn observed(
    health: &Health,
    origin: &Origin,
    observed_s: Option<f64>,
    seen: &Seen,
    width: usize,
) -> String {
    let Health { version, kernel, tier, .. } = health;
    let host = escape(&origin.host);
    let what = format!("tracer {version} on {host}, Linux {kernel}, hooks: {tier}");
    let time = origin.clock.time_of_day(health.at_ns);
    let until = time.split('.').next().unwrap_or(&time);
    let long = observed_s.map(|long| format!(" {}", human::duration(long))).unwrap_or_default();
    let counts =
        if seen.connections() == 0 { "no connection".to_owned() } else { connections(seen) };
    let counts = format!("Observed{long} until {until} UTC: {counts}.");
    hang("", &what, width) + &hang("", &counts, width)
}

fn connections(seen: &Seen) -> String {
    let before = match seen.preexisting {
        0 => String::new(),
        before => format!(" ({} from before)", human::count(before)),
    };
    format!(
        "{} of {}{before}; {} closed, {} open, {} failed",
        human::counted(seen.connections(), "connection"),
        human::counted(seen.processes, "process"),
        human::count(seen.closed),
        human::count(seen.open),
        human::count(seen.failed),
    )
}

/// One line for each way in which the counts are too low; nothing if they are whole.
pub(super) fn missing(health: &Health, width: usize, paint: Paint) -> String {
    let lost = health.lost_total();
    let mut text = String::new();
    let mut line = |label: &str, sentence: String| {
        text += &hang(label, &sentence, width).replacen(label, &paint.paint(RED, label), 1);
    };
    if lost > 0 {
        let records = human::counted(lost, "record");
        let why = reasons(&health.lost);
        // Missed events are a bound: other copies of the program may have seen each of them.
        let is_bound =
            health.lost.iter().all(|(name, count)| *count == 0 || name == Loss::Missed.name());
        let verb = if is_bound { "may not be" } else { "is not" };
        let seen = health.seen_share.map(|share| {
            // Rounded down: 100 % is all of them.
            let percent = (share * 100.0).floor();
            let percent = if percent < 1.0 && share > 0.0 {
                "Under 1".to_owned()
            } else {
                format!("{percent:.0}")
            };
            format!(" {percent} % of those that ended, or were refused, were seen.")
        });
        let seen = seen.unwrap_or_default() + &whose(&health.lost_of) + &helps(&health.lost);
        line("LOST ", format!("{records} ({why}): what is shown {verb} complete.{seen}"));
    }
    if health.unwritten > 0 {
        let lines = human::counted(health.unwritten, "line");
        let sentence = format!(
            "{lines} (output): not read or written in time. Counts and verdicts are whole."
        );
        line("NOT PRINTED ", sentence);
    }
    for (what, count) in health.evicted.iter() {
        let label = if what.touches_counts() { "EVICTED " } else { "FORGOTTEN " };
        let things = human::counted(count, what.noun());
        line(label, format!("{things} ({} full): {}.", what.name(), what.consequence()));
    }
    let (cut, mangled): (Vec<_>, Vec<_>) =
        health.decode_errors.iter().cloned().partition(|(kind, _)| kind == CUT_OFF);
    let count = mangled.iter().map(|(_, count)| count).sum();
    if count > 0 {
        let (records, why) = (human::counted(count, "record"), reasons(&mangled));
        line("UNREADABLE ", format!("{records} ({why}): not counted."));
    }
    if !cut.is_empty() {
        // How much that is cannot be known.
        let sentence = "the rest of the recording, which is cut off or damaged: what comes before is \
                        counted. Record again to have all.";
        line("UNREADABLE ", sentence.into());
    }
    text
}

/// `table_full 1,202, missed at most 3`, of those that there are.
#[must_use]
pub fn reasons(counts: &[(String, u64)]) -> String {
    let counts = counts.iter().filter(|(_, count)| *count > 0);
    let words = counts.map(|(name, count)| {
        let bound = if name == Loss::Missed.name() { " at most" } else { "" };
        format!("{name}{bound} {}", human::count(*count))
    });
    words.collect::<Vec<_>>().join(", ")
}

/// Whose totals are too low.
fn whose(lost_of: &[LostConnections]) -> String {
    let of_known = lost_of.iter().filter_map(|of| {
        let pid = of.pid?;
        let who = match &of.comm {
            Some(comm) => format!("{} (pid {pid})", escape(comm)),
            None => format!("pid {pid} (name not known)"),
        };
        Some(format!("{who} {}", human::count(of.connections)))
    });
    let of_known: Vec<_> = of_known.collect();
    let of_nobody = lost_of.iter().find(|of| of.pid.is_none());
    let of_nobody = of_nobody.map(|of| human::count(of.connections));
    match (of_known.is_empty(), of_nobody) {
        (true, None) => String::new(),
        (true, Some(lost)) => format!(" Whose {lost} of them were is not known."),
        (false, None) => format!(" Most were of {}.", of_known.join(", ")),
        (false, Some(lost)) => {
            format!(" Most were of {}; whose {lost} were is not known.", of_known.join(", "))
        }
    }
}

/// What to do about losses: a sentence, with a blank before it; nothing if nothing helps.
#[must_use]
pub fn helps(lost: &[(String, u64)]) -> String {
    let options = [
        ("a larger --max-connections", ["table_full", "table_full"]),
        // A larger table would need more of what there is too little of.
        ("more memory for the control group that tracer runs in", ["no_memory", "no_memory"]),
        ("a larger --ring-mib", ["ring_full", "late_ring_full"]),
        ("a larger --queue-mib", ["queue_full", "late_queue_full"]),
    ];
    let is_lost = |reason: &str| lost.iter().any(|(why, count)| *count > 0 && why == reason);
    let helps = options.into_iter().filter(|(_, reasons)| reasons.iter().any(|why| is_lost(why)));
    let helps: Vec<_> = helps.map(|(help, _)| help).collect();
    if helps.is_empty() {
        return String::new();
    }
    format!(" What helps: {}.", helps.join(", "))
}

/// That the ring is read at a lower priority than was asked for; nothing if it is not.
pub(super) fn reader(health: &Health, width: usize, paint: Paint) -> String {
    let refused = health.reader.as_deref().and_then(|reader| reader.strip_prefix("refused:"));
    let Some(why) = refused else { return String::new() };
    let text = format!(
        "normal priority, real time was refused ({}): where all CPUs are taken, records may be lost; \
         CAP_SYS_NICE allows it.",
        escape(why)
    );
    paint.paint(DIM, hang("Reader: ", &text, width).trim_end()) + "\n"
}

/// That what is open was looked at seldom; nothing if it was looked at often enough.
pub(super) fn looks(health: &Health, width: usize, paint: Paint) -> String {
    let seldom = health.interval_s.filter(|longest| *longest > MOST_BETWEEN_LOOKS_S);
    let Some(longest) = seldom else { return String::new() };
    let text = format!(
        "up to {} apart (very many connections, or a host that is busy): findings that rest on what lies \
         idle need several looks, and may be missing; observe for longer.",
        human::duration(longest)
    );
    paint.paint(DIM, hang("Looks at what is open: ", &text, width).trim_end()) + "\n"
}

/// Hooks this kernel lacks or refuses; nothing if all are there.
pub(super) fn not_attached(health: &Health, width: usize, paint: Paint) -> String {
    let mut by_status: Vec<(&str, Vec<&str>)> = Vec::new();
    for (hook, status) in health.hooks.iter().filter(|(_, why)| !why.starts_with("attached")) {
        match by_status.iter_mut().find(|(known, _)| known == status) {
            Some((_, hooks)) => hooks.push(hook),
            None => by_status.push((status, vec![hook])),
        }
    }
    if by_status.is_empty() {
        return String::new();
    }
    let absent: Vec<_> =
        by_status.iter().map(|(why, hooks)| format!("{} ({why})", hooks.join(", "))).collect();
    let text = hang("Not attached: ", &escape(&absent.join(", ")), width);
    paint.paint(DIM, text.trim_end()) + "\n"
}
