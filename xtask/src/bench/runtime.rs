//! Run time of BPF programs as the kernel takes it: per run, per event, per connection, per exchange;
//! all contenders in turn, several times, so that what the machine does besides meets each.

use super::contender::Contender;
use super::kernel::{Kernel, Programs};
use super::load::{Done, Load};
use super::spread::Spread;
use super::tools::Tools;
use crate::process::say;
use anyhow::Result;
use std::collections::{BTreeMap, BTreeSet};
use std::thread;
use std::time::Duration;

/// What the last connections of a load still do after it.
const AFTER: Duration = Duration::from_millis(100);

/// Programs of one contender under one load.
#[derive(Clone, Debug)]
pub(crate) struct Slice {
    pub(super) done: Done,
    /// By hook, of which each has the program's own.
    pub(super) hooks: BTreeMap<String, Vec<Ran>>,
}

/// What one program did in a slice.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Ran {
    pub(super) name: String,
    pub(super) ns: u64,
    pub(super) runs: u64,
}

/// The slices of all rounds, by contender.
pub(crate) type Slices = BTreeMap<Contender, Vec<Slice>>;

/// Plays `load` so many rounds. Each round has the same order, so that every contender comes after
/// the same one; what drifts over the run meets all.
pub(crate) fn play(
    tools: &Tools,
    contenders: &[Contender],
    load: Load,
    rounds: u32,
) -> Result<Slices> {
    let mut slices = Slices::new();
    for round in 1..=rounds {
        say(format!("bench: round {round} of {rounds}"));
        self::round(tools, contenders, load, &mut slices)?;
    }
    Ok(slices)
}

/// Plays one more.
pub(crate) fn round(
    tools: &Tools,
    contenders: &[Contender],
    load: Load,
    slices: &mut Slices,
) -> Result<()> {
    for contender in contenders {
        let slice = slice(tools, *contender, load)?;
        let (unit, units) = load.units(&slice.done);
        let ns = slice.ns() as f64 / units.max(1) as f64;
        say(format!("bench: {}: {ns:.0} ns of BPF per {unit}", contender.name()));
        slices.entry(*contender).or_default().push(slice);
    }
    Ok(())
}

fn slice(tools: &Tools, contender: Contender, load: Load) -> Result<Slice> {
    let mut kernel = Kernel::ask(tools)?;
    let running = contender.start(tools)?;
    let (ids, hooks) = match &running {
        Some(running) => (running.programs.clone(), running.hooks.clone()),
        None => (BTreeSet::new(), BTreeMap::new()),
    };
    let (done, programs) = kernel.timed(&ids, || {
        let done = load.run(tools)?;
        thread::sleep(AFTER);
        Ok(done)
    })?;
    if let Some(running) = running {
        running.background.stop()?;
    }
    Ok(Slice { done, hooks: by_hook(programs, &hooks) })
}

/// A program that no hook is known of goes by its own name.
fn by_hook(programs: Programs, hooks: &BTreeMap<u64, String>) -> BTreeMap<String, Vec<Ran>> {
    let mut found: BTreeMap<String, Vec<Ran>> = BTreeMap::new();
    for (id, program) in programs {
        let hook = hooks.get(&id).cloned().or(program.hook);
        let hook = hook.unwrap_or_else(|| program.name.clone());
        let ran = Ran { name: program.name, ns: program.ns, runs: program.runs };
        found.entry(hook).or_default().push(ran);
    }
    found
}

impl Slice {
    pub(super) fn ns(&self) -> u64 {
        self.all().map(|ran| ran.ns).sum()
    }

    pub(super) fn runs(&self) -> u64 {
        self.all().map(|ran| ran.runs).sum()
    }

    /// How often a hook was reached: where several programs are attached, each runs once.
    pub(super) fn events(&self) -> u64 {
        let of_hook = |programs: &Vec<Ran>| programs.iter().map(|ran| ran.runs).max().unwrap_or(0);
        self.hooks.values().map(of_hook).sum()
    }

    fn all(&self) -> impl Iterator<Item = &Ran> {
        self.hooks.values().flatten()
    }

    pub(super) fn ns_per_connection(&self) -> f64 {
        self.ns() as f64 / self.done.connections as f64
    }

    pub(super) fn ns_per_exchange(&self) -> f64 {
        self.ns() as f64 / self.done.exchanges as f64
    }

    pub(super) fn ns_per_event(&self) -> f64 {
        self.ns() as f64 / self.events() as f64
    }

    /// Walks aside, which run when userspace asks, not when something happens.
    pub(super) fn runs_per_connection(&self) -> f64 {
        let hooks = self.hooks.iter().filter(|(hook, _)| !hook.starts_with("iter/"));
        let runs: u64 = hooks.flat_map(|(_, programs)| programs).map(|ran| ran.runs).sum();
        runs as f64 / self.done.connections as f64
    }
}

/// A figure over the rounds.
pub(crate) fn over(slices: &[Slice], figure: impl Fn(&Slice) -> f64) -> Option<Spread> {
    Spread::of(slices.iter().map(figure))
}

/// The same figure of two contenders, divided round by round.
pub(crate) fn ratio(
    slices: &[Slice],
    to: &[Slice],
    figure: impl Fn(&Slice) -> f64,
) -> Option<Spread> {
    Spread::of(slices.iter().zip(to).map(|(one, other)| figure(one) / figure(other)))
}

#[cfg(test)]
mod tests {
    use super::super::kernel::Program;
    use super::*;

    fn slice(connections: u64, programs: &[(&str, &[(u64, u64)])]) -> Slice {
        let done =
            Done { connections, exchanges: 0, errors: 0, seconds: 1.0, cpu_seconds: 1.0, netns: 1 };
        let ran = |&(ns, runs): &(u64, u64)| Ran { name: "p".to_owned(), ns, runs };
        let hooks = programs
            .iter()
            .map(|(hook, programs)| ((*hook).to_owned(), programs.iter().map(ran).collect()))
            .collect();
        Slice { done, hooks }
    }

    #[test]
    fn copies_run_for_one_event() {
        let slice = slice(10, &[("a", &[(100, 20), (40, 20)]), ("b", &[(60, 10)])]);
        assert_eq!((slice.ns(), slice.runs(), slice.events()), (200, 50, 30));
        assert!((slice.runs_per_connection() - 5.0).abs() < f64::EPSILON);
    }

    #[test]
    fn ratios_are_of_the_same_round() {
        let one = [slice(1, &[("a", &[(100, 1)])]), slice(1, &[("a", &[(300, 1)])])];
        let other = [slice(1, &[("a", &[(50, 1)])]), slice(1, &[("a", &[(100, 1)])])];
        let ratio = ratio(&one, &other, Slice::ns_per_connection);
        assert_eq!(ratio, Some(Spread { median: 2.5, min: 2.0, max: 3.0 }));
    }

    #[test]
    fn a_program_goes_by_its_hook_if_that_is_known() {
        let program = |hook: Option<&str>| Program {
            name: "p".to_owned(),
            hook: hook.map(str::to_owned),
            ns: 1,
            runs: 1,
        };
        let programs =
            Programs::from([(1, program(None)), (2, program(Some("b"))), (3, program(None))]);
        let hooks = by_hook(programs, &BTreeMap::from([(1, "a".to_owned())]));
        assert_eq!(hooks.keys().collect::<Vec<_>>(), ["a", "b", "p"]);
    }
}
