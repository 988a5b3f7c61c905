//! The clients of the cases, in `tests/corpus/programs`. Each says its pid as a line of JSON, waits for
//! a line on stdin, works, says what it counted with `"done": true`, and ends when its stdin ends.

use std::io::Write;
use std::process::{Child, ChildStdin, Command, Stdio};
use std::sync::mpsc::Receiver;

use serde_json::Value;

use crate::language::Language;
use crate::support::report::int;
use crate::support::tracer::lines;
use crate::support::wait::{self, PATIENCE};

/// How one is started. Of its words `PORT` is replaced, also within a word.
#[derive(Clone, Debug)]
pub(crate) struct Program {
    language: Language,
    words: &'static str,
}

/// The Go program with these words.
pub(crate) const fn go(words: &'static str) -> Program {
    Program { language: Language::Go, words }
}

/// A Python script of `programs/python` that needs Python alone, and its words.
pub(crate) const fn python(words: &'static str) -> Program {
    Program { language: Language::Python, words }
}

/// The same of one that needs the libraries of `requirements.txt`.
pub(crate) const fn library(words: &'static str) -> Program {
    Program { language: Language::Library, words }
}

/// The Node program with these words.
pub(crate) const fn node(words: &'static str) -> Program {
    Program { language: Language::Node, words }
}

/// The Java program with these words.
pub(crate) const fn java(words: &'static str) -> Program {
    Program { language: Language::Java, words }
}

/// The PHP program with these words.
pub(crate) const fn php(words: &'static str) -> Program {
    Program { language: Language::Php, words }
}

/// The Ruby program with these words.
pub(crate) const fn ruby(words: &'static str) -> Program {
    Program { language: Language::Ruby, words }
}

/// A command so many times, one after another: `COUNT COMMAND...`, in `programs/shell`.
pub(crate) const fn commands(words: &'static str) -> Program {
    Program { language: Language::Shell, words }
}

impl Program {
    fn command(&self, port: u16) -> Command {
        let words = self.words.replace("PORT", &port.to_string());
        let mut words = words.split_whitespace();
        let mut command = self.language.command(&mut words);
        command.args(words);
        command
    }
}

/// What a client says it did.
#[derive(Clone, Debug)]
pub(crate) struct Did {
    /// Dials begun; its server counts them where a library does not tell.
    pub(crate) dials: Option<u64>,
    /// Dials that succeeded; as many where it does not say.
    pub(crate) connected: Option<u64>,
    /// Answers that it got.
    pub(crate) answers: u64,
    /// All it said.
    said: Value,
}

impl Did {
    /// Who dialled: the processes it named as `pids`, or else the program itself.
    pub(crate) fn pids(&self, own: u32) -> Vec<u32> {
        let number = |pid: &Value| pid.as_u64().and_then(|pid| pid.try_into().ok()).expect("a pid");
        let named = self.said["pids"].as_array().map(|pids| pids.iter().map(number).collect());
        named.unwrap_or_else(|| vec![own])
    }
}

/// A client that runs. Killed on drop.
pub(crate) struct Run {
    child: Child,
    stdin: Option<ChildStdin>,
    said: Receiver<String>,
    /// Its process id.
    pub(crate) pid: u32,
}

impl Run {
    /// Starts it and waits until it said its pid.
    pub(crate) fn start(program: &Program, port: u16) -> Self {
        Self::of(&mut program.command(port))
    }

    /// The same with any command that talks like these programs.
    pub(crate) fn of(command: &mut Command) -> Self {
        let mut child = command
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap_or_else(|error| panic!("{command:?}: {error}"));
        let stdin = child.stdin.take();
        let said = lines(child.stdout.take().expect("stdout is piped"));
        let mut run = Self { child, stdin, said, pid: 0 };
        run.pid = u32::try_from(int(&run.hear(), "pid")).expect("a pid");
        run
    }

    /// The next thing it says.
    pub(crate) fn hear(&self) -> Value {
        let line = self.said.recv_timeout(PATIENCE).expect("the program says something");
        serde_json::from_str(&line).unwrap_or_else(|error| panic!("{error}: {line}"))
    }

    /// Lets it work.
    pub(crate) fn go(&mut self) {
        writeln!(self.stdin.as_mut().expect("it has not ended"), "go").expect("it listens");
    }

    /// Waits until it has done its work; what it holds open stays open.
    pub(crate) fn done(&self) -> Did {
        loop {
            let said = self.hear();
            if said["done"] == true {
                let count = |key: &str| said.get(key).map(|_| int(&said, key));
                let dials = count("dials");
                let connected = count("connected").or(dials);
                return Did { dials, connected, answers: int(&said, "answers"), said };
            }
        }
    }

    /// Lets it end.
    pub(crate) fn end(mut self) {
        self.stdin = None;
        let status = wait::until("the program's end", || self.child.try_wait().expect("wait"));
        assert!(status.success(), "{status}");
    }
}

impl Drop for Run {
    fn drop(&mut self) {
        // Already gone is fine.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
