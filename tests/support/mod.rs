//! What the live suites share: the tracer under test, the peers it watches, the clients it judges.
//! Nothing here asserts a verdict; that is the tests' work.

pub(crate) mod curl;
#[expect(dead_code, reason = "the corpus asks more of it")]
pub(crate) mod nginx;
pub(crate) mod peer;
#[expect(dead_code, reason = "only the corpus speaks TLS")]
pub(crate) mod port;
pub(crate) mod recording;
pub(crate) mod report;
pub(crate) mod tool;
pub(crate) mod tracer;
#[expect(dead_code, reason = "the scenarios wait for more states")]
pub(crate) mod wait;
pub(crate) mod workload;
