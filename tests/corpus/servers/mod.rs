//! Servers of the cases besides nginx, scripted and real, and proxies: each counts by itself what it
//! did.

pub(crate) mod black_hole;
pub(crate) mod http;
pub(crate) mod postgres;
pub(crate) mod proxy;
pub(crate) mod redis;
