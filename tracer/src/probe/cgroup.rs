//! Where the control group hierarchy of version 2 is mounted: programs attached to its root see the
//! calls of every process.

use std::fs::File;
use std::io;
use std::path::PathBuf;

/// Its root folder, opened.
///
/// # Errors
/// `NotFound` if it is not mounted, or only a part of it.
pub(super) fn root() -> io::Result<File> {
    let mounts = std::fs::read_to_string("/proc/self/mounts")?;
    let path = PathBuf::from(parse(&mounts).ok_or(io::ErrorKind::NotFound)?);
    // Only the root has no type. In a control group namespace the mount is a part of the hierarchy:
    // what is attached there does not see the rest of the host.
    if path.join("cgroup.type").exists() {
        return Err(io::ErrorKind::NotFound.into());
    }
    File::open(path)
}

/// The first mount of that kind that is a root. Spaces in a path are written as `\040`.
fn parse(mounts: &str) -> Option<String> {
    mounts.lines().find_map(|line| {
        let mut words = line.split(' ').skip(1);
        let (path, kind) = (words.next()?, words.next()?);
        (kind == "cgroup2").then(|| path.replace("\\040", " "))
    })
}

#[cfg(test)]
mod tests {
    use super::parse;

    #[test]
    fn the_mount_of_version_2_is_found_among_those_of_version_1() {
        let mounts = "tmpfs /sys/fs/cgroup tmpfs rw 0 0\n\
            cgroup /sys/fs/cgroup/cpu cgroup rw,cpu 0 0\n\
            cgroup2 /sys/fs/cgroup/my\\040tree cgroup2 rw 0 0\n";
        assert_eq!(parse(mounts).as_deref(), Some("/sys/fs/cgroup/my tree"));
        assert_eq!(parse("proc /proc proc rw 0 0\n"), None);
    }
}
