//! `cargo xtask test`: every test there is. What cannot run here is named, with the reason; where
//! nothing may be skipped (`CI=true` or `--no-skip`) that is a failure.

use crate::outcome::Outcome;
use crate::process::{cargo, is_root, print_line, say, watch};
use crate::tally::Tally;
use crate::workspace::Workspace;
use crate::{bench, package, test_node, test_packages, test_python, test_servers, vm};
use anyhow::{Result, bail};

/// Test targets of `tracer` that run on this host.
const TARGETS: [&str; 4] = ["live", "cli", "replay", "agent"];
/// The one whose cases are played live and judged again from their recordings.
const CORPUS: &str = "corpus";
/// The one that asks the engines that fleets are kept in. It needs no root, only them.
const FLEET: &str = "fleet";
/// The Debian package, installed on a copy of this host.
const PACKAGE: &str = "package";
/// What the BPF programs cost, in figures that a busy machine does not change.
const COST: &str = "cost";

#[derive(clap::Args)]
pub(crate) struct Options {
    /// Count a skipped part as a failure, as under CI=true.
    #[arg(long)]
    no_skip: bool,
    /// Kernel of the matrix, all if none is given: 5.10, 6.1, 6.12, sid or host; may be given more
    /// than once.
    #[arg(long = "kernel", value_name = "NAME")]
    kernels: Vec<String>,
}

/// What has run so far.
#[derive(Default)]
struct Report {
    parts: Vec<Part>,
}

struct Part {
    name: String,
    outcome: Outcome,
    tally: Tally,
}

pub(crate) fn main(options: &Options) -> Result<()> {
    let workspace = Workspace::open()?;
    let mut report = Report::default();
    let installed = test_packages::ensure()
        .and_then(|()| test_python::ensure(&workspace))
        .and_then(|()| test_node::ensure(&workspace))
        .and_then(|()| test_servers::ensure(&workspace));
    if let Err(error) = &installed {
        // Each part that needs one says so itself; tests fail on a missing tool, they do not skip.
        report.add("packages", unless_root(format!("{error:#}")), Tally::default());
    }
    for target in missing_targets(&workspace) {
        let reason = format!("there is no test target `{target}` in tracer/Cargo.toml");
        report.add(&format!("target {target}"), Outcome::Failed(reason), Tally::default());
    }
    report.cargo_test("workspace", &["--workspace", "--no-fail-fast"], &[])?;
    if installed.is_ok() {
        report.cargo_test(FLEET, &["-p", "tracer", "--test", FLEET], &["--ignored"])?;
    } else {
        report.add(FLEET, unless_root("packages are missing".to_owned()), Tally::default());
    }
    if is_root() {
        let arguments = ["--include-ignored", "--test-threads=1"];
        let suites = TARGETS.map(|target| ["--test", target]).concat();
        let what = [&["-p", "tracer", "--no-fail-fast"][..], &suites].concat();
        report.cargo_test("live", &what, &arguments)?;
        // Its cases wait most of their time, and run side by side.
        let what = ["-p", "tracer", "--test", CORPUS];
        report.cargo_test(CORPUS, &what, &["--include-ignored"])?;
        report.one(COST, bench::smoke(&workspace));
        report.one(PACKAGE, package::check(&workspace));
    } else {
        for part in ["live", CORPUS, COST, PACKAGE] {
            let reason = "loading BPF programs needs root".to_owned();
            report.add(part, Outcome::Skipped(reason), Tally::default());
        }
    }
    match vm::run_all(&workspace, &options.kernels) {
        Ok(columns) => {
            for (name, outcome, tally) in columns {
                report.add(&name, outcome, tally);
            }
        }
        Err(error) => {
            report.add("vm", Outcome::Failed(format!("{error:#}")), Tally::default());
        }
    }
    let strict = options.no_skip || std::env::var("CI").is_ok_and(|ci| ci == "true");
    report.finish(strict)
}

fn unless_root(reason: String) -> Outcome {
    if is_root() { Outcome::Failed(reason) } else { Outcome::Skipped(reason) }
}

/// A target that is lost from Cargo.toml must not be passed over.
fn missing_targets(workspace: &Workspace) -> Vec<&'static str> {
    let packages = &workspace.metadata.packages;
    let exists = |name: &str| {
        packages.iter().filter(|package| package.name == "tracer").any(|package| {
            package.targets.iter().any(|target| target.is_test() && target.name == name)
        })
    };
    TARGETS
        .into_iter()
        .chain([CORPUS, FLEET])
        .chain(vm::targets())
        .filter(|name| !exists(name))
        .collect()
}

impl Part {
    fn failed(&self, strict: bool) -> bool {
        match self.outcome {
            Outcome::Passed => false,
            Outcome::Failed(_) => true,
            Outcome::Skipped(_) => strict,
        }
    }
}

impl Report {
    fn add(&mut self, name: &str, outcome: Outcome, tally: Tally) {
        self.parts.push(Part { name: name.to_owned(), outcome, tally });
    }

    fn cargo_test(&mut self, part: &str, what: &[&str], arguments: &[&str]) -> Result<()> {
        let mut command = cargo();
        command.args(["test", "--locked"]).args(what).arg("--").args(arguments);
        let mut tally = Tally::default();
        let passed = watch(&mut command, |line| {
            tally.line(line);
        })?;
        let outcome = if !passed {
            Outcome::Failed("see its output above".to_owned())
        } else if tally.passed == 0 {
            Outcome::Failed("no test ran".to_owned())
        } else {
            Outcome::Passed
        };
        self.add(part, outcome, tally);
        Ok(())
    }

    /// A part that is one test.
    fn one(&mut self, part: &str, done: Result<()>) {
        let (passed, outcome) = match done {
            Ok(()) => (1, Outcome::Passed),
            Err(error) => (0, Outcome::Failed(format!("{error:#}"))),
        };
        self.add(part, outcome, Tally { passed, failed: 1 - passed, ..Tally::default() });
    }

    /// Tests passed and failed; a part that failed without a failed test counts as one.
    fn count(&self, strict: bool) -> (u32, u32) {
        let passed = self.parts.iter().map(|part| part.tally.passed).sum();
        let failed =
            self.parts.iter().map(|part| part.tally.failed.max(u32::from(part.failed(strict))));
        (passed, failed.sum())
    }

    /// Prints the summary; its last line counts tests.
    fn finish(&self, strict: bool) -> Result<()> {
        say("test: summary");
        for part in &self.parts {
            let line = match &part.outcome {
                Outcome::Skipped(reason) if strict => format!("FAILED, not run: {reason}"),
                outcome => outcome.to_string(),
            };
            let Tally { passed, failed, ignored, again } = part.tally;
            let again =
                if again == 0 { String::new() } else { format!(", {again} in one of two plays") };
            say(format!(
                "test:   {}: {line} ({passed} passed, {failed} failed, {ignored} ignored{again})",
                part.name
            ));
        }
        let (passed, failed) = self.count(strict);
        print_line(&format!("{passed} passed, {failed} failed"));
        if failed > 0 {
            bail!("not every test passed");
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::{Outcome, Report};
    use crate::tally::Tally;

    fn report(outcome: Outcome, failed: u32) -> Report {
        let mut report = Report::default();
        report.add("a", Outcome::Passed, Tally { passed: 3, ignored: 1, ..Tally::default() });
        report.add("b", outcome, Tally { passed: 1, failed, ..Tally::default() });
        report
    }

    #[test]
    fn a_part_that_failed_without_a_failed_test_counts_as_one() {
        assert_eq!(report(Outcome::Failed(String::new()), 0).count(false), (4, 1));
        assert_eq!(report(Outcome::Failed(String::new()), 2).count(false), (4, 2));
    }

    #[test]
    fn a_skip_is_a_failure_only_where_nothing_may_be_skipped() {
        assert_eq!(report(Outcome::Skipped(String::new()), 0).count(false), (4, 0));
        assert_eq!(report(Outcome::Skipped(String::new()), 0).count(true), (4, 1));
    }
}
