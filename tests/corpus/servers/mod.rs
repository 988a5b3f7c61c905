//! Servers of the cases that no real server plays: each counts by itself what it did.

pub(crate) mod black_hole;
pub(crate) mod http;
