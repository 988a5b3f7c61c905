//! What the guest sees: busybox, the test binary, `tracer`, and an init that runs the tests and
//! reports on the serial line in words that [`super::guest`] reads.

use super::cpio::Cpio;
use anyhow::{Context as _, Result};
use std::fs;
use std::path::Path;

/// Printed when the guest is able to run tests; the kernel release follows.
pub(crate) const READY: &str = "GUEST-READY";
/// Printed after the tests; the exit status follows.
pub(crate) const EXIT: &str = "GUEST-EXIT";

/// From the package busybox-static.
pub(crate) const BUSYBOX: &str = "/bin/busybox";

/// The archive: `test` runs with `arguments`, finding `tracer` through `TRACER_BIN`.
pub(crate) fn build(test: &Path, tracer: &Path, arguments: &[String]) -> Result<Vec<u8>> {
    let read =
        |path: &Path| fs::read(path).with_context(|| format!("cannot read {}", path.display()));
    let mut cpio = Cpio::default();
    for folder in ["bin", "dev", "etc", "proc", "run", "sys", "tmp"] {
        cpio.folder(folder);
    }
    // The kernel opens it for init before anything is mounted.
    cpio.character_device("dev/console", 5, 1);
    cpio.executable("bin/busybox", &read(Path::new(BUSYBOX))?);
    cpio.executable("bin/tracer", &read(tracer)?);
    cpio.executable("bin/guest-tests", &read(test)?);
    cpio.executable("init", init(arguments).as_bytes());
    Ok(cpio.finish())
}

fn init(arguments: &[String]) -> String {
    let arguments: Vec<String> = arguments.iter().map(|word| quoted(word)).collect();
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
echo {READY} $(uname -r)
guest-tests --include-ignored --test-threads=1 {} </dev/null 2>&1
echo {EXIT} $?
sync
poweroff -f
",
        arguments.join(" ")
    )
}

/// `word` as one word of a shell.
fn quoted(word: &str) -> String {
    format!("'{}'", word.replace('\'', "'\\''"))
}

#[cfg(test)]
mod tests {
    use super::{init, quoted};

    #[test]
    fn a_quote_in_an_argument_cannot_end_the_word() {
        assert_eq!(quoted("it's"), r"'it'\''s'");
    }

    #[test]
    fn arguments_reach_the_test_binary() {
        assert!(
            init(&["some_test".to_owned()]).contains("--test-threads=1 'some_test' </dev/null")
        );
    }
}
