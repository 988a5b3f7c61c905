//! The load is this very test binary, started again as each of its processes: so it needs no other
//! program and runs in a guest too. A test that is one of them plays its part and does nothing else.

use std::env;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use super::log::Side;
use super::{client, port, server};
use crate::support::wait;

const PART: &str = "CHURN_PART";

/// What a process of the load is for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Part {
    /// A test that calls [`Self::of_this_process`] first, by its full name.
    pub(crate) test: String,
    /// How long clients dial.
    pub(crate) duration: Duration,
    /// Where the logs go.
    pub(crate) folder: PathBuf,
    /// Number of pairs.
    pub(crate) pairs: u8,
    /// This process's own end of its pair; `None` for the one that starts the others.
    own: Option<(Side, u8)>,
}

impl Part {
    /// The part that starts the others.
    pub(super) fn all(test: &str, duration: Duration, folder: &Path, pairs: u8) -> Self {
        Self { test: test.into(), duration, folder: folder.into(), pairs, own: None }
    }

    /// What this process was started for, if for a part of the load.
    pub(crate) fn of_this_process() -> Option<Self> {
        let text = env::var(PART).ok()?;
        let words: Vec<&str> = text.split('\t').collect();
        let number = |at: usize| words[at].parse::<u64>().expect("a number");
        let pair = u8::try_from(number(4)).expect("a pair");
        Some(Self {
            test: words[0].into(),
            duration: Duration::from_millis(number(1)),
            folder: words[2].into(),
            pairs: u8::try_from(number(3)).expect("few"),
            own: match words[5] {
                "client" => Some((Side::Client, pair)),
                "server" => Some((Side::Server, pair)),
                _ => None,
            },
        })
    }

    /// Program, arguments and environment that play this part.
    pub(super) fn command(&self, mut command: Command) -> Command {
        let (pair, side) = self.own.map_or((0, "all"), |(side, pair)| (pair, side.name()));
        let Self { test, duration, folder, pairs, .. } = self;
        let (millis, folder) = (duration.as_millis(), folder.display());
        command
            .args([test, "--exact", "--include-ignored", "--nocapture"])
            .env(PART, format!("{test}\t{millis}\t{folder}\t{pairs}\t{pair}\t{side}"))
            .stdin(Stdio::null())
            .stdout(Stdio::null());
        command
    }

    /// Plays it to its end.
    pub(crate) fn play(&self) {
        match self.own {
            None => self.start_others(),
            Some((Side::Client, pair)) => client::run(pair, self.duration).write(&self.folder),
            Some((Side::Server, pair)) => server::run(pair).write(&self.folder),
        }
    }

    fn start_others(&self) {
        let start = |side: Side, pair: u8| -> Child {
            let own = Some((side, pair));
            let program = env::current_exe().expect("this program");
            let mut command = Self { own, ..self.clone() }.command(Command::new(program));
            command.spawn().expect("it starts")
        };
        let mut children: Vec<_> = (0..self.pairs).map(|pair| start(Side::Server, pair)).collect();
        for pair in 0..self.pairs {
            wait::until("a server of the load", || wait::is_listening(port(pair)).then_some(()));
        }
        children.extend((0..self.pairs).map(|pair| start(Side::Client, pair)));
        for mut child in children {
            let status = child.wait().expect("its end");
            assert!(status.success(), "a process of the load failed: {status}");
        }
    }
}
