//! `tracer check`: what this kernel allows, hook by hook.

use std::io::{self, Write};

use super::{Error, Outcome, report, terminal, written};
use crate::cli::{Check, Output};
use crate::clock::Clock;
use crate::detect::Thresholds;
use crate::pipeline::{Pipeline, Selection, Setting};
use crate::probe::hook::Need;
use crate::probe::plain::PLAIN_LACKS;
use crate::probe::{self, Capacity, Host, Settings, Survey};
use crate::process::{Lookup, Scan};
use crate::sink::table::Explain;
use crate::source::Priority;

/// The most that `--max-connections` takes.
const MOST_CONNECTIONS: u64 = 16_777_216;

const SETTINGS: Settings = Settings {
    // Small: nothing is observed.
    capacity: Capacity { connections: 1024, plain_connections: 1024, ring_mib: 1, under_way: 64 },
    kernel_log: false,
    own_pid: 0,
    no_fentry: false,
};

/// Attaches everything, says what became of it, and detaches.
pub(super) fn run(args: &Check) -> Result<Outcome, Error> {
    if args.output == Output::Json {
        let setting =
            Setting::live(&probe::attach(&SETTINGS)?.0, &Priority::survey(), Scan::default());
        let (mut sink, outlook) = report::sink(Output::Json, Explain::Never, &setting)?;
        outlook.be_patient();
        let (selection, thresholds) = (Selection::default(), Thresholds::default());
        let pipeline = Pipeline::new(setting, Lookup::Recorded, selection, thresholds);
        return written(
            report::health(&mut *sink, &pipeline, Clock::monotonic_ns()).map(|()| Outcome::Fine),
        );
    }
    let survey = probe::survey(&SETTINGS)?;
    let hooks = &survey.hooks;
    written(print(&survey).map(|()| Outcome::Fine).map_err(Error::Output))?;
    let is_missing =
        |(hook, status): &probe::HookStatus| hook.need == Need::Required && !status.is_attached();
    if hooks.iter().any(is_missing) {
        // Fails with the sentence that says what to do.
        probe::attach(&SETTINGS)?;
    }
    Ok(Outcome::Fine)
}

fn print(survey: &Survey) -> io::Result<()> {
    let hooks = &survey.hooks;
    let mut out = io::stdout().lock();
    let paint = |style: anstyle::Style, text: &str| {
        if terminal::look().colour { format!("{style}{text}{style:#}") } else { text.to_owned() }
    };
    let lockdown = probe::lockdown().unwrap_or_else(|| "not told".into());
    let kernel = rustix::system::uname();
    writeln!(out, "kernel {}, lockdown {lockdown}\n", kernel.release().to_string_lossy())?;
    for (hook, status) in hooks {
        let style = match (status.is_attached(), hook.need) {
            (true, _) => anstyle::AnsiColor::Green.on_default(),
            (false, Need::Optional | Need::Substitute) => anstyle::AnsiColor::Yellow.on_default(),
            (false, Need::Required) => anstyle::AnsiColor::Red.on_default(),
        };
        let need = hook.need.name();
        let status = paint(style, &format!("{:<22}", status.to_string()));
        writeln!(out, "{:<26}{status}{need:<12}{}", hook.name, hook.gives)?;
    }
    let reader = Priority::survey();
    let (style, gives) = match reader {
        Priority::Refused(_) => (
            anstyle::AnsiColor::Yellow.on_default(),
            "nothing is lost where all CPUs are taken: that takes CAP_SYS_NICE",
        ),
        _ => (anstyle::AnsiColor::Green.on_default(), "nothing is lost where all CPUs are taken"),
    };
    let status = paint(style, &format!("{:<22}", reader.name()));
    writeln!(out, "{:<26}{status}{:<12}{gives}", "priority of the reader", "optional")?;
    let missing = hooks.iter().filter(|(_, status)| !status.is_attached());
    let (required, optional): (Vec<_>, Vec<_>) =
        missing.partition(|(hook, _)| hook.need == Need::Required);
    let (table, text) = sizes(&Host::read(), survey.is_plain);
    write!(out, "\n{text}")?;
    if let Some(text) = room(table, probe::tcp_sockets()) {
        writeln!(out, "{}", paint(anstyle::AnsiColor::Yellow.on_default(), &text))?;
    }
    let verdict = if !required.is_empty() {
        "tracer cannot run here."
    } else if survey.is_plain {
        "This kernel has no types that tracer may use: plain tier. Verdicts work; records lack"
    } else if optional.is_empty() {
        "Everything is attached: full tier."
    } else {
        "tracer does its whole job here; records lack"
    };
    writeln!(out, "\n{verdict}")?;
    if required.is_empty() {
        let of_tier = PLAIN_LACKS.iter().filter(|_| survey.is_plain).map(|lack| (*lack).to_owned());
        let of_hooks = optional.iter().map(|(hook, _)| format!("{} ({})", hook.gives, hook.name));
        for lack in of_tier.chain(of_hooks) {
            writeln!(out, "  - {lack}")?;
        }
    }
    out.flush()
}

/// That the table would not hold what is open now, and which one would; `None` if it does, or if that
/// is not known.
fn room(table: u32, sockets: Option<u64>) -> Option<String> {
    let sockets = sockets.filter(|sockets| *sockets > u64::from(table))?;
    let enough = sockets.saturating_mul(2).next_power_of_two().min(MOST_CONNECTIONS);
    Some(format!(
        "This host has {sockets} TCP sockets open now, more than that: those without a place would not \
         be traced. Use --max-connections {enough}"
    ))
}

/// The sizes that the kernel's maps get if nobody says, the table's apart, and why.
fn sizes(host: &Host, is_plain: bool) -> (u32, String) {
    let capacity = Capacity::of(host);
    let (connections, why) = if is_plain {
        (capacity.plain_connections, Capacity::basis_of_plain_connections(host))
    } else {
        (capacity.connections, Capacity::basis_of_connections(host))
    };
    let ring = Capacity::basis_of_ring(host);
    let ring_mib = capacity.ring_mib;
    let text = format!("--max-connections {connections}: {why}\n--ring-mib {ring_mib}: {ring}\n");
    (connections, text)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_table_that_would_not_hold_what_is_open_is_told_with_one_that_would() {
        assert_eq!(room(8_192, None), None, "not known");
        assert_eq!(room(8_192, Some(8_192)), None);
        let said = room(8_192, Some(100_000)).unwrap();
        assert!(said.contains("100000 TCP sockets") && said.contains("--max-connections 262144"));
        assert!(room(8_192, Some(1 << 40)).unwrap().ends_with(" 16777216"), "the most it takes");
    }
}
