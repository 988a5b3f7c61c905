//! The tracer against real traffic on this host: real clients and servers, counted independently.
//!
//! Needs root, nginx, curl, go and python3 (`cargo xtask setup --tests`); run by `cargo xtask
//! test`, or `cargo test -p tracer --test live -- --ignored`. Traffic stays on loopback. Nothing
//! here may skip: what cannot run fails.

#![expect(clippy::expect_used, reason = "a test that cannot set its scene fails, with that reason")]

#[path = "support/load/mod.rs"]
mod load;
mod support;

#[path = "live/batch.rs"]
mod batch;
#[path = "live/churn.rs"]
mod churn;
#[path = "live/cli.rs"]
mod cli;
#[path = "live/curl.rs"]
mod curl;
#[path = "live/detach.rs"]
mod detach;
#[path = "live/dials.rs"]
mod dials;
#[path = "live/exec.rs"]
mod exec;
#[path = "live/go.rs"]
mod go;
#[path = "live/lookups.rs"]
mod lookups;
#[path = "live/namespaces.rs"]
mod namespaces;
#[path = "live/overload.rs"]
mod overload;
#[path = "live/owners.rs"]
mod owners;
#[path = "live/peers.rs"]
mod peers;
#[path = "live/pids.rs"]
mod pids;
#[path = "live/plain.rs"]
mod plain;
#[path = "live/process.rs"]
mod process;
#[path = "live/python.rs"]
mod python;
#[path = "live/unseen.rs"]
mod unseen;
