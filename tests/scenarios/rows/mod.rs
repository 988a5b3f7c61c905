//! The table: every scene with the row it plays. A scene is one small function that sets its stage,
//! ends its connections, and says what the records of both ends must be.

mod aborts;
mod accepting;
mod admin;
mod before;
mod closes;
mod dials;
mod exits;
mod handshakes;
mod multipath;
mod opens;
mod places;
mod resets;
mod sharing;
mod shutdowns;
mod timeouts;

use crate::expect::Record;
use crate::stage::Stage;

/// When a scene is played.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum When {
    /// It has connections before the tracer starts.
    Existing,
    /// It waits for timers of the kernel: first.
    Slow,
    /// At any time.
    Quick,
}

/// One scene.
pub(crate) struct Row {
    /// Row of the table of causes.
    row: &'static str,
    /// What happens, as a sentence.
    name: &'static str,
    /// Plays it and returns what the records must say.
    pub(crate) play: fn(&Stage) -> Vec<Record>,
    /// When it is played.
    pub(crate) when: When,
    /// Further processes it needs.
    pub(crate) actors: usize,
}

/// A quick one without further processes.
const fn row(row: &'static str, name: &'static str, play: fn(&Stage) -> Vec<Record>) -> Row {
    Row { row, name, play, when: When::Quick, actors: 0 }
}

impl Row {
    const fn slow(self) -> Self {
        Self { when: When::Slow, ..self }
    }

    const fn existing(self) -> Self {
        Self { when: When::Existing, ..self }
    }

    const fn actors(self, actors: usize) -> Self {
        Self { actors, ..self }
    }

    /// Name of its trial.
    pub(crate) fn title(&self) -> String {
        format!("{}::{}", self.row, self.name)
    }
}

/// Every scene there is.
pub(crate) fn all() -> Vec<Row> {
    let files = [
        closes::rows,
        shutdowns::rows,
        aborts::rows,
        resets::rows,
        exits::rows,
        dials::rows,
        timeouts::rows,
        sharing::rows,
        accepting::rows,
        opens::rows,
        handshakes::rows,
        multipath::rows,
        admin::rows,
        before::rows,
        places::rows,
    ];
    files.into_iter().flat_map(|rows: fn() -> Vec<Row>| rows()).collect()
}
