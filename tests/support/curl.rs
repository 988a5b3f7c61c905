//! One curl, which counts its own dials.

use std::process::{Command, Stdio};

use super::tool;

/// Runs one curl to its end: its pid and how often it says it connected, over all its URLs.
pub(crate) fn curl(url: &str) -> (u32, u64) {
    let child = Command::new(tool::path("curl"))
        .args(["--silent", "--show-error", "--fail", "--noproxy", "*"])
        .args(["--output", "/dev/null", "--write-out", "%{num_connects}\\n", url])
        .stdout(Stdio::piped())
        .spawn()
        .expect("curl starts");
    let pid = child.id();
    let output = child.wait_with_output().expect("its end");
    assert!(output.status.success(), "{}", output.status);
    let said = String::from_utf8(output.stdout).expect("numbers");
    (pid, said.lines().map(|line| line.parse::<u64>().expect("a number")).sum())
}
