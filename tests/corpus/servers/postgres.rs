//! A real PostgreSQL of its own, as an unprivileged user, which counts in its log. Asked for a
//! password (SCRAM), as a server on a network is.

use std::fs::{self, File};
use std::os::unix::fs::chown;
use std::os::unix::process::CommandExt as _;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use rustix::process::{Pid, Signal, kill_process};
use tempfile::TempDir;

use crate::support::{port, wait};

/// Of the user `postgres`.
pub(crate) const PASSWORD: &str = "secret";

/// `nobody`: the server refuses to run as root.
pub(super) const NOBODY: u32 = 65534;

/// Where Debian puts the programs of each version.
const VERSIONS: &str = "/usr/lib/postgresql";

/// A running server. Stopped on drop.
pub(crate) struct Postgres {
    postmaster: Child,
    dir: TempDir,
    /// Where it listens on 127.0.0.1.
    pub(crate) port: u16,
}

impl Postgres {
    /// An empty one.
    pub(crate) fn start() -> Self {
        let dir = tempfile::tempdir().expect("a temporary directory");
        let (data, password) = (dir.path().join("data"), dir.path().join("password"));
        fs::write(&password, PASSWORD).expect("a password file");
        chown(dir.path(), Some(NOBODY), Some(NOBODY)).expect("root gives files away");
        let made = program("initdb", dir.path())
            .arg("-D")
            .arg(&data)
            .args(["-U", "postgres", "-E", "UTF8", "--locale=C", "--no-sync"])
            .args(["--auth-host=scram-sha-256", "--auth-local=trust", "--pwfile"])
            .arg(&password)
            .status()
            .expect("initdb starts");
        assert!(made.success(), "initdb: {made}");
        let port = port::closed();
        let log = File::create(dir.path().join("log")).expect("a log");
        let mut postmaster = program("postgres", dir.path())
            .arg("-D")
            .arg(&data)
            .args(["-F", "-h", "127.0.0.1", "-k", "", "-p", &port.to_string()])
            .args(["-c", "log_connections=on", "-c", "log_statement=all"])
            .stderr(log)
            .spawn()
            .expect("postgres starts");
        wait::until("PostgreSQL listening", || {
            if let Some(status) = postmaster.try_wait().expect("wait") {
                let log = fs::read_to_string(dir.path().join("log")).unwrap_or_default();
                panic!("PostgreSQL ended early with {status}: {log}");
            }
            let log = fs::read_to_string(dir.path().join("log")).unwrap_or_default();
            log.contains("ready to accept connections").then_some(())
        });
        Self { postmaster, dir, port }
    }

    /// Lines of its log that have `words`.
    fn logged(&self, words: &str) -> u64 {
        let log = fs::read_to_string(self.dir.path().join("log")).expect("its log");
        log.lines().filter(|line| line.contains(words)).count() as u64
    }

    /// Connections accepted, by its own log.
    pub(crate) fn accepted(&self) -> u64 {
        self.logged("connection received: host=127.0.0.1")
    }

    /// Queries executed, by its own log.
    pub(crate) fn queries(&self) -> u64 {
        self.logged("statement: SELECT")
    }
}

impl Drop for Postgres {
    fn drop(&mut self) {
        // SIGQUIT: at once, and its data is thrown away. Nobody is left to tell if that fails.
        let _ = kill_process(Pid::from_child(&self.postmaster), Signal::QUIT);
        let _ = self.postmaster.wait();
    }
}

fn program(name: &str, dir: &Path) -> Command {
    let mut command = Command::new(newest().join("bin").join(name));
    command.uid(NOBODY).gid(NOBODY).current_dir(dir).stdin(Stdio::null()).stdout(Stdio::null());
    command
}

fn newest() -> PathBuf {
    let versions = fs::read_dir(VERSIONS).into_iter().flatten().flatten();
    let version = |path: &PathBuf| path.file_name()?.to_str()?.parse::<u32>().ok();
    let newest = versions.map(|entry| entry.path()).max_by_key(version);
    newest.expect("PostgreSQL is not installed: run `cargo xtask setup --tests`")
}
