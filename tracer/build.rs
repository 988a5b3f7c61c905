//! Hands the committed BPF object to the crate and says when its sources have moved on.
//!
//! Compiles nothing: building the object needs a toolchain that building `tracer` must not need.

#[path = "../xtask/src/source_hash.rs"]
mod source_hash;

use std::error::Error;
use std::path::{Path, PathBuf};
use std::{env, fs};

const MEND: &str = "run `cargo xtask setup && cargo xtask ebpf`";
const OBJECT: &str = "bpf/tracer.bpf.o";
const SOURCES: &str = "bpf/tracer.bpf.o.sources";

fn main() -> Result<(), Box<dyn Error>> {
    let here = PathBuf::from(env::var("CARGO_MANIFEST_DIR")?);
    let out = PathBuf::from(env::var("OUT_DIR")?).join("tracer.bpf.o");
    println!("cargo::rerun-if-env-changed=TRACER_BPF_OBJ");
    println!("cargo::rerun-if-changed=build.rs");
    println!("cargo::rerun-if-changed=../xtask/src/source_hash.rs");
    if let Some(object) = env::var_os("TRACER_BPF_OBJ").map(PathBuf::from) {
        println!("cargo::rerun-if-changed={}", object.display());
        fs::copy(&object, &out)
            .map_err(|error| format!("TRACER_BPF_OBJ={}: {error}", object.display()))?;
        return Ok(());
    }
    for watched in ["bpf", "../tracer-ebpf/Cargo.toml", "../tracer-ebpf/src"] {
        println!("cargo::rerun-if-changed={watched}");
    }
    let object = here.join(OBJECT);
    if object.exists() {
        fs::copy(&object, &out)?;
        warn_if_stale(&here)?;
    } else {
        // The loader refuses an empty object with a sentence; everything else still builds.
        fs::write(&out, [])?;
        println!("cargo::warning={} does not exist: {MEND}", object.display());
    }
    Ok(())
}

/// Warns if the object was built from other sources than those beside it.
fn warn_if_stale(here: &Path) -> Result<(), Box<dyn Error>> {
    let recorded = fs::read_to_string(here.join(SOURCES)).unwrap_or_default();
    let recorded = recorded
        .lines()
        .find_map(|line| line.strip_prefix(source_hash::SOURCES_KEY)?.strip_prefix(' '));
    let sources = source_hash::source_hash(&here.join("../tracer-ebpf"), "src")?;
    if recorded != Some(sources.as_str()) {
        println!(
            "cargo::warning={OBJECT} was not built from the sources in tracer-ebpf: {MEND}, and \
             commit tracer/bpf"
        );
    }
    Ok(())
}
