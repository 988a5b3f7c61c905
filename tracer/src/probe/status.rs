//! What became of each hook: pure classification of what the kernel answered.

use std::io;

use aya::programs::ProgramError;
use aya::programs::kprobe::KProbeError;

use super::hook::Kind;

/// Verdict on one candidate, or on a hook as a whole.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Status {
    /// In place.
    Attached(Kind),
    /// This kernel does not have it.
    Unsupported,
    /// The kernel has it and does not let us.
    Refused(i32),
    /// Something we did not expect.
    Failed(String),
}

impl Status {
    /// From the error of a load or attach.
    #[must_use]
    pub fn from_error(error: &ProgramError) -> Self {
        match error {
            // No such function or tracepoint in BTF; no tracefs.
            ProgramError::Btf(_) | ProgramError::IOError(_) => Self::Unsupported,
            ProgramError::LoadError { io_error, verifier_log } => {
                let log = verifier_log.to_string();
                let lacks = ["cannot use helper", "unknown func", "invalid func"];
                if lacks.iter().any(|text| log.contains(text)) {
                    Self::Unsupported
                } else if log.trim().is_empty() {
                    Self::from_io(io_error)
                } else {
                    Self::Failed(format!("{io_error}; the verifier said: {}", last_lines(&log)))
                }
            }
            ProgramError::KProbeError(KProbeError::FileError { io_error, .. })
                if io_error.kind() == io::ErrorKind::NotFound =>
            {
                Self::Unsupported
            }
            ProgramError::SyscallError(error) => Self::from_io(&error.io_error),
            other => Self::Failed(other.to_string()),
        }
    }

    fn from_io(error: &io::Error) -> Self {
        match error.raw_os_error() {
            Some(errno @ (EPERM | EACCES)) => Self::Refused(errno),
            Some(ENOENT) => Self::Unsupported,
            _ => Self::Failed(error.to_string()),
        }
    }

    /// Whether the hook works.
    #[must_use]
    pub const fn is_attached(&self) -> bool {
        matches!(self, Self::Attached(_))
    }
}

impl std::fmt::Display for Status {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Attached(kind) => write!(f, "attached:{}", kind.name()),
            Self::Unsupported => f.write_str("unsupported"),
            Self::Refused(errno) => write!(f, "refused:{}", errno_name(*errno)),
            Self::Failed(why) => write!(f, "failed:{why}"),
        }
    }
}

const EPERM: i32 = 1;
const ENOENT: i32 = 2;
const EACCES: i32 = 13;

fn errno_name(errno: i32) -> String {
    match errno {
        EPERM => "EPERM".into(),
        EACCES => "EACCES".into(),
        other => other.to_string(),
    }
}

/// The verifier states its reason at the end of a log that may be megabytes long.
fn last_lines(log: &str) -> String {
    let mut lines: Vec<&str> = log
        .lines()
        .rev()
        .filter(|line| !line.trim().is_empty() && !line.starts_with("processed "))
        .take(3)
        .collect();
    lines.reverse();
    lines.join(" / ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_status_reads_as_the_contract_says() {
        assert_eq!(Status::Attached(Kind::Fentry).to_string(), "attached:fentry");
        assert_eq!(Status::Refused(EPERM).to_string(), "refused:EPERM");
        assert_eq!(Status::Unsupported.to_string(), "unsupported");
        assert_eq!(Status::Failed("x".into()).to_string(), "failed:x");
    }

    #[test]
    fn a_refusing_kernel_is_told_from_one_without_kprobes() {
        let refused = ProgramError::SyscallError(aya::sys::SyscallError {
            call: "perf_event_open",
            io_error: io::Error::from_raw_os_error(EPERM),
        });
        assert_eq!(Status::from_error(&refused), Status::Refused(EPERM));
        let missing = ProgramError::KProbeError(KProbeError::FileError {
            filename: "type".into(),
            io_error: io::ErrorKind::NotFound.into(),
        });
        assert_eq!(Status::from_error(&missing), Status::Unsupported);
    }

    #[test]
    fn the_reason_is_the_end_of_the_log() {
        assert_eq!(last_lines("a\nb\nc\nd\nprocessed 9 insns\n"), "b / c / d");
    }
}
