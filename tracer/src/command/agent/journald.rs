//! Lines into the journal of systemd, one entry each. Waits while it is not there, and for as long as it
//! takes nothing: lines wait in the queue meanwhile. Which fields an entry has is `export/journal`'s.

use std::io;

use libsystemd::logging::{Priority, journal_send};

use super::super::outbox::Destination;
use super::super::terminal;
use crate::detect::Severity;
use crate::export::journal::{self, Entry};

/// The journal. All its lines go through one socket.
#[derive(Debug, Default)]
pub(super) struct Journal {
    /// It takes nothing, and that was told.
    is_away: bool,
}

impl Destination for Journal {
    /// One line at a time: an entry is taken or it is not.
    fn take(&mut self, lines: &[u8], _at_once: usize) -> io::Result<usize> {
        let len = memchr::memchr(b'\n', lines).map_or(lines.len(), |end| end + 1);
        let Entry { message, severity, fields } =
            journal::entry(&serde_json::from_slice(&lines[..len])?);
        let fields = fields.iter().map(|(name, value)| (name, value));
        let was_away = self.is_away;
        if let Err(error) = journal_send(priority(severity), &message, fields) {
            self.is_away = true;
            if !was_away {
                terminal::say(&format!(
                    "the journal takes nothing ({error}), lines wait until it is there: \
                     `systemctl status systemd-journald` tells how it is"
                ));
            }
            return Err(io::ErrorKind::WouldBlock.into());
        }
        self.is_away = false;
        if was_away {
            terminal::say("the journal takes lines again");
        }
        Ok(len)
    }
}

const fn priority(severity: Severity) -> Priority {
    match severity {
        Severity::Error => Priority::Error,
        Severity::Warn => Priority::Warning,
        Severity::Info => Priority::Info,
    }
}
