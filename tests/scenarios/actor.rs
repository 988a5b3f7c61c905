//! Processes of their own that do what a scene tells them, a line at a time: this same program,
//! started again. They are started before any socket is there, since between fork and exec a child
//! holds every descriptor of its parent.

use std::env;
use std::io::{BufRead as _, Write as _, stdin, stdout};
use std::net::SocketAddr;
use std::os::fd::AsFd;
use std::os::unix::net::UnixListener;
use std::process::{Child, ChildStdin, Command, ExitCode, ExitStatus, Stdio};
use std::sync::Mutex;
use std::sync::mpsc::Receiver;

use crate::facts::{Facts, Process};
use crate::support::tracer::lines;
use crate::support::wait::{self, PATIENCE};
use crate::{fds, knowledge, sys};

#[path = "role.rs"]
mod role;

/// Set in the environment of an actor.
const MARK: &str = "TRACER_SCENARIO_ACTOR";

/// Whether this process is one.
pub(crate) fn is_this_process() -> bool {
    env::var_os(MARK).is_some()
}

/// An actor that waits for its next line. Its process stays until all are dismissed, so that the
/// tracer finds it when it looks.
pub(crate) struct Actor {
    on: Option<Puppet>,
    said: Receiver<String>,
    /// The process, before it did anything.
    pub(crate) process: Process,
}

impl Actor {
    /// Starts one and waits until it listens.
    pub(crate) fn start() -> Self {
        let program = env::current_exe().expect("this program has a path");
        let mut child = Command::new(program)
            .env(MARK, "")
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .expect("this program starts again");
        let stdin = child.stdin.take().expect("stdin is piped");
        let said = lines(child.stdout.take().expect("stdout is piped"));
        assert_eq!(said.recv_timeout(PATIENCE).expect("it starts"), "ready");
        let process = Process::of(child.id());
        Self { on: Some(Puppet { child, stdin }), said, process }
    }

    /// Its process id.
    pub(crate) const fn pid(&self) -> u32 {
        self.process.pid
    }

    fn puppet(&mut self) -> &mut Puppet {
        self.on.as_mut().expect("it is on stage")
    }

    /// Tells it what to do, without waiting for an answer.
    pub(crate) fn tell(&mut self, line: &str) {
        writeln!(self.puppet().stdin, "{line}").expect("the actor listens");
    }

    /// What it says next.
    pub(crate) fn hear(&self) -> String {
        self.said.recv_timeout(PATIENCE).expect("the actor does as it was told")
    }

    /// Tells it what to do and returns its answer.
    pub(crate) fn ask(&mut self, line: &str) -> String {
        self.tell(line);
        self.hear()
    }

    /// Dials; the connection is its number 0, 1, ... in order.
    pub(crate) fn dial(&mut self, address: SocketAddr) -> Facts {
        let answer = self.ask(&format!("dial {address}"));
        self.facts(&answer, "client", address)
    }

    /// Gives it a copy of a descriptor, as its next number.
    pub(crate) fn give(&mut self, what: &impl AsFd) {
        let dir = tempfile::tempdir().expect("a temporary directory");
        let path = dir.path().join("fds");
        let listener = UnixListener::bind(&path).expect("a unix socket");
        self.tell(&format!("take {}", path.display()));
        let (over, _) = listener.accept().expect("the actor comes");
        fds::send(&over, what);
        self.hear();
    }

    /// Accepts at its listener of this number.
    pub(crate) fn facts(&self, answer: &str, role: &'static str, peer: SocketAddr) -> Facts {
        let (local, cookie) = answer.split_once(' ').expect("two words");
        let cookie: u64 = cookie.parse().expect("a cookie");
        Facts {
            process: self.process.clone(),
            is_nobodys: false,
            process_ends: false,
            role,
            local: local.parse().expect("an address"),
            peer,
            cookie: knowledge::asks_cookies().then_some(cookie),
            netns: sys::netns(),
        }
    }

    /// Kills it with SIGKILL and waits for its end.
    pub(crate) fn kill(&mut self) {
        let child = &mut self.puppet().child;
        child.kill().expect("it still runs");
        child.wait().expect("its end");
    }

    /// Waits until it ends by itself.
    pub(crate) fn end(&mut self) -> ExitStatus {
        let child = &mut self.puppet().child;
        wait::until("the end of an actor", || child.try_wait().expect("wait"))
    }
}

impl Drop for Actor {
    fn drop(&mut self) {
        if let Some(puppet) = self.on.take() {
            OFF_STAGE.lock().expect("nobody panics with it").push(puppet);
        }
    }
}

/// The process of an actor. Killed on drop.
struct Puppet {
    child: Child,
    stdin: ChildStdin,
}

impl Drop for Puppet {
    fn drop(&mut self) {
        // Already gone is fine.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Actors whose scenes are over.
static OFF_STAGE: Mutex<Vec<Puppet>> = Mutex::new(Vec::new());

/// Ends the processes of all actors whose scenes are over.
pub(crate) fn dismiss() {
    OFF_STAGE.lock().expect("nobody panics with it").clear();
}

/// The actor's side: does what it is told until there is nothing more.
pub(crate) fn act() -> ExitCode {
    let mut role = role::Role::default();
    say("ready");
    // Unbuffered beyond a line: a forked child reads on where its parent stopped.
    for line in stdin().lock().lines() {
        let line = line.expect("a line");
        if let Some(answer) = role.play(&line) {
            say(&answer);
        }
    }
    ExitCode::SUCCESS
}

fn say(line: &str) {
    writeln!(stdout(), "{line}").expect("the suite listens");
}
