//! The closed set of runtimes that can be told, and their names. Recognises nothing.

use std::fmt;

use crate::words::words;

words! {
    /// What runs a program's network code: a language runtime, a well-known program, or the client
    /// library of a program that is neither.
    RuntimeKind {
        /// Go.
        Go = "go",
        /// Java virtual machine.
        Jvm = "jvm",
        /// `CPython`.
        CPython = "cpython",
        /// Node.js.
        Node = "nodejs",
        /// Deno.
        Deno = "deno",
        /// Bun.
        Bun = "bun",
        /// Ruby.
        Ruby = "ruby",
        /// PHP, from the command line, as FPM or within a web server.
        Php = "php",
        /// Perl.
        Perl = "perl",
        /// .NET.
        DotNet = "dotnet",
        /// The command `curl`.
        Curl = "curl",
        /// The command `wget`.
        Wget = "wget",
        /// nginx and its descendants.
        Nginx = "nginx",
        /// `HAProxy`.
        HaProxy = "haproxy",
        /// Envoy.
        Envoy = "envoy",
        /// The command `psql`.
        Psql = "psql",
        /// The command `redis-cli`.
        RedisCli = "redis-cli",
        /// A shell.
        Shell = "shell",
        /// A program with libcurl.
        LibCurl = "libcurl",
        /// A program with libpq.
        LibPq = "libpq",
        /// A program with hiredis.
        LibHiredis = "libhiredis",
    }
}

impl RuntimeKind {
    /// By the name of a process alone, which the process chose: enough to choose words by, not to
    /// tell it. Commands only, as they are gone before anybody can look at them.
    #[must_use]
    pub fn of_command(comm: &str) -> Option<Self> {
        let commands = [Self::Curl, Self::Wget, Self::Psql, Self::RedisCli];
        commands.into_iter().find(|command| command.name() == comm)
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
    fn a_name_alone_tells_commands_only() {
        assert_eq!(RuntimeKind::of_command("curl"), Some(RuntimeKind::Curl));
        assert_eq!((RuntimeKind::of_command("nginx"), RuntimeKind::of_command("")), (None, None));
    }

    #[test]
    fn every_kind_is_found_by_its_name() {
        for &kind in RuntimeKind::ALL {
            assert_eq!(Runtime::named(kind.name(), None), Some(Runtime { kind, version: None }));
        }
        assert_eq!(Runtime::named("cobol", None), None);
    }
}
