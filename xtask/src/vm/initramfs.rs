//! What a guest sees: busybox, the suites, `tracer`, kernel modules, and an init that prepares the
//! machine, then runs [`super::script`].

use super::column::Column;
use super::cpio::Cpio;
use super::script::{FACT, FAULT, script};
use super::suites::{self, Programs};
use anyhow::{Context as _, Result};
use std::fs;
use std::path::Path;

/// From the package busybox-static.
pub(crate) const BUSYBOX: &str = "/bin/busybox";

/// Where the archive of a kernel has its modules, to be loaded in the order of their names.
pub(crate) const MODULES: &str = "modules";

/// The archive that all guests share. A kernel's modules and [`init`] are to follow it.
pub(crate) fn base(programs: &Programs) -> Result<Vec<u8>> {
    let read =
        |path: &Path| fs::read(path).with_context(|| format!("cannot read {}", path.display()));
    let mut cpio = Cpio::default();
    for folder in ["bin", "dev", "etc", "proc", "run", "suites", "sys", "tmp"] {
        cpio.folder(folder);
    }
    // The kernel opens it for init before anything is mounted.
    cpio.character_device("dev/console", 5, 1);
    cpio.executable("bin/busybox", &read(Path::new(BUSYBOX))?);
    cpio.executable("bin/tracer", &read(&programs.tracer)?);
    for (target, program) in &programs.suites {
        cpio.executable(&format!("suites/{target}"), &read(program)?);
    }
    Ok(cpio.finish())
}

/// The archive that makes a guest run `column`.
pub(crate) fn init(column: &Column, filter: Option<&str>) -> Vec<u8> {
    let mut cpio = Cpio::default();
    cpio.executable("init", init_script(column, filter).as_bytes());
    cpio.finish()
}

fn init_script(column: &Column, filter: Option<&str>) -> String {
    let suites: Vec<_> =
        suites::on(column).map(|target| (target, format!("/suites/{target}"))).collect();
    // From 6.6 on io_uring can be off by default.
    format!(
        "#!/bin/busybox sh
/bin/busybox --install -s /bin
export PATH=/bin HOME=/tmp TMPDIR=/tmp RUST_BACKTRACE=1 TRACER_BIN=/bin/tracer
mount -t proc proc /proc
mount -t sysfs sysfs /sys
mount -t devtmpfs devtmpfs /dev
mount -t tmpfs tmpfs /run
mount -t tmpfs tmpfs /tmp
mount -t tracefs tracefs /sys/kernel/tracing
mount -t bpf bpf /sys/fs/bpf
mount -t cgroup2 cgroup2 /sys/fs/cgroup
ip link set lo up
cd /tmp
fault() {{ echo {FAULT} $*; poweroff -f; }}
for file in /{MODULES}/*; do
    name=${{file##*-}}
    name=${{name%.ko}}
    insmod $file || fault module $name does not load
    echo {FACT} module $name
done
uring=/proc/sys/kernel/io_uring_disabled
[ ! -e $uring ] || echo 0 >$uring
{}sync
poweroff -f
",
        script(column, &suites, filter)
    )
}

#[cfg(test)]
mod tests {
    use super::init_script;
    use crate::vm::column::{Choice, columns};

    #[test]
    fn a_guest_runs_the_suites_of_its_column() {
        let columns = columns(&Choice::default()).unwrap();
        let inits = columns.iter().map(|column| init_script(column, None));
        let inits: Vec<_> = inits.collect();
        assert!(inits[0].contains("'/suites/vm' --include-ignored"));
        assert!(inits[0].contains("'/suites/scenarios' --include-ignored"));
        assert!(!inits[1].contains("'/suites/vm'"), "lockdown");
    }
}
