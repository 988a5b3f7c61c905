//! `tracer agent` as a service would run it, on this host.
//!
//! Needs root and what `cargo xtask setup --tests` installs; run by `cargo xtask test`, or `cargo test -p
//! tracer --test agent -- --ignored --test-threads=1`. Traffic stays on loopback. Nothing here may skip:
//! what cannot run fails.

#![expect(clippy::expect_used, reason = "a test that cannot set its scene fails, with that reason")]

#[expect(dead_code, reason = "the live suite asks more of the same modules")]
#[path = "support"]
mod support {
    pub(crate) mod agent;
    pub(crate) mod port;
    pub(crate) mod report;
    pub(crate) mod tool;
    pub(crate) mod tracer;
    pub(crate) mod wait;
}

#[path = "agent/crash.rs"]
mod crash;
#[path = "agent/ecs.rs"]
mod ecs;
#[path = "agent/journald.rs"]
mod journald;
#[path = "agent/logrotate.rs"]
mod logrotate;
#[path = "agent/metrics_server.rs"]
mod metrics_server;
#[path = "agent/otlp.rs"]
mod otlp;
#[path = "agent/privileges.rs"]
mod privileges;
#[path = "agent/prometheus.rs"]
mod prometheus;
#[path = "agent/redaction.rs"]
mod redaction;
#[path = "agent/running.rs"]
mod running;
#[path = "agent/settings.rs"]
mod settings;
#[path = "agent/together.rs"]
mod together;
