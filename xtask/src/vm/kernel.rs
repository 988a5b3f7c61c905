//! Stock Debian cloud kernels, unpacked and never installed. A kernel more is a row more.

use crate::apt::PrivateApt;
use crate::process::{pipe, say};
use crate::toolchain::Unavailable;
use anyhow::{Context as _, Result, bail};
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

/// A kernel line that a Debian suite carries.
#[derive(Debug)]
pub(crate) struct Kernel {
    /// What `--kernel` takes.
    pub(crate) name: &'static str,
    suite: &'static str,
    /// What it needs to boot an initramfs under emulation, MiB.
    pub(crate) memory: u32,
}

const KERNELS: [Kernel; 4] = [
    Kernel { name: "5.10", suite: "bullseye", memory: 512 },
    Kernel { name: "6.1", suite: "bookworm", memory: 512 },
    Kernel { name: "6.12", suite: "trixie", memory: 512 },
    // Whatever is newest; it changes from week to week.
    Kernel { name: "sid", suite: "sid", memory: 768 },
];

/// Depends on the newest image of its suite.
const META_PACKAGE: &str = "linux-image-cloud-amd64";

impl Kernel {
    pub(crate) fn named(name: &str) -> Result<&'static Self> {
        let known = || KERNELS.map(|kernel| kernel.name).join(", ");
        KERNELS
            .iter()
            .find(|kernel| kernel.name == name)
            .with_context(|| format!("no kernel {name}; there are {}", known()))
    }

    /// The path of its bzImage, downloaded on first use.
    pub(crate) fn image(&self, tools: &Path) -> Result<PathBuf> {
        let dir = tools.join("kernels").join(self.name);
        if let Some(image) = image_in(&dir) {
            return Ok(image);
        }
        fs::create_dir_all(&dir).with_context(|| format!("cannot make {}", dir.display()))?;
        say(format!("vm: no kernel {} yet; looking in Debian {}", self.name, self.suite));
        let unavailable =
            || Unavailable(format!("kernel {} is not on this machine's Debian mirror", self.name));
        let apt = PrivateApt::open(&dir.join("apt"))?.ok_or_else(unavailable)?;
        apt.select(self.suite).ok_or_else(unavailable)?;
        let image = apt.dependency(META_PACKAGE, "linux-image-").ok_or_else(unavailable)?;
        // After trixie the image package is empty and its kernel in a package of its own.
        let package = apt.dependency(&image, "linux-binary-").unwrap_or(image);
        let package = apt.download(&package).ok_or_else(unavailable)?;
        pipe(
            Command::new("dpkg-deb").arg("--fsys-tarfile").arg(&package),
            Command::new("tar").arg("-x").arg("-C").arg(&dir).args([
                "--wildcards",
                "*/vmlinuz*",
                "--transform=s,.*/,,",
            ]),
        )?;
        apt.remove()?;
        let Some(image) = image_in(&dir) else { bail!("the kernel package has no vmlinuz") };
        Ok(image)
    }
}

fn image_in(dir: &Path) -> Option<PathBuf> {
    let mut files = fs::read_dir(dir).ok()?.filter_map(|entry| Some(entry.ok()?.path()));
    files.find(|file| {
        file.file_name().and_then(|name| name.to_str()).is_some_and(|n| n.starts_with("vmlinuz"))
    })
}
