//! What dpkg is told of the package: version, control file, changelog. Pure.

/// The version as dpkg orders it: what comes before a release sorts before it.
pub(super) fn version(of_cargo: &str) -> String {
    let (number, build) = of_cargo.split_once('+').unwrap_or((of_cargo, ""));
    let number = number.replacen('-', "~", 1);
    if build.is_empty() { number } else { format!("{number}+{build}") }
}

/// Debian's name of an architecture.
pub(super) fn architecture(of_rust: &str) -> Option<&'static str> {
    match of_rust.split('-').next()? {
        "x86_64" => Some("amd64"),
        "aarch64" => Some("arm64"),
        _ => None,
    }
}

const MAINTAINER: &str = "The tracer authors <tracer@users.noreply.example>";

/// `size` is what it takes once it is installed, in KiB.
pub(super) fn control(version: &str, architecture: &str, size: u64) -> String {
    format!(
        "Package: tracer
Version: {version}
Architecture: {architecture}
Maintainer: {MAINTAINER}
Installed-Size: {size}
Depends: systemd | systemd-standalone-sysusers
Section: net
Priority: optional
Description: which process redials instead of reusing its TCP connections
 tracer watches every TCP connection of a Linux host (5.10 or later) from the
 kernel, by BPF, and tells which process redials instead of reusing its
 connections, who closed each one, why, and what to change.
 .
 The service tracer feeds logs and metrics that are there already: lines of
 JSON to the journal, files or a collector of OpenTelemetry, metrics to
 Prometheus. By hand, `tracer` observes for a while and prints what it found.
"
    )
}

/// The one entry; `date` as RFC 5322 has it.
pub(super) fn changelog(version: &str, date: &str) -> String {
    format!(
        "tracer ({version}) unstable; urgency=medium

  * As of this version of the source; its history tells what changed.

 -- {MAINTAINER}  {date}
"
    )
}

#[cfg(test)]
mod tests {
    use super::{architecture, version};

    #[test]
    fn what_comes_before_a_release_sorts_before_it() {
        assert_eq!(version("0.1.0"), "0.1.0");
        assert_eq!(version("1.0.0-rc.1"), "1.0.0~rc.1");
        assert_eq!(version("1.0.0-rc.1+git.5"), "1.0.0~rc.1+git.5");
    }

    #[test]
    fn an_architecture_has_debians_name() {
        assert_eq!(architecture("x86_64-unknown-linux-gnu"), Some("amd64"));
        assert_eq!(architecture("s390x-unknown-linux-gnu"), None);
    }
}
