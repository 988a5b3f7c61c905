//! The toolchain of the BPF object: rustc as pinned, the source of its `core`, and a bpf-linker built against
//! its LLVM. Finds them; [`rust_src`] and [`linker`] fetch what is missing.

pub(crate) mod linker;
pub(crate) mod rust_src;

use crate::process::{output, run};
use crate::workspace::{Pins, Workspace};
use anyhow::{Context as _, Result, bail};
use std::fmt;
use std::path::{Path, PathBuf};
use std::process::Command;

/// The toolchain cannot be had on this machine; not a fault of the sources. Exit code 3.
#[derive(Debug)]
pub(crate) struct Unavailable(pub(crate) String);

impl fmt::Display for Unavailable {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for Unavailable {}

/// The rustc in use.
pub(crate) struct Rustc {
    pub(crate) release: String,
    pub(crate) host: String,
    pub(crate) llvm_major: String,
    pub(crate) sysroot: PathBuf,
}

impl Rustc {
    pub(crate) fn current() -> Result<Self> {
        let verbose = output(Command::new("rustc").arg("-vV"))?;
        let field = |name: &str| {
            let value = verbose.lines().find_map(|line| line.strip_prefix(name));
            value.map(|v| v.trim().to_owned()).with_context(|| format!("rustc -vV has no {name}"))
        };
        let llvm = field("LLVM version:")?;
        let llvm_major = llvm.split('.').next().unwrap_or_default().to_owned();
        let sysroot = output(Command::new("rustc").args(["--print", "sysroot"]))?;
        let sysroot = PathBuf::from(sysroot.trim());
        Ok(Self { release: field("release:")?, host: field("host:")?, llvm_major, sysroot })
    }

    /// The BPF object is reproducible only with exactly the pinned release.
    fn refuse_unless_pinned(&self, pins: &Pins) -> Result<()> {
        let (is, wanted) = (&self.release, &pins.rustc);
        if is != wanted {
            bail!(
                "the BPF object is built with rustc {wanted} and this is {is}: run `rustup \
                 toolchain install {wanted}`, then `cargo +{wanted} xtask ...`"
            );
        }
        Ok(())
    }

    /// Copies `from` to `to` without debug sections, by the objcopy that rustc ships. `renames` are
    /// old and new names of symbols.
    pub(crate) fn strip_debug(
        &self,
        from: &Path,
        to: &Path,
        renames: &[(String, String)],
    ) -> Result<()> {
        let objcopy = self.sysroot.join("lib/rustlib").join(&self.host).join("bin/rust-objcopy");
        run(Command::new(objcopy)
            .arg("--strip-debug")
            .args(renames.iter().map(|(old, new)| format!("--redefine-sym={old}={new}")))
            .args([from, to])
            .env("LD_LIBRARY_PATH", self.sysroot.join("lib")))
    }
}

/// Everything a BPF build needs, present on this machine.
pub(crate) struct Toolchain {
    pub(crate) rustc: Rustc,
    pub(crate) library: Library,
    /// The bpf-linker executable.
    pub(crate) linker: PathBuf,
}

/// The `library` folder of rust-src, which holds `core`, and where it was found.
pub(crate) enum Library {
    /// A component of the toolchain: cargo finds it by itself.
    Sysroot(PathBuf),
    /// Unpacked beside the linker: cargo must be told.
    Unpacked(PathBuf),
}

impl Library {
    pub(crate) fn path(&self) -> &Path {
        match self {
            Self::Sysroot(path) | Self::Unpacked(path) => path,
        }
    }
}

/// Finds the toolchain and fetches or builds what is missing of it.
pub(crate) fn ensure(workspace: &Workspace) -> Result<Toolchain> {
    let pins = workspace.pins()?;
    let rustc = Rustc::current()?;
    rustc.refuse_unless_pinned(&pins)?;
    let dir = workspace.tools().join(&rustc.release);
    std::fs::create_dir_all(&dir).with_context(|| format!("cannot make {}", dir.display()))?;
    let library = rust_src::ensure(&rustc, &dir)?;
    let linker = linker::ensure(&rustc, &pins.bpf_linker, &dir)?;
    Ok(Toolchain { rustc, library, linker })
}
