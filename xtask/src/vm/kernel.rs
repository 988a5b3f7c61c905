//! Stock Debian cloud kernels and their modules, unpacked and never installed. A kernel more is a row more.

use super::modules;
use crate::apt::{PrivateApt, unpack};
use crate::process::say;
use crate::toolchain::Unavailable;
use anyhow::{Context as _, Result};
use std::fs;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};

/// A kernel line that a Debian suite carries.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Kernel {
    /// What `--kernel` takes.
    pub(crate) name: &'static str,
    suite: &'static str,
    /// What it needs to boot an initramfs under emulation, MiB.
    pub(crate) memory: u32,
    /// Whether it counts what programs at plain tracepoints are skipped for, as kernels do since 6.7.
    pub(crate) counts_skipped: bool,
}

/// Whatever is newest; it changes from week to week.
pub(crate) const NEWEST: &str = "sid";

pub(crate) const KERNELS: [Kernel; 4] = [
    Kernel { name: "5.10", suite: "bullseye", memory: 512, counts_skipped: false },
    Kernel { name: "6.1", suite: "bookworm", memory: 512, counts_skipped: false },
    Kernel { name: "6.12", suite: "trixie", memory: 512, counts_skipped: true },
    Kernel { name: NEWEST, suite: "sid", memory: 768, counts_skipped: true },
];

/// Depends on the newest image of its suite.
const META_PACKAGE: &str = "linux-image-cloud-amd64";

impl Kernel {
    /// Its files, downloaded on first use.
    pub(crate) fn files(&self, tools: &Path) -> Result<Files> {
        let dir = tools.join("kernels").join(self.name);
        if let Some(files) = Files::find(&dir) {
            return Ok(files);
        }
        // A kernel without its modules is of no use: the mirror may have a newer one by now.
        match fs::remove_dir_all(&dir) {
            Err(error) if error.kind() != ErrorKind::NotFound => {
                return Err(error).with_context(|| format!("cannot remove {}", dir.display()));
            }
            _ => {}
        }
        fs::create_dir_all(&dir).with_context(|| format!("cannot make {}", dir.display()))?;
        say(format!("vm: no kernel {} yet; looking in Debian {}", self.name, self.suite));
        let unavailable =
            || Unavailable(format!("kernel {} is not on this machine's Debian mirror", self.name));
        let apt = PrivateApt::open(&dir.join("apt"))?.ok_or_else(unavailable)?;
        apt.select(self.suite).ok_or_else(unavailable)?;
        let image = apt.dependency(META_PACKAGE, "linux-image-").ok_or_else(unavailable)?;
        // After trixie the image package is empty: its kernel and its modules have their own.
        let part = |prefix| apt.dependency(&image, prefix).unwrap_or_else(|| image.clone());
        let (kernel, modules) = (part("linux-binary-"), part("linux-modules-"));
        let unpacked = dir.join("unpacked");
        fs::create_dir_all(&unpacked)?;
        unpack(&apt.download(&kernel).ok_or_else(unavailable)?, &unpacked)?;
        if modules != kernel {
            unpack(&apt.download(&modules).ok_or_else(unavailable)?, &unpacked)?;
        }
        apt.remove()?;
        let image = image_in(&unpacked)?.context("the kernel package has no vmlinuz")?;
        fs::rename(image, dir.join(IMAGE))?;
        fs::write(dir.join(MODULES), modules::pack(&unpacked)?)?;
        fs::remove_dir_all(&unpacked)?;
        Files::find(&dir).context("the kernel cannot be found again")
    }
}

/// A kernel, ready to boot.
pub(crate) struct Files {
    /// The bzImage.
    pub(crate) image: PathBuf,
    /// The archive of its modules.
    pub(crate) modules: PathBuf,
}

const IMAGE: &str = "vmlinuz";
/// Written last, so that it stands for a complete download.
const MODULES: &str = "modules.cpio";

impl Files {
    fn find(dir: &Path) -> Option<Self> {
        let files = Self { image: dir.join(IMAGE), modules: dir.join(MODULES) };
        (files.image.exists() && files.modules.exists()).then_some(files)
    }
}

fn image_in(dir: &Path) -> Result<Option<PathBuf>> {
    for entry in fs::read_dir(dir)? {
        let entry = entry?;
        let name = entry.file_name();
        if entry.file_type()?.is_dir() {
            if let Some(image) = image_in(&entry.path())? {
                return Ok(Some(image));
            }
        } else if name.to_str().is_some_and(|name| name.starts_with(IMAGE)) {
            return Ok(Some(entry.path()));
        }
    }
    Ok(None)
}
