//! Build, test and release tasks, one file per subcommand. This file only parses and dispatches.
//!
//! Exit codes: 0 done, 1 failed, 2 usage, 3 the BPF toolchain cannot be had on this machine, or it
//! lets us load no BPF program (so that a caller can go on with the checks that need neither).

mod apt;
mod bench;
mod bpf_build;
mod bpf_object;
mod closure;
mod ebpf;
mod lint;
mod object_file;
mod outcome;
mod package;
mod process;
mod setup;
mod soak;
mod source_hash;
mod tally;
mod test;
mod test_node;
mod test_packages;
mod test_python;
mod test_servers;
mod tidy;
mod toolchain;
mod vm;
mod workspace;

use clap::{Parser, Subcommand};
use std::process::ExitCode;

#[derive(Parser)]
#[command(name = "cargo xtask", about = "Build, test and release tasks of tracer")]
struct Cli {
    #[command(subcommand)]
    task: Task,
}

#[derive(Subcommand)]
enum Task {
    /// Make this machine able to build the BPF object (and, on request, to run every test).
    Setup(setup::Options),
    /// Build the BPF object that is committed at tracer/bpf/, or check that it is up to date.
    Ebpf(ebpf::Options),
    /// Formatting, clippy on both targets, and the rules of the tree that no tool knows.
    Lint,
    /// Every test: workspace, live kernel (root), the matrix of kernels.
    Test(test::Options),
    /// What tracer costs, beside empty programs on the same hooks and beside other tools.
    Bench(bench::Options),
    /// Build a static binary and a Debian package, or check these.
    Package(package::Options),
    /// Observe a mixed load with faults for long, and check that nothing grows, is lost uncounted or
    /// stays behind.
    Soak(soak::Options),
    /// Run test suites on stock kernels in an emulated machine, and on this host.
    Vm(vm::Options),
}

fn main() -> ExitCode {
    let done = match Cli::parse().task {
        Task::Setup(options) => setup::main(&options),
        Task::Ebpf(options) => ebpf::main(&options),
        Task::Lint => lint::main(),
        Task::Test(options) => test::main(&options),
        Task::Bench(options) => bench::main(&options),
        Task::Package(options) => package::main(&options),
        Task::Soak(options) => soak::main(&options),
        Task::Vm(options) => vm::main(&options),
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("xtask: error: {error:#}");
            let unavailable = error.is::<toolchain::Unavailable>() || error.is::<bench::NoBpf>();
            ExitCode::from(if unavailable { 3 } else { 1 })
        }
    }
}
