//! One cause, one finding, over several keys: the workers of one program, and the addresses of one
//! service, that show the same are told together.
//!
//! The same is: the same code, role, port and network namespace, processes of the same name, and one
//! process or one address that links them: two programs of one interpreter, towards two services of
//! one port, are not. The worst one is told whole; of the others whom it is about and how many
//! connections.

use super::{Code, Finding};
use crate::aggregate::{Key, Who};
use crate::connection::Role;

/// Another process or destination of the same finding.
#[derive(Clone, Debug, PartialEq)]
pub struct Also {
    /// Which.
    pub key: Key,
    /// Connections of its own.
    pub connections: u64,
}

/// What is the same cause, also from one tick to the next.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Cause {
    code: Code,
    role: Option<Role>,
    netns: u32,
    port: Option<u16>,
    program: Program,
}

/// Whose doing it is.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Program {
    /// Processes of this name.
    Named(String),
    /// One that has no name to tell.
    One(Who),
}

impl Cause {
    /// The cause that a finding is about. `comm` is the name of its process, empty if unknown.
    #[must_use]
    pub fn new(code: Code, key: &Key, comm: &str) -> Self {
        let program = match &key.who {
            Who::Process(_) if !comm.is_empty() => Program::Named(comm.to_owned()),
            who => Program::One(who.clone()),
        };
        let port = key.destination.map(|destination| destination.port());
        Self { code, role: key.role, netns: key.netns, port, program }
    }
}

/// Puts findings of one cause together. `findings` come worst first, and so do those returned.
pub(super) fn together(findings: Vec<Finding>) -> Vec<Finding> {
    let mut kept: Vec<Finding> = Vec::new();
    for finding in findings {
        match kept.iter_mut().find(|worst| worst.is_linked(&finding)) {
            Some(worst) => add(worst, finding),
            None => kept.push(finding),
        }
    }
    kept
}

impl Finding {
    fn keys(&self) -> impl Iterator<Item = &Key> {
        std::iter::once(&self.key).chain(self.also.iter().map(|also| &also.key))
    }

    /// Whether one process or one address is in both.
    fn is_linked(&self, other: &Self) -> bool {
        let links = |own: &Key, theirs: &Key| {
            own.who == theirs.who || own.destination == theirs.destination
        };
        self.cause == other.cause
            && self.keys().any(|own| other.keys().any(|theirs| links(own, theirs)))
    }

    /// Whether it is about the same as another one was, though it may have grown since.
    pub(super) fn is_same(&self, earlier: &Self) -> bool {
        self.cause == earlier.cause && self.keys().any(|key| earlier.keys().any(|own| own == key))
    }
}

fn add(worst: &mut Finding, other: Finding) {
    worst.first_seen_ns = worst.first_seen_ns.min(other.first_seen_ns);
    worst.last_seen_ns = worst.last_seen_ns.max(other.last_seen_ns);
    for consequence in other.consequences {
        if worst.consequences.iter().all(|known| known.code != consequence.code) {
            worst.consequences.push(consequence);
        }
    }
    worst.also.push(Also { key: other.key, connections: other.connections });
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use crate::aggregate::support::{Build, MILLI};
    use crate::connection::Connection;
    use crate::detect::support::{findings, judge};
    use crate::detect::{Code, Ledger, State};
    use crate::process::{Identity, ProcessId};

    /// A redialling process.
    fn redials(pid: u32, comm: &str, to: &str, count: u64) -> Vec<Connection> {
        (0..count)
            .map(|n| {
                let at_ns = n * 50 * MILLI + u64::from(pid);
                let build = Build::client().pid(pid).comm(comm).to(to);
                build.at(at_ns, at_ns + MILLI).end()
            })
            .collect()
    }

    #[test]
    fn workers_and_addresses_that_show_the_same_are_one_finding() {
        let mut history = redials(1, "gunicorn", "10.0.0.1:80", 50);
        history.extend(redials(2, "gunicorn", "10.0.0.1:80", 60));
        history.extend(redials(2, "gunicorn", "10.0.0.2:80", 40));
        let found = findings(&history, 5);
        assert_eq!(found.len(), 1, "{found:#?}");
        assert_eq!((found[0].code, found[0].connections), (Code::OneShot, 60));
        let also: Vec<_> = found[0].also.iter().map(|also| also.connections).collect();
        assert_eq!(also, [50, 40]);
    }

    #[test]
    fn two_programs_of_one_interpreter_towards_two_services_are_two_causes() {
        let mut history = redials(1, "python3", "10.0.0.1:443", 50);
        history.extend(redials(2, "python3", "10.0.0.2:443", 50));
        assert_eq!(findings(&history, 5).len(), 2);
    }

    #[test]
    fn another_port_or_another_program_is_another_cause() {
        let mut history = redials(1, "a", "10.0.0.1:80", 50);
        history.extend(redials(1, "a", "10.0.0.1:81", 50));
        history.extend(redials(2, "b", "10.0.0.1:80", 50));
        assert_eq!(findings(&history, 5).len(), 3);
    }

    #[test]
    fn a_finding_goes_on_though_another_worker_is_now_the_worst() {
        let nobody = BTreeMap::<ProcessId, Identity>::new();
        let at = |first: u64, second: u64| {
            let mut history = redials(1, "w", "10.0.0.1:80", first);
            history.extend(redials(2, "w", "10.0.0.1:80", second));
            judge(&history, 5, &nobody).findings(0)
        };
        let mut ledger = Ledger::default();
        let begun = ledger.update(at(50, 40), 5_000_000_000);
        assert_eq!(begun.iter().map(|notice| notice.state).collect::<Vec<_>>(), [State::Begun]);
        assert_eq!(ledger.update(at(50, 60), 5_000_000_000), []);
    }
}
