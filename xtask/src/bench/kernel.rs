//! The kernel's own figures of BPF programs, asked of `bpfstat`, which holds the taking of run times on
//! while it is wanted and so turns it off whatever becomes of us.

use super::tools::Tools;
use anyhow::{Context as _, Result};
use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet};
use std::io::{BufRead as _, BufReader, Write as _};
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};

/// A connection to `bpfstat`.
pub(crate) struct Kernel {
    child: Child,
    commands: Option<ChildStdin>,
    answers: BufReader<ChildStdout>,
}

/// One program.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Program {
    pub(super) name: String,
    /// The hook, of a program of tracer.
    pub(super) hook: Option<String>,
    pub(super) ns: u64,
    pub(super) runs: u64,
}

/// Programs by the kernel's number.
pub(crate) type Programs = BTreeMap<u64, Program>;

impl Kernel {
    pub(super) fn ask(tools: &Tools) -> Result<Self> {
        let mut child = Command::new(&tools.bpfstat)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .context("cannot run bpfstat")?;
        let commands = child.stdin.take();
        let answers = BufReader::new(child.stdout.take().context("bpfstat has no stdout")?);
        Ok(Self { child, commands, answers })
    }

    /// Runs `work` with run times taken, and returns what was added to the programs `ids`.
    pub(super) fn timed<T>(
        &mut self,
        ids: &BTreeSet<u64>,
        work: impl FnOnce() -> Result<T>,
    ) -> Result<(T, Programs)> {
        self.say("on")?;
        let before = self.programs()?;
        let done = work();
        let after = self.programs()?;
        self.say("off")?;
        Ok((done?, difference(ids, &before, &after)))
    }

    /// Bytes that the kernel took for the maps `ids`.
    pub(super) fn map_bytes(&mut self, ids: &BTreeSet<u64>) -> Result<u64> {
        let list = self.say("list")?;
        let maps = list["maps"].as_array().context("bpfstat lists no maps")?;
        let ours = maps.iter().filter(|map| map["id"].as_u64().is_some_and(|id| ids.contains(&id)));
        Ok(ours.filter_map(|map| map["memlock_bytes"].as_u64()).sum())
    }

    fn programs(&mut self) -> Result<Programs> {
        let list = self.say("list")?;
        let programs = list["programs"].as_array().context("bpfstat lists no programs")?;
        programs.iter().map(|program| parse(program).context("a program without figures")).collect()
    }

    fn say(&mut self, command: &str) -> Result<Value> {
        let commands = self.commands.as_mut().context("bpfstat has ended")?;
        writeln!(commands, "{command}").context("bpfstat does not listen")?;
        let mut answer = String::new();
        self.answers.read_line(&mut answer)?;
        serde_json::from_str(&answer)
            .with_context(|| format!("bpfstat gave no answer to {command}"))
    }
}

impl Drop for Kernel {
    fn drop(&mut self) {
        // Its stdin ends, and so does it.
        drop(self.commands.take());
        let _status = self.child.wait();
    }
}

fn parse(program: &Value) -> Option<(u64, Program)> {
    let found = Program {
        name: program["name"].as_str()?.to_owned(),
        hook: program["hook"].as_str().map(str::to_owned),
        ns: program["run_time_ns"].as_u64()?,
        runs: program["runs"].as_u64()?,
    };
    Some((program["id"].as_u64()?, found))
}

fn difference(ids: &BTreeSet<u64>, before: &Programs, after: &Programs) -> Programs {
    let since = |(id, program): (&u64, &Program)| {
        let (ns, runs) = before.get(id).map_or((0, 0), |before| (before.ns, before.runs));
        let ns = program.ns.saturating_sub(ns);
        let runs = program.runs.saturating_sub(runs);
        (*id, Program { ns, runs, ..program.clone() })
    };
    after.iter().filter(|(id, _)| ids.contains(id)).map(since).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn program(ns: u64, runs: u64) -> Program {
        Program { name: "a".to_owned(), hook: None, ns, runs }
    }

    #[test]
    fn only_what_was_added_to_the_programs_asked_for_counts() {
        let before = Programs::from([(1, program(100, 10)), (2, program(5, 1))]);
        let after = Programs::from([(1, program(160, 12)), (2, program(9, 2)), (3, program(7, 7))]);
        let added = difference(&BTreeSet::from([1, 3]), &before, &after);
        assert_eq!(added, Programs::from([(1, program(60, 2)), (3, program(7, 7))]));
    }
}
