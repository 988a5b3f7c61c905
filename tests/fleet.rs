//! What is offered for many hosts (`fleet/`), asked of the real engines: the `ClickHouse` table and its
//! queries on lines of recorded traffic, beside figures counted here from the same lines; the alert
//! rules and the dashboard against the one list of metrics. Needs no root. Whether a verdict is right is
//! the corpus' work.
//!
//! `UPDATE_EXPECTED=1` accepts the sample answers of `docs/fleet.md` as they are now.

#![expect(clippy::expect_used, reason = "a test that cannot set its scene fails, with that reason")]

#[expect(dead_code, reason = "the corpus asks more of the same modules")]
#[path = "support"]
mod support {
    pub(crate) mod expectation;
    pub(crate) mod fixture;
    pub(crate) mod report;
    pub(crate) mod tool;
    pub(crate) mod tracer;
    pub(crate) mod wait;
}

#[path = "fleet/answers.rs"]
mod answers;
#[path = "fleet/basis.rs"]
mod basis;
#[path = "fleet/corners.rs"]
mod corners;
#[path = "fleet/document.rs"]
mod document;
#[path = "fleet/engine.rs"]
mod engine;
#[path = "fleet/figures.rs"]
mod figures;
#[path = "fleet/kubernetes.rs"]
mod kubernetes;
#[path = "fleet/live.rs"]
mod live;
#[path = "fleet/metrics.rs"]
mod metrics;
#[path = "fleet/prometheus.rs"]
mod prometheus;
#[path = "fleet/resets.rs"]
mod resets;
#[path = "fleet/scene.rs"]
mod scene;
#[path = "fleet/table.rs"]
mod table;
