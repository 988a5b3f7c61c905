//! `cargo xtask setup`: makes a fresh machine able to build the BPF object. Repeating it is free.

use crate::process::say;
use crate::toolchain;
use crate::workspace::Workspace;
use anyhow::Result;

#[derive(clap::Args)]
pub(crate) struct Options {}

pub(crate) fn main(_options: &Options) -> Result<()> {
    let workspace = Workspace::open()?;
    toolchain::ensure(&workspace)?;
    say("setup: the BPF toolchain is ready");
    Ok(())
}
