//! Lines and metrics as the messages of OTLP, the protocol of OpenTelemetry; `docs/agent.md` says which
//! key becomes what.
//!
//! The messages are those of the crate that the SDK's exporters send, too. The SDK's own way to them is
//! not ours: of an export it tells neither what the collector refused nor whether it may be sent again,
//! and its metrics can be made of nothing but its own instruments, while ours are counted already.

mod gone;
mod logs;
mod metrics;
mod value;

pub use gone::Told;
pub use logs::{Record, of_line, of_records};
pub use metrics::{MOST_POINTS, Request, Times, of_families};
pub use value::attribute;

use opentelemetry_proto::tonic::common::v1::InstrumentationScope;

/// Who made all of it.
fn scope() -> InstrumentationScope {
    InstrumentationScope {
        name: env!("CARGO_PKG_NAME").to_owned(),
        version: env!("CARGO_PKG_VERSION").to_owned(),
        ..InstrumentationScope::default()
    }
}
