//! A real nginx that counts independently of the tracer: its log names each connection's number.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::process::{Child, Command, ExitStatus, Stdio};

use rustix::process::{Pid, Signal, kill_process};
use tempfile::TempDir;

use super::{port, tool, wait};

/// Bytes of `/small`.
const SMALL: usize = 200;
/// Bytes of `/large`: far more than one socket buffer that nobody reads.
const LARGE: usize = 1 << 20;

/// A running nginx with one worker on a loopback port of its own. Stopped on drop.
pub(crate) struct Nginx {
    master: Child,
    dir: TempDir,
    /// Where it listens on 127.0.0.1.
    pub(crate) port: u16,
}

impl Nginx {
    /// One that keeps connections open for a minute.
    pub(crate) fn keep_alive() -> Self {
        Self::start(60)
    }

    /// One that closes each connection after its answer.
    pub(crate) fn closing_each() -> Self {
        Self::start(0)
    }

    fn start(keepalive_timeout_s: u32) -> Self {
        let dir = tempfile::tempdir().expect("a temporary directory");
        fs::write(dir.path().join("small"), vec![b's'; SMALL]).expect("small file");
        fs::write(dir.path().join("large"), vec![b'l'; LARGE]).expect("large file");
        let port = port::closed();
        fs::write(dir.path().join("nginx.conf"), config(dir.path(), port, keepalive_timeout_s))
            .expect("configuration");
        let mut master = Command::new(tool::path("nginx"))
            .arg("-p")
            .arg(dir.path())
            .args(["-e", "error.log", "-c", "nginx.conf", "-g", "daemon off;"])
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .expect("nginx starts");
        wait::until("nginx listening", || {
            if let Some(status) = master.try_wait().expect("wait") {
                let log = fs::read_to_string(dir.path().join("error.log")).unwrap_or_default();
                panic!("nginx ended early with {status}: {log}");
            }
            (wait::is_listening(port) && children(master.id()).len() == 1).then_some(())
        });
        Self { master, dir, port }
    }

    /// PID of the worker, which is who accepts; the master only listens.
    pub(crate) fn worker(&self) -> u32 {
        let workers = children(self.master.id());
        assert_eq!(workers.len(), 1, "worker_processes 1");
        workers[0]
    }

    /// Requests in each connection that carried any, by nginx's own count.
    pub(crate) fn requests_by_connection(&self) -> BTreeMap<u64, u64> {
        let log = fs::read_to_string(self.dir.path().join("access.log")).expect("access log");
        let rows: Vec<(u64, u64)> = log
            .lines()
            .map(|line| {
                let (connection, nth) = line.split_once(' ').expect("two fields");
                (
                    connection.parse().expect("$connection"),
                    nth.parse().expect("$connection_requests"),
                )
            })
            .collect();
        let mut counts = BTreeMap::new();
        for (connection, nth) in &rows {
            let last = counts.entry(*connection).or_insert(0);
            *last = (*last).max(*nth);
        }
        let distinct: BTreeSet<_> = rows.iter().collect();
        assert_eq!(distinct.len(), rows.len(), "each request logged once");
        assert_eq!(counts.values().sum::<u64>(), rows.len() as u64, "no request unlogged");
        counts
    }

    /// Waits until the log shows `connections` carrying `requests` in all, and no more.
    ///
    /// nginx writes the log after the answer, hence the wait.
    pub(crate) fn served(&self, connections: u64, requests: u64) {
        wait::until("nginx's log catching up", || {
            (self.requests_by_connection().values().sum::<u64>() >= requests).then_some(())
        });
        let counts = self.requests_by_connection();
        assert_eq!(
            (counts.len() as u64, counts.values().sum::<u64>()),
            (connections, requests),
            "nginx disagrees with its client about (connections, requests)"
        );
    }

    fn stop(&mut self) -> Option<ExitStatus> {
        // SIGTERM and not SIGKILL: a killed master would leave its worker behind.
        kill_process(Pid::from_child(&self.master), Signal::TERM).ok()?;
        self.master.wait().ok()
    }
}

impl Drop for Nginx {
    fn drop(&mut self) {
        // Nothing is left to do about an nginx that does not stop.
        let _ = self.stop();
    }
}

fn config(dir: &std::path::Path, port: u16, keepalive_timeout_s: u32) -> String {
    let dir = dir.display();
    format!(
        "worker_processes 1;
        user root;
        pid {dir}/nginx.pid;
        events {{ worker_connections 512; }}
        http {{
            log_format count '$connection $connection_requests';
            access_log {dir}/access.log count;
            client_body_temp_path {dir}/body;
            proxy_temp_path {dir}/proxy;
            fastcgi_temp_path {dir}/fastcgi;
            uwsgi_temp_path {dir}/uwsgi;
            scgi_temp_path {dir}/scgi;
            keepalive_timeout {keepalive_timeout_s};
            server {{ listen 127.0.0.1:{port}; root {dir}; }}
        }}"
    )
}

/// Direct children of a process.
fn children(parent: u32) -> Vec<u32> {
    fs::read_dir("/proc")
        .expect("/proc")
        .filter_map(|entry| entry.ok()?.file_name().to_str()?.parse::<u32>().ok())
        .filter(|pid| parent_of(*pid) == Some(parent))
        .collect()
}

fn parent_of(pid: u32) -> Option<u32> {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    // The command, in parentheses, may hold anything; after it come the state and the parent.
    stat.rsplit_once(')')?.1.split_whitespace().nth(1)?.parse().ok()
}
