//! Files as a process sees them: below its own root, which may be a container's.

use std::fs::{File, OpenOptions};
use std::io::Read as _;
use std::os::fd::{AsRawFd as _, OwnedFd};
use std::path::Path;

use rustix::fs::{FileType, Mode, OFlags, ResolveFlags, fstat, openat2};

/// Most bytes of a text file.
const LIMIT: u64 = 64 << 10;

/// The root directory of a process.
pub(super) struct Root(OwnedFd);

impl Root {
    /// Of a living process that we may look into.
    pub(super) fn of(pid: u32) -> Option<Self> {
        Some(Self(OwnedFd::from(File::open(format!("/proc/{pid}/root")).ok()?)))
    }

    /// Opens a regular file; links lead nowhere outside of the root. Nothing else is ever opened: a
    /// pipe would block us and a device may act. Kernels before 5.6 cannot, and give `None`.
    pub(super) fn open(&self, path: &Path) -> Option<File> {
        let within = ResolveFlags::IN_ROOT | ResolveFlags::NO_MAGICLINKS;
        let flags = OFlags::PATH | OFlags::CLOEXEC;
        let found = openat2(&self.0, path, flags, Mode::empty(), within).ok()?;
        let mode = fstat(&found).ok()?.st_mode;
        if FileType::from_raw_mode(mode) != FileType::RegularFile {
            return None;
        }
        OpenOptions::new().read(true).open(format!("/proc/self/fd/{}", found.as_raw_fd())).ok()
    }

    /// The text of a file, its first 64 KiB; bytes that are not UTF-8 are replaced.
    pub(super) fn text(&self, path: &Path) -> Option<String> {
        let mut bytes = Vec::new();
        self.open(path)?.take(LIMIT).read_to_end(&mut bytes).ok()?;
        Some(String::from_utf8_lossy(&bytes).into_owned())
    }
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::symlink;

    use super::*;

    #[test]
    fn only_regular_files_are_opened_and_no_link_leads_out() {
        let folder = tempfile::tempdir().unwrap();
        let at = |name: &str| folder.path().join(name);
        std::fs::write(at("text"), "1.2.3").unwrap();
        symlink("/text", at("inside")).unwrap();
        symlink("/etc/hostname", at("outside")).unwrap();
        let mode = Mode::RUSR;
        rustix::fs::mknodat(rustix::fs::CWD, at("pipe"), FileType::Fifo, mode, 0).unwrap();
        let root = Root(File::open(folder.path()).unwrap().into());
        let text = |name: &str| root.text(Path::new(name));
        assert_eq!(text("/text").as_deref(), Some("1.2.3"));
        assert_eq!(text("/inside").as_deref(), Some("1.2.3"), "as the process sees it");
        assert_eq!(text("/../../text").as_deref(), Some("1.2.3"));
        assert_eq!((text("/outside"), text("/pipe"), text("/")), (None, None, None));
    }

    #[test]
    fn a_process_that_is_gone_has_no_root() {
        assert!(Root::of(u32::MAX).is_none());
        assert!(Root::of(std::process::id()).is_some());
    }
}
