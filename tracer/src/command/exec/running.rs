//! The command as a process: started within its control group, waited for, signals passed on.

use std::ffi::OsString;
use std::fs::File;
use std::io;
use std::os::unix::process::ExitStatusExt as _;
use std::process::ExitStatus;

use rustix::process::{Pid, Signal, getpgrp, kill_process};
use tokio::process::{Child, Command};
use tokio::signal::unix::{self, SignalKind, signal};

use super::super::signals::Signals;
use super::super::{Error, Outcome, terminal};
use super::Group;

/// A running command.
pub(super) struct Running {
    child: Child,
    hangup: unix::Signal,
}

/// What became of starting it.
pub(super) enum Spawned {
    /// It runs.
    Running(Running),
    /// It could not be run, which was said: the exit code that shells give.
    Refused(Outcome),
}

impl Running {
    /// Starts `command` as a member of `group` from its first instruction on, with our standard
    /// streams. Must be called within the runtime.
    pub(super) fn spawn(command: &[OsString], group: &Group) -> Result<Spawned, Error> {
        let (program, arguments) =
            command.split_first().ok_or_else(|| Error::Usage("no command is given".into()))?;
        // From now on the end of our terminal is the command's, and we report on it.
        let hangup = signal(SignalKind::hangup()).map_err(Error::Runtime)?;
        match group.within(|| Command::new(program).args(arguments).spawn())? {
            Ok(child) => Ok(Spawned::Running(Self { child, hangup })),
            Err(error) => {
                let is_absent = error.kind() == io::ErrorKind::NotFound;
                let why = if is_absent { "not found".into() } else { error.to_string() };
                terminal::say(&format!("{}: {why}", program.display()));
                Ok(Spawned::Refused(Outcome::Command(if is_absent { 127 } else { 126 })))
            }
        }
    }

    /// Waits for its end; signals that come meanwhile are the command's.
    pub(super) async fn end(&mut self, signals: &mut Signals) -> io::Result<ExitStatus> {
        loop {
            let signal = tokio::select! {
                status = self.child.wait() => return status,
                signal = signals.next() => signal,
                _ = self.hangup.recv() => SignalKind::hangup(),
            };
            self.pass_on(signal);
        }
    }

    fn pass_on(&self, kind: SignalKind) {
        // A terminal sends SIGINT to the whole foreground, the command included. Many programs take
        // a second one for impatience.
        if kind == SignalKind::interrupt() && is_foreground() {
            return;
        }
        let pid = self.child.id().and_then(|pid| Pid::from_raw(pid.cast_signed()));
        let signal = Signal::from_named_raw(kind.as_raw_value());
        if let Some((pid, signal)) = pid.zip(signal)
            && let Err(error) = kill_process(pid, signal)
        {
            tracing::debug!(%error, "a signal could not be passed on");
        }
    }
}

/// Whether what the terminal sends to the foreground comes to us, and so to the command.
fn is_foreground() -> bool {
    let group = File::open("/dev/tty").ok().and_then(|tty| rustix::termios::tcgetpgrp(tty).ok());
    group == Some(getpgrp())
}

/// As shells give it: 128 + N where signal N ended it.
pub(super) fn exit_code(status: ExitStatus) -> u8 {
    let code = status.code().map(|code| u8::try_from(code).unwrap_or(u8::MAX));
    code.or_else(|| status.signal().map(code_of)).unwrap_or(u8::MAX)
}

/// The same, of an end by this signal.
pub(super) fn code_of(signal: i32) -> u8 {
    u8::try_from(128 + signal).unwrap_or(u8::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn exit_codes_are_those_that_shells_give() {
        for (raw, code) in [(0, 0), (3 << 8, 3), (255 << 8, 255), (9, 137), (15, 143), (139, 139)] {
            assert_eq!(exit_code(ExitStatus::from_raw(raw)), code, "{raw}");
        }
    }
}
