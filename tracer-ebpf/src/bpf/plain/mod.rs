//! The plain tier: classic tracepoints, and hooks of control groups, for kernels whose types (BTF)
//! are missing or refused. Same table entries, same records, fewer facts: marked
//! [`tracer_ebpf::flags::PLAIN`].
//!
//! A classic tracepoint hands over a copy of a few fields, so nothing here reads kernel memory. All
//! programs of this kind share one guard per CPU: while one runs, a softirq that interrupts it finds
//! every other one skipped. The kernel counts that since 6.7.

mod counters;
mod destroy;
mod dial;
mod error;
mod event;
mod exit;
mod listen;
mod mptcp;
mod peer;
mod read;
mod release;
mod reset;
mod state;
mod table;
