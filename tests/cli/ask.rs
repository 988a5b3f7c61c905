//! Runs the program and reads what it said.

use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use crate::support::tracer::{binary, run};

/// What one run said.
pub(crate) struct Said {
    /// Exit code.
    pub(crate) code: Option<i32>,
    /// Standard output.
    pub(crate) stdout: String,
    /// Standard error.
    pub(crate) stderr: String,
}

impl From<Output> for Said {
    fn from(output: Output) -> Self {
        let text = |bytes| String::from_utf8(bytes).expect("UTF-8");
        Self {
            code: output.status.code(),
            stdout: text(output.stdout),
            stderr: text(output.stderr),
        }
    }
}

/// Runs `tracer` with these arguments, whatever this environment says about colours.
pub(crate) fn tracer(args: &[&str]) -> Said {
    tracer_in(args, &[])
}

/// The same with environment variables of its own.
pub(crate) fn tracer_in(args: &[&str], env: &[(&str, &str)]) -> Said {
    run(&mut command(args, env)).into()
}

/// The command of such a run.
pub(crate) fn command(args: &[&str], env: &[(&str, &str)]) -> Command {
    let mut command = Command::new(binary());
    command.args(args);
    for name in ["NO_COLOR", "CLICOLOR", "CLICOLOR_FORCE"] {
        command.env_remove(name);
    }
    command.envs(env.iter().copied());
    command
}

/// What a successful run printed.
#[track_caller]
pub(crate) fn printed(args: &[&str]) -> String {
    let said = tracer(args);
    assert_eq!((said.code, said.stderr.as_str()), (Some(0), ""), "{args:?}");
    said.stdout
}

/// A file of the repository.
pub(crate) fn file(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..").join(name)
}

/// A recording with a finding, as an argument.
pub(crate) fn recording() -> String {
    file("tests/fixtures/python-new.trace").into_os_string().into_string().expect("UTF-8")
}
