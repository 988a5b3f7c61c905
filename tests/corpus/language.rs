//! How a program of each language is started: its interpreter, or its binary built once a run. What it
//! then says is not known here.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::str::SplitWhitespace;
use std::sync::OnceLock;

use crate::servers::postgres;
use crate::support::tool;

/// What a program is written in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Language {
    /// `programs/go`.
    Go,
    /// A script of `programs/python`, which is the first word.
    Python,
    /// The same with the libraries of `requirements.txt`.
    Library,
    /// `programs/node/client.js`.
    Node,
    /// `programs/java/Ask.java`.
    Java,
    /// `programs/php/curl.php`.
    Php,
    /// `programs/ruby/net_http.rb`.
    Ruby,
    /// `programs/shell/loop.sh`.
    Shell,
}

/// A proxy that the environment names would be dialled instead of the server.
const PROXIES: [&str; 6] =
    ["http_proxy", "https_proxy", "all_proxy", "HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY"];

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../tests/corpus/programs")
}

impl Language {
    /// The command that starts the program, without its own words; a script is taken from them.
    pub(crate) fn command(self, words: &mut SplitWhitespace<'_>) -> Command {
        let mut script = || words.next().expect("a script");
        let mut command = match self {
            Self::Go => Command::new(go_binary()),
            Self::Python => python(&tool::path("python3"), script()),
            Self::Library => python(&environment(), script()),
            Self::Node => interpreted("node", "node/client.js"),
            Self::Java => java(),
            Self::Php => interpreted("php", "php/curl.php"),
            Self::Ruby => interpreted("ruby", "ruby/net_http.rb"),
            Self::Shell => interpreted("sh", "shell/loop.sh"),
        };
        for name in PROXIES {
            command.env_remove(name);
        }
        command.env("PGPASSWORD", postgres::PASSWORD).current_dir(folder().join("shell"));
        command
    }
}

fn interpreted(interpreter: &str, script: &str) -> Command {
    let mut command = Command::new(tool::path(interpreter));
    command.arg(folder().join(script));
    command
}

fn python(interpreter: &Path, script: &str) -> Command {
    let mut command = Command::new(interpreter);
    // -B: no bytecode cache in the source tree.
    command.arg("-B").arg(folder().join("python").join(script));
    command
}

/// The interpreter that has the libraries.
fn environment() -> PathBuf {
    let python = Path::new(env!("CARGO_TARGET_TMPDIR")).join("../corpus/python/bin/python");
    let what = "the Python libraries are not installed: run `cargo xtask setup --tests`";
    assert!(python.is_file(), "{what}");
    python
}

fn java() -> Command {
    let mut command = Command::new(tool::path("java"));
    // It lives for seconds: the second compiler and a large heap only cost.
    command.args(["-XX:TieredStopAtLevel=1", "-Xmx64m", "-cp"]).arg(java_classes()).arg("Ask");
    command
}

/// Where what is built is kept.
fn built(name: &str) -> PathBuf {
    Path::new(env!("CARGO_TARGET_TMPDIR")).join(name)
}

fn succeed(command: &mut Command) {
    let status = command.stdin(Stdio::null()).status();
    let status = status.unwrap_or_else(|error| panic!("{command:?}: {error}"));
    assert!(status.success(), "{command:?}: {status}");
}

/// `programs/go`, built once a run.
fn go_binary() -> &'static Path {
    static PROGRAM: OnceLock<PathBuf> = OnceLock::new();
    PROGRAM.get_or_init(|| {
        let program = built("go-client");
        succeed(
            Command::new(tool::path("go"))
                .args(["build", "-o"])
                .arg(&program)
                .arg(".")
                .current_dir(folder().join("go"))
                .envs([("GOFLAGS", ""), ("GOPROXY", "off"), ("GOTOOLCHAIN", "local")])
                .env("GOCACHE", built("gocache")),
        );
        program
    })
}

/// Classes of `programs/java`, compiled once a run.
fn java_classes() -> &'static Path {
    static CLASSES: OnceLock<PathBuf> = OnceLock::new();
    CLASSES.get_or_init(|| {
        let classes = built("java-client");
        let compile = tool::path("javac");
        succeed(Command::new(compile).arg("-d").arg(&classes).arg(folder().join("java/Ask.java")));
        classes
    })
}
