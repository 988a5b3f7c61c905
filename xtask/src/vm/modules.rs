//! Kernel modules that the tests need, found in an unpacked kernel package and packed for a guest
//! that loads them in order. Decompressed here, as a guest has only busybox.

use super::cpio::Cpio;
use super::initramfs::MODULES;
use crate::process::say;
use anyhow::{Context as _, Result, bail};
use object::{Object as _, ObjectSection as _};
use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

/// `tcp_diag` closes sockets from outside (`ss -K`), the others make networks of several hosts.
/// One that a package does not have is built in, or its kernel does without.
const WANTED: [&str; 4] = ["tcp_diag", "veth", "dummy", "tun"];

/// Archive of the wanted modules below `root` and of those they depend on.
pub(crate) fn pack(root: &Path) -> Result<Vec<u8>> {
    let mut files = BTreeMap::new();
    collect(root, &mut files)?;
    if files.is_empty() {
        bail!("the kernel package has no modules");
    }
    let mut order = Vec::new();
    for wanted in WANTED {
        if files.contains_key(wanted) {
            add(wanted, &files, &mut order)?;
        } else {
            say(format!("vm: module {wanted} is not in the kernel package: built in or left out"));
        }
    }
    let mut cpio = Cpio::default();
    cpio.folder(MODULES);
    for (place, (name, bytes)) in order.iter().enumerate() {
        cpio.executable(&format!("{MODULES}/{place:02}-{name}.ko"), bytes);
    }
    Ok(cpio.finish())
}

/// Module files by module name, which has `_` where a file name may have `-`.
fn collect(folder: &Path, files: &mut BTreeMap<String, PathBuf>) -> Result<()> {
    for entry in
        fs::read_dir(folder).with_context(|| format!("cannot read {}", folder.display()))?
    {
        let entry = entry?;
        let (path, name) = (entry.path(), entry.file_name());
        if entry.file_type()?.is_dir() {
            collect(&path, files)?;
        } else if let Some((name, _)) = name.to_str().and_then(|name| name.split_once(".ko")) {
            files.insert(name.replace('-', "_"), path);
        }
    }
    Ok(())
}

/// Adds `name` to `order` after what it depends on.
fn add(
    name: &str,
    files: &BTreeMap<String, PathBuf>,
    order: &mut Vec<(String, Vec<u8>)>,
) -> Result<()> {
    if order.iter().any(|(done, _)| done == name) {
        return Ok(());
    }
    let path = files.get(name).with_context(|| format!("there is no module {name}"))?;
    let bytes = read(path)?;
    let needed = dependencies(&bytes).with_context(|| format!("module {name}"))?;
    for needed in needed {
        add(&needed, files, order).with_context(|| format!("needed by module {name}"))?;
    }
    order.push((name.to_owned(), bytes));
    Ok(())
}

/// The module as the kernel takes it. Its signature is part of it, and lockdown asks for it.
fn read(path: &Path) -> Result<Vec<u8>> {
    let program = match path.extension().and_then(|extension| extension.to_str()) {
        Some("ko") => {
            return fs::read(path).with_context(|| format!("cannot read {}", path.display()));
        }
        Some("xz") => "xz",
        Some("zst") => "zstd",
        _ => bail!("{}: compressed in a way that is not known here", path.display()),
    };
    let output = Command::new(program)
        .args(["-d", "-c"])
        .arg(path)
        .output()
        .with_context(|| format!("cannot run {program}: run `cargo xtask setup --tests`"))?;
    if !output.status.success() {
        bail!("{program} cannot read {}", path.display());
    }
    Ok(output.stdout)
}

/// Names that a module gives in its `.modinfo`, a list of `key=value` each ended by a NUL.
/// `modules.dep` would say the same, but is made when a package is installed.
fn dependencies(module: &[u8]) -> Result<Vec<String>> {
    let file = object::File::parse(module).context("is not ELF")?;
    let section = file.section_by_name(".modinfo").context("has no .modinfo")?;
    depends(section.data()?).context("does not say what it depends on")
}

fn depends(modinfo: &[u8]) -> Option<Vec<String>> {
    let mut entries = modinfo.split(|byte| *byte == 0);
    let list = entries.find_map(|entry| entry.strip_prefix(b"depends="))?;
    let list = str::from_utf8(list).ok()?;
    Some(list.split(',').filter(|name| !name.is_empty()).map(|n| n.replace('-', "_")).collect())
}

#[cfg(test)]
mod tests {
    use super::{collect, depends, read};
    use std::collections::BTreeMap;
    use std::fs;
    use std::path::PathBuf;
    use std::process::Command;

    #[test]
    fn dependencies_are_read_from_modinfo() {
        let modinfo = b"license=GPL\0depends=inet_diag,nf-tables\0name=tcp_diag\0";
        assert_eq!(depends(modinfo).unwrap(), ["inet_diag", "nf_tables"]);
        assert_eq!(depends(b"depends=\0").unwrap(), Vec::<String>::new());
        assert_eq!(depends(b"license=GPL\0"), None);
    }

    #[test]
    fn a_compressed_module_is_read_as_it_was() {
        let dir = folder("compressed");
        let path = dir.join("nf-a.ko");
        fs::write(&path, b"module").unwrap();
        assert_eq!(read(&path).unwrap(), b"module");
        assert!(Command::new("xz").arg(&path).status().unwrap().success());
        assert_eq!(read(&dir.join("nf-a.ko.xz")).unwrap(), b"module");
        let mut files = BTreeMap::new();
        collect(&dir, &mut files).unwrap();
        assert_eq!(files.into_keys().collect::<Vec<_>>(), ["nf_a"]);
        fs::remove_dir_all(dir).unwrap();
    }

    fn folder(name: &str) -> PathBuf {
        let dir = std::env::temp_dir().join(format!("xtask-{name}-{}", std::process::id()));
        fs::create_dir_all(&dir).unwrap();
        dir
    }
}
