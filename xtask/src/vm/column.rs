//! The columns of the matrix: which kernels, in which lockdown mode, with or without their BTF.
//! Decides what there is to run; runs nothing.

use super::kernel::{KERNELS, Kernel, NEWEST};
use anyhow::{Result, bail};
use clap::ValueEnum;
use std::fmt;

/// What a guest's kernel is booted with.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Lockdown {
    #[value(name = "none")]
    Off,
    Confidentiality,
}

impl Lockdown {
    /// As the kernel writes it to `/sys/kernel/security/lockdown`.
    pub(crate) fn word(self) -> &'static str {
        match self {
            Self::Off => "none",
            Self::Confidentiality => "confidentiality",
        }
    }
}

/// Whether programs see the kernel's BTF. Hidden, the tracer must do with plain tracepoints.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Btf {
    Shown,
    Hidden,
}

impl Btf {
    pub(crate) fn word(self) -> &'static str {
        match self {
            Self::Shown => "shown",
            Self::Hidden => "hidden",
        }
    }
}

/// What the tests of a column run on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Machine {
    Guest(&'static Kernel, Lockdown),
    /// This host, in the lockdown mode it is in.
    Host,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Column {
    pub(crate) machine: Machine,
    pub(crate) btf: Btf,
}

/// What `--kernel` takes for this host.
pub(crate) const HOST: &str = "host";

/// What narrows the matrix; an empty list narrows nothing.
#[derive(Default)]
pub(crate) struct Choice<'a> {
    pub(crate) kernels: &'a [String],
    pub(crate) lockdowns: &'a [Lockdown],
    pub(crate) btfs: &'a [Btf],
}

/// The columns of `choice`. A kernel that does not exist, or a choice of nothing, is an error.
pub(crate) fn columns(choice: &Choice<'_>) -> Result<Vec<Column>> {
    let names: Vec<&str> = KERNELS.iter().map(|kernel| kernel.name).chain([HOST]).collect();
    if let Some(name) = choice.kernels.iter().find(|name| !names.contains(&name.as_str())) {
        bail!("no kernel {name}; there are {}", names.join(", "));
    }
    let mut columns = all();
    columns.retain(|column| column.is_in(choice));
    if columns.is_empty() {
        bail!("no column of the matrix is all of that");
    }
    Ok(columns)
}

/// BTF is hidden in one mode only: what is left then does not depend on lockdown. Not on the newest:
/// it preempts tasks within plain tracepoints and skips what comes meanwhile, and has BTF everywhere.
fn all() -> Vec<Column> {
    let guests = KERNELS.iter().flat_map(|kernel| {
        [
            (Lockdown::Off, Btf::Shown),
            (Lockdown::Confidentiality, Btf::Shown),
            (Lockdown::Off, Btf::Hidden),
        ]
        .map(|(lockdown, btf)| Column { machine: Machine::Guest(kernel, lockdown), btf })
    });
    let host = [Btf::Shown, Btf::Hidden].map(|btf| Column { machine: Machine::Host, btf });
    let skips = |column: &Column| column.btf == Btf::Hidden && column.kernel() == NEWEST;
    guests.chain(host).filter(|column| !skips(column)).collect()
}

impl Column {
    /// What `--kernel` takes for it.
    pub(crate) fn kernel(&self) -> &'static str {
        match self.machine {
            Machine::Guest(kernel, _) => kernel.name,
            Machine::Host => HOST,
        }
    }

    /// The lockdown mode it must be in; none for this host, which is taken as found.
    pub(crate) fn lockdown(&self) -> Option<Lockdown> {
        match self.machine {
            Machine::Guest(_, lockdown) => Some(lockdown),
            Machine::Host => None,
        }
    }

    /// Whether the events that its kernel skipped are known.
    pub(crate) fn counts_skipped(&self) -> bool {
        let at_plain_tracepoints = self.btf == Btf::Hidden;
        match self.machine {
            Machine::Guest(kernel, _) => !at_plain_tracepoints || kernel.counts_skipped,
            Machine::Host => true,
        }
    }

    fn is_in(&self, choice: &Choice<'_>) -> bool {
        let Choice { kernels, lockdowns, btfs } = choice;
        (kernels.is_empty() || kernels.iter().any(|name| name == self.kernel()))
            && (lockdowns.is_empty()
                || self.lockdown().is_none_or(|lockdown| lockdowns.contains(&lockdown)))
            && (btfs.is_empty() || btfs.contains(&self.btf))
    }
}

/// As in `6.1 confidentiality` or `host without BTF`.
impl fmt::Display for Column {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.kernel())?;
        if let Some(lockdown) = self.lockdown().filter(|lockdown| *lockdown != Lockdown::Off) {
            write!(f, " {}", lockdown.word())?;
        }
        if self.btf == Btf::Hidden { f.write_str(" without BTF") } else { Ok(()) }
    }
}

#[cfg(test)]
mod tests {
    use super::{Btf, Choice, Column, KERNELS, Lockdown, columns};

    fn names(choice: &Choice<'_>) -> Vec<String> {
        columns(choice).unwrap().iter().map(Column::to_string).collect()
    }

    #[test]
    fn each_kernel_has_three_columns_but_the_newest_and_the_host_two() {
        let names = names(&Choice::default());
        assert_eq!(names.len(), 3 * KERNELS.len() - 1 + 2);
        assert!(!names.contains(&"sid without BTF".to_owned()));
        assert_eq!(names[..3], ["5.10", "5.10 confidentiality", "5.10 without BTF"]);
        assert_eq!(names[names.len() - 2..], ["host", "host without BTF"]);
    }

    #[test]
    fn a_lockdown_mode_narrows_guests_only() {
        let kernels = ["6.1".to_owned(), "host".to_owned()];
        let choice = Choice {
            kernels: &kernels,
            lockdowns: &[Lockdown::Confidentiality],
            btfs: &[Btf::Shown],
        };
        assert_eq!(names(&choice), ["6.1 confidentiality", "host"]);
    }

    #[test]
    fn a_kernel_that_is_not_there_is_not_passed_over() {
        let kernels = ["6.1".to_owned(), "4.19".to_owned()];
        let error = columns(&Choice { kernels: &kernels, ..Choice::default() }).unwrap_err();
        assert!(error.to_string().starts_with("no kernel 4.19; there are 5.10, "), "{error}");
    }

    #[test]
    fn a_choice_of_nothing_is_an_error() {
        let kernels = ["6.1".to_owned()];
        let choice = Choice {
            kernels: &kernels,
            lockdowns: &[Lockdown::Confidentiality],
            btfs: &[Btf::Hidden],
        };
        assert!(columns(&choice).is_err());
    }
}
