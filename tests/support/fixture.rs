//! The committed recordings: where they are, what each must lead to, and how one is replayed.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use serde_json::Value;

use super::expectation::Expectation;
use super::tracer::{binary, run};

/// What a verdict is judged by.
pub(crate) const JSON: [&str; 3] = ["--output", "json", "--connections"];

/// One recording, by its name.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Fixture {
    /// Name of its files, which is that of its case.
    pub(crate) name: String,
}

/// The folder of all of them.
pub(crate) fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../tests/fixtures")
}

/// Every recording there is, by name.
pub(crate) fn all() -> Vec<Fixture> {
    let mut fixtures: Vec<_> = fs::read_dir(folder())
        .expect("tests/fixtures")
        .map(|entry| entry.expect("an entry").path())
        .filter(|path| path.extension().is_some_and(|extension| extension == "trace"))
        .map(|path| path.file_stem().expect("a name").to_string_lossy().into_owned())
        .map(|name| Fixture { name })
        .collect();
    fixtures.sort();
    fixtures
}

impl Fixture {
    /// Its file with this extension.
    pub(crate) fn file(&self, extension: &str) -> PathBuf {
        folder().join(format!("{}.{extension}", self.name))
    }

    /// What it must lead to.
    pub(crate) fn expectation(&self) -> Expectation {
        let file = self.file("case");
        let text = fs::read_to_string(&file);
        Expectation::from_text(&text.unwrap_or_else(|error| panic!("{}: {error}", file.display())))
    }

    /// Replays it.
    pub(crate) fn replay(&self, args: &[&str]) -> Output {
        replay(&self.file("trace"), &self.expectation().ports, args, &[])
    }

    /// Everything it tells, as JSON.
    pub(crate) fn lines(&self) -> Vec<Value> {
        parsed(&quiet_stdout(self.replay(&JSON)))
    }
}

/// `tracer replay FILE -P PORT...` with further arguments and environment.
pub(crate) fn replay(file: &Path, ports: &[u16], args: &[&str], env: &[(&str, &str)]) -> Output {
    let ports = ports.iter().flat_map(|port| ["-P".to_owned(), port.to_string()]);
    run(Command::new(binary())
        .arg("replay")
        .arg(file)
        .args(ports)
        .args(args)
        .envs(env.iter().copied()))
}

/// Stdout of a run that must succeed and say nothing on stderr.
#[track_caller]
pub(crate) fn quiet_stdout(output: Output) -> String {
    let stderr = String::from_utf8_lossy(&output.stderr);
    assert_eq!((output.status.code(), &*stderr), (Some(0), ""));
    String::from_utf8(output.stdout).expect("UTF-8")
}

/// Lines of JSON.
pub(crate) fn parsed(text: &str) -> Vec<Value> {
    text.lines().map(|line| serde_json::from_str(line).expect("JSON")).collect()
}
