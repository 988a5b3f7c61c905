//! Build, test and release tasks.
fn main() {}
