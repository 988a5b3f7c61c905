//! `cargo xtask setup`: makes a fresh machine able to build the BPF object, and on request to run
//! every test. Repeating it is free.

use crate::process::say;
use crate::workspace::Workspace;
use crate::{test_node, test_packages, test_python, test_servers, toolchain};
use anyhow::Result;

#[derive(clap::Args)]
pub(crate) struct Options {
    /// Also install what the tests use: Debian packages, libraries of Python and Node.js, servers.
    #[arg(long)]
    tests: bool,
}

pub(crate) fn main(options: &Options) -> Result<()> {
    let workspace = Workspace::open()?;
    // First, because a machine without a BPF toolchain can still run the tests.
    if options.tests {
        test_packages::ensure()?;
        test_python::ensure(&workspace)?;
        test_node::ensure(&workspace)?;
        test_servers::ensure(&workspace)?;
    }
    toolchain::ensure(&workspace)?;
    say("setup: done");
    Ok(())
}
