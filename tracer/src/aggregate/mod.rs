//! Stage 6: folds connections into totals per process × role × destination.
//!
//! Every connection is counted under exactly one key, so that the keys add up to what was seen.
//! The number of keys is bounded. Beside that, where asked for, accepted connections are counted per
//! peer address. Pure: no clock, no I/O.

mod common;
mod concurrency;
mod distribution;
mod entry;
mod fold;
mod group;
mod key;
mod peer_redials;
mod peers;
mod races;
mod route;
mod shown;
#[cfg(test)]
pub(crate) mod support;
mod tick;
mod totals;

pub use distribution::Distribution;
pub use entry::Entry;
pub use fold::{Aggregate, Limits, Sorted};
pub use key::{Key, Who};
pub use peer_redials::REDIAL_NS;
pub use peers::{MOST_PEERS, Peer, PeerTotals, Peers};
pub use shown::Shown;
pub use tick::{Identities, Memory, Slice};
pub use totals::Totals;
