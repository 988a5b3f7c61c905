//! Stage 6: folds connections into totals per process × role × destination.

mod key;
mod totals;

pub use key::{Key, Who};
pub use totals::Totals;
