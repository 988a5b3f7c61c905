//! The closed set of runtimes that can be told, and their names. Recognises nothing.

use std::fmt;

/// What runs a program's network code: a language runtime, a well-known program, or the client
/// library of a program that is neither.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum RuntimeKind {
    /// Go.
    Go,
    /// Java virtual machine.
    Jvm,
    /// `CPython`.
    CPython,
    /// Node.js.
    Node,
    /// Deno.
    Deno,
    /// Bun.
    Bun,
    /// Ruby.
    Ruby,
    /// PHP, from the command line, as FPM or within a web server.
    Php,
    /// Perl.
    Perl,
    /// .NET.
    DotNet,
    /// The command `curl`.
    Curl,
    /// The command `wget`.
    Wget,
    /// nginx and its descendants.
    Nginx,
    /// `HAProxy`.
    HaProxy,
    /// Envoy.
    Envoy,
    /// The command `psql`.
    Psql,
    /// The command `redis-cli`.
    RedisCli,
    /// A shell.
    Shell,
    /// A program with libcurl.
    LibCurl,
    /// A program with libpq.
    LibPq,
    /// A program with hiredis.
    LibHiredis,
}

impl RuntimeKind {
    /// Every kind.
    pub const ALL: &[Self] = &[
        Self::Go,
        Self::Jvm,
        Self::CPython,
        Self::Node,
        Self::Deno,
        Self::Bun,
        Self::Ruby,
        Self::Php,
        Self::Perl,
        Self::DotNet,
        Self::Curl,
        Self::Wget,
        Self::Nginx,
        Self::HaProxy,
        Self::Envoy,
        Self::Psql,
        Self::RedisCli,
        Self::Shell,
        Self::LibCurl,
        Self::LibPq,
        Self::LibHiredis,
    ];

    /// Name used in every output.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Go => "go",
            Self::Jvm => "jvm",
            Self::CPython => "cpython",
            Self::Node => "nodejs",
            Self::Deno => "deno",
            Self::Bun => "bun",
            Self::Ruby => "ruby",
            Self::Php => "php",
            Self::Perl => "perl",
            Self::DotNet => "dotnet",
            Self::Curl => "curl",
            Self::Wget => "wget",
            Self::Nginx => "nginx",
            Self::HaProxy => "haproxy",
            Self::Envoy => "envoy",
            Self::Psql => "psql",
            Self::RedisCli => "redis-cli",
            Self::Shell => "shell",
            Self::LibCurl => "libcurl",
            Self::LibPq => "libpq",
            Self::LibHiredis => "libhiredis",
        }
    }
}

/// A runtime, with its version where it could be read.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Runtime {
    /// Which.
    pub kind: RuntimeKind,
    /// Its version in its own numbering, e.g. `1.22.5`; never a guess.
    pub version: Option<String>,
}

impl Runtime {
    /// From the names that [`RuntimeKind::name`] gives; `None` if there is none such.
    #[must_use]
    pub fn named(name: &str, version: Option<String>) -> Option<Self> {
        let kind = *RuntimeKind::ALL.iter().find(|kind| kind.name() == name)?;
        Some(Self { kind, version })
    }

    /// What holds of both: the kind, and the version if it is the same. `None` if they differ.
    #[must_use]
    pub fn common(self, other: &Self) -> Option<Self> {
        (self.kind == other.kind).then(|| Self {
            version: self.version.filter(|v| Some(v) == other.version.as_ref()),
            ..self
        })
    }
}

impl fmt::Display for Runtime {
    /// `go 1.22.5`, or `go`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.kind.name())?;
        self.version.as_ref().map_or(Ok(()), |version| write!(f, " {version}"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_kind_is_found_by_its_name() {
        for &kind in RuntimeKind::ALL {
            assert_eq!(Runtime::named(kind.name(), None), Some(Runtime { kind, version: None }));
        }
        assert_eq!(Runtime::named("cobol", None), None);
    }

    #[test]
    fn two_versions_have_their_kind_in_common_and_two_kinds_nothing() {
        let of = |name: &str, version: &str| Runtime::named(name, Some(version.into())).unwrap();
        let old = of("go", "1.21.0");
        assert_eq!(old.clone().common(&old), Some(old.clone()));
        assert_eq!(old.clone().common(&of("go", "1.22.0")), Runtime::named("go", None));
        assert_eq!(old.common(&of("jvm", "1.21.0")), None);
    }
}
