//! A real nginx that counts independently of the tracer: its log names each connection's number.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::io::{Read as _, Write as _};
use std::os::unix::net::UnixStream;
use std::path::Path;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::atomic::{AtomicU64, Ordering};

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
    /// How often its status was asked for.
    asked: AtomicU64,
    /// Where it listens on 127.0.0.1.
    pub(crate) port: u16,
}

/// What is set otherwise than by default.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Config {
    /// How long an idle connection is kept, in its notation.
    pub(crate) keepalive_timeout: &'static str,
    /// After how many requests a connection is closed; its default is 1000.
    pub(crate) keepalive_requests: u32,
    /// Parameters of `listen`, such as `ssl http2`. With `ssl` it has a certificate of its own.
    pub(crate) listen: &'static str,
    /// Further directives of the `server` block.
    pub(crate) server: &'static str,
}

impl Config {
    /// Keeps connections for a minute.
    pub(crate) const KEEPS: Self =
        Self { keepalive_timeout: "60s", keepalive_requests: 1000, listen: "", server: "" };
    /// Closes each connection after its answer.
    pub(crate) const CLOSES_EACH: Self = Self { keepalive_timeout: "0", ..Self::KEEPS };

    fn is_tls(&self) -> bool {
        self.listen.split_whitespace().any(|word| word == "ssl")
    }
}

impl Nginx {
    /// One that keeps connections open for a minute.
    pub(crate) fn keep_alive() -> Self {
        Self::start(&Config::KEEPS, port::closed())
    }

    /// One that closes each connection after its answer.
    pub(crate) fn closing_each() -> Self {
        Self::start(&Config::CLOSES_EACH, port::closed())
    }

    /// One of choice at `port`.
    pub(crate) fn start(config: &Config, port: u16) -> Self {
        let dir = tempfile::tempdir().expect("a temporary directory");
        fs::write(dir.path().join("small"), vec![b's'; SMALL]).expect("small file");
        fs::write(dir.path().join("large"), vec![b'l'; LARGE]).expect("large file");
        if config.is_tls() {
            certify(dir.path());
        }
        fs::write(dir.path().join("nginx.conf"), text(config, dir.path(), port))
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
        Self { master, dir, asked: AtomicU64::new(0), port }
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

    /// Connections accepted so far, those without a request included.
    pub(crate) fn accepted(&self) -> u64 {
        let mut status = UnixStream::connect(self.dir.path().join("status")).expect("stub_status");
        status.write_all(b"GET / HTTP/1.0\r\n\r\n").expect("a request");
        let mut answer = String::new();
        status.read_to_string(&mut answer).expect("an answer");
        let numbers = answer.lines().skip_while(|line| !line.starts_with("server accepts"));
        let first = numbers.skip(1).find_map(|line| line.split_whitespace().next());
        let accepts: u64 = first.and_then(|word| word.parse().ok()).expect("accepts");
        // This question is one, and so was each before.
        accepts - self.asked.fetch_add(1, Ordering::Relaxed) - 1
    }

    /// Asks it to start a new worker and to let the old one finish (SIGHUP).
    pub(crate) fn reload(&self) {
        let old = self.worker();
        kill_process(Pid::from_child(&self.master), Signal::HUP).expect("it runs");
        wait::until("nginx's new worker", || {
            children(self.master.id()).iter().any(|pid| *pid != old).then_some(())
        });
    }

    /// Requests logged so far, which is once they are answered.
    pub(crate) fn requests(&self) -> u64 {
        self.requests_by_connection().values().sum()
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

/// Makes `cert.pem` and `key.pem`, signed by nobody else.
fn certify(dir: &Path) {
    let status = Command::new(tool::path("openssl"))
        .args(["req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1"])
        .args(["-nodes", "-days", "1", "-subj", "/CN=localhost"])
        .args(["-addext", "subjectAltName=IP:127.0.0.1,DNS:localhost"])
        .args(["-keyout", "key.pem", "-out", "cert.pem"])
        .current_dir(dir)
        .stderr(Stdio::null())
        .status()
        .expect("openssl starts");
    assert!(status.success(), "openssl: {status}");
}

fn text(config: &Config, dir: &Path, port: u16) -> String {
    let Config { keepalive_timeout, keepalive_requests, listen, server } = config;
    let tls =
        if config.is_tls() { "ssl_certificate cert.pem; ssl_certificate_key key.pem;" } else { "" };
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
            keepalive_timeout {keepalive_timeout};
            keepalive_requests {keepalive_requests};
            {tls}
            server {{ listen unix:{dir}/status; access_log off; location / {{ stub_status; }} }}
            server {{ listen 127.0.0.1:{port} {listen}; root {dir}; {server} }}
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
