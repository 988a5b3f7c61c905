//! The priority of the thread that reads the ring. Where all CPUs are taken, a thread of normal
//! priority starves before any ring is large enough.

use std::io;

use thread_priority::{
    RealtimeThreadSchedulePolicy, ThreadPriority, ThreadSchedulePolicy,
    set_thread_priority_and_policy, thread_native_id,
};

/// What the reader runs at, and if it is not what was asked for, why.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Priority {
    /// `SCHED_RR` at its lowest: before all normal threads, after any other of real time.
    RealTime,
    /// As everybody; nothing else was asked for.
    Normal,
    /// As everybody, for the kernel said no, with this error.
    Refused(String),
}

impl Priority {
    /// Raises the calling thread as far as the kernel allows.
    pub(super) fn raise() -> Self {
        let policy = ThreadSchedulePolicy::Realtime(RealtimeThreadSchedulePolicy::RoundRobin);
        match set_thread_priority_and_policy(thread_native_id(), ThreadPriority::Min, policy) {
            Ok(()) => Self::RealTime,
            Err(thread_priority::Error::OS(number)) if number == PERMISSION => {
                Self::Refused("EPERM".into())
            }
            Err(thread_priority::Error::OS(number)) => {
                Self::Refused(io::Error::from_raw_os_error(number).to_string())
            }
            Err(error) => Self::Refused(error.to_string()),
        }
    }

    /// What a reader would get, tried on a thread of its own.
    #[must_use]
    pub fn survey() -> Self {
        let tried = std::thread::spawn(Self::raise).join();
        tried.unwrap_or_else(|_| Self::Refused("not tried".into()))
    }

    /// `realtime`, `normal` or `refused:<errno>`.
    #[must_use]
    pub fn name(&self) -> String {
        match self {
            Self::RealTime => "realtime".into(),
            Self::Normal => "normal".into(),
            Self::Refused(why) => format!("refused:{why}"),
        }
    }
}

/// EPERM: neither `CAP_SYS_NICE` nor an `RLIMIT_RTPRIO`, or a control group without real-time share.
const PERMISSION: i32 = rustix::io::Errno::PERM.raw_os_error();

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn whether_it_may_be_raised_is_told_never_an_error() {
        let name = Priority::survey().name();
        assert!(name == "realtime" || name.starts_with("refused:"), "{name}");
    }
}
