//! When the agent gives up what it needed to attach: once it has, and before it looks at anything else,
//! opens an output or answers a scraper. All that it starts from then on has no more than it; the threads
//! that are there already, of the ring and of stderr, have given up all.

use std::io;
use std::thread;
use std::time::{Duration, Instant};

use procfs::process::Process;
use rustix::thread::CapabilitySet;

use super::super::{Error, terminal};
use crate::privileges::{self, NEEDS, Need, Term};
use crate::source::Kernel;

/// Gives them up, and says what is lacking from the beginning.
///
/// # Errors
/// If the kernel refuses, or a thread still has what was given up.
pub(super) fn give_up(kernel: &mut Kernel) -> Result<(), Error> {
    let held = privileges::held().map_err(Error::Privileges)?;
    for need in privileges::missing(held, NEEDS) {
        if let Some(text) = lacking(need) {
            terminal::say(&text);
        }
    }
    let kept = of(|term| term == Term::Always);
    // Before 5.19 kernels that keep BPF from everybody else keep maps from them, too. Each kernel is
    // asked, not its version: distributions carry the change further back.
    privileges::act_with(kept).map_err(Error::Privileges)?;
    let kept = if kernel.answers() { kept } else { of(|term| term != Term::Start) };
    privileges::keep(kept).and_then(|()| settle(kept)).map_err(Error::Privileges)
}

/// Those needed for such a term.
fn of(is_wanted: impl Fn(Term) -> bool) -> CapabilitySet {
    NEEDS.iter().filter(|need| is_wanted(need.term)).map(|need| need.set).collect()
}

/// That a capability is not there which is worth having; `None` of one that is not granted by default.
fn lacking(need: &Need) -> Option<String> {
    (need.is_granted && !need.is_required).then(|| {
        format!(
            "{} is missing, which would give {}: grant it with sudo, by AmbientCapabilities= in the \
             unit, or by capabilities.add in the manifest",
            need.name, need.gives
        )
    })
}

/// How long a thread that has just been started may take to give up its own, on a host that is busy.
const MOMENT: Duration = Duration::from_secs(10);

/// That no thread of ours has more.
fn settle(kept: CapabilitySet) -> io::Result<()> {
    let began = Instant::now();
    loop {
        match examine(kept) {
            Err(_) if began.elapsed() < MOMENT => thread::sleep(Duration::from_millis(10)),
            done => return done,
        }
    }
}

/// Looks at every thread of ours.
fn examine(kept: CapabilitySet) -> io::Result<()> {
    let tasks = Process::myself().and_then(|me| me.tasks()).map_err(io::Error::other)?;
    for task in tasks.flatten() {
        // A thread that has ended meanwhile has nothing.
        let Ok(status) = task.status() else { continue };
        let more = CapabilitySet::from_bits_retain(status.capprm) - kept;
        if !more.is_empty() {
            let text = format!("the thread {} still has {:#x}", status.name, more.bits());
            return Err(io::Error::other(text));
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_lacking_is_told_with_what_it_costs_and_what_to_do() {
        let told: Vec<_> = NEEDS.iter().filter_map(lacking).collect();
        assert_eq!(told.len(), 4, "{told:?}");
        assert!(told.iter().all(|text| text.contains("AmbientCapabilities=")), "{told:?}");
    }

    #[test]
    fn a_thread_with_more_than_is_kept_is_found() {
        thread::spawn(|| {
            // The other threads of the test have what whoever runs it has.
            let all = CapabilitySet::all();
            examine(all).unwrap();
            let held = privileges::held().unwrap();
            assert_eq!(examine(CapabilitySet::empty()).is_err(), !held.is_empty());
        })
        .join()
        .unwrap();
    }
}
