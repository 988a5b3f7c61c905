//! Proxies as clients of an upstream server: nginx and HAProxy, in one process each, so that its pid
//! is who dials.

use std::fs;
use std::process::{Child, Command, Stdio};

use rustix::process::{Pid, Signal, kill_process};
use tempfile::TempDir;

use crate::support::{port, tool, wait};

/// A running proxy. Stopped on drop.
pub(crate) struct Proxy {
    process: Child,
    _dir: TempDir,
    /// Who dials the upstream.
    pub(crate) pid: u32,
    /// Where it listens on 127.0.0.1.
    pub(crate) port: u16,
}

impl Proxy {
    /// nginx before `upstream`, with further directives of `upstream` and `location`.
    pub(crate) fn nginx(upstream: u16, in_upstream: &str, in_location: &str) -> Self {
        Self::start("nginx", |port, dir| {
            let config = format!(
                "daemon off; master_process off; pid {dir}/nginx.pid;
                events {{ worker_connections 512; }}
                http {{
                    access_log off;
                    client_body_temp_path {dir}/body;
                    proxy_temp_path {dir}/proxy;
                    fastcgi_temp_path {dir}/fastcgi;
                    uwsgi_temp_path {dir}/uwsgi;
                    scgi_temp_path {dir}/scgi;
                    upstream app {{ server 127.0.0.1:{upstream}; {in_upstream} }}
                    server {{
                        listen 127.0.0.1:{port};
                        location / {{ proxy_pass http://app; {in_location} }}
                    }}
                }}"
            );
            (config, vec!["-p", dir, "-e", "error.log", "-c", "config"])
        })
    }

    /// HAProxy before `upstream`, with further lines of `backend` and words of `server`.
    pub(crate) fn haproxy(upstream: u16, in_backend: &str, in_server: &str) -> Self {
        Self::start("haproxy", |port, dir| {
            let config = format!(
                "global
                    user nobody
                    nbthread 1
                defaults
                    mode http
                    timeout connect 5s
                    timeout client 60s
                    timeout server 60s
                frontend front
                    bind 127.0.0.1:{port}
                    default_backend app
                backend app
                    {in_backend}
                    server one 127.0.0.1:{upstream} {in_server}
"
            );
            // In the foreground: no master process.
            (config, vec!["-db", "-C", dir, "-f", "config"])
        })
    }

    fn start(
        program: &str,
        configure: impl for<'d> FnOnce(u16, &'d str) -> (String, Vec<&'d str>),
    ) -> Self {
        let dir = tempfile::tempdir().expect("a temporary directory");
        let port = port::closed();
        let path = dir.path().to_str().expect("UTF-8");
        let (config, args) = configure(port, path);
        fs::write(dir.path().join("config"), config).expect("configuration");
        let mut process = Command::new(tool::path(program))
            .args(args)
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .unwrap_or_else(|error| panic!("{program}: {error}"));
        wait::until("the proxy listening", || {
            let ended = process.try_wait().expect("wait");
            assert!(ended.is_none(), "{program} ended early: {ended:?}");
            wait::is_listening(port).then_some(())
        });
        Self { pid: process.id(), process, _dir: dir, port }
    }
}

impl Drop for Proxy {
    fn drop(&mut self) {
        // Nothing is left to do about one that does not stop.
        let _ = kill_process(Pid::from_child(&self.process), Signal::TERM);
        let _ = self.process.wait();
    }
}
