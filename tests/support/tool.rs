//! Programs of the distribution that the tests drive. A missing one fails, it never skips.

use std::env;
use std::path::PathBuf;

/// Path of `name`.
///
/// # Panics
/// If it is not installed, saying how to install it.
pub(crate) fn path(name: &str) -> PathBuf {
    let dirs = env::var_os("PATH").unwrap_or_default();
    env::split_paths(&dirs)
        .chain(["/usr/sbin", "/sbin"].map(PathBuf::from))
        .map(|dir| dir.join(name))
        .find(|file| file.is_file())
        .unwrap_or_else(|| panic!("{name} is not installed: run `cargo xtask setup --tests`"))
}
