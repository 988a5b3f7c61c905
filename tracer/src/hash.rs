//! The hash tables of what is looked up for every record. Owns the choice of the hash function.
//!
//! Peers choose their addresses and ports, so the function has a random seed for each process: one
//! without would let them pick keys that collide. That is all it has to withstand, for nobody
//! outside sees the order of a table or the time of one look-up. The standard library's withstands
//! more, at five times the cost.

use foldhash::fast::RandomState;

/// A map with a fast, seeded hash function.
pub(crate) type Map<K, V> = std::collections::HashMap<K, V, RandomState>;

/// A set with the same.
pub(crate) type Set<K> = std::collections::HashSet<K, RandomState>;
