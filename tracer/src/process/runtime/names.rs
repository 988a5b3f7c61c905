//! What an executable is by its file name: for programs that contain nothing that tells. Where their
//! text is known it must be there too, so that a namesake is not taken for them.

use super::kind::RuntimeKind;
use super::markers::behind;

/// A program.
struct Program {
    name: &'static str,
    kind: RuntimeKind,
    /// Words that its text holds, and whether its version stands behind them.
    text: Option<(&'static str, bool)>,
}

const fn program(
    name: &'static str,
    kind: RuntimeKind,
    text: Option<(&'static str, bool)>,
) -> Program {
    Program { name, kind, text }
}

const PROGRAMS: &[Program] = &[
    program("curl", RuntimeKind::Curl, Some(("curl ", true))),
    program("wget", RuntimeKind::Wget, Some(("GNU Wget ", false))),
    program("psql", RuntimeKind::Psql, Some(("psql (PostgreSQL) ", true))),
    program("redis-cli", RuntimeKind::RedisCli, None),
    // Static, too large to search.
    program("envoy", RuntimeKind::Envoy, None),
    program("deno", RuntimeKind::Deno, None),
    program("bun", RuntimeKind::Bun, None),
    // Where Node is a library, see `libraries`; the small program only starts it.
    program("node", RuntimeKind::Node, None),
    program("sh", RuntimeKind::Shell, None),
    program("bash", RuntimeKind::Shell, None),
    program("dash", RuntimeKind::Shell, None),
    program("ksh", RuntimeKind::Shell, None),
    program("mksh", RuntimeKind::Shell, None),
    program("zsh", RuntimeKind::Shell, None),
];

/// The program called `name`, whose read-only text `text` reads if it is needed.
pub(super) fn kind<'a>(
    name: &str,
    text: impl FnOnce() -> Option<&'a [u8]>,
) -> Option<(RuntimeKind, Option<String>)> {
    let program = PROGRAMS.iter().find(|program| program.name == name)?;
    let Some((words, is_version)) = program.text else { return Some((program.kind, None)) };
    let text = text()?;
    if is_version {
        return Some((program.kind, Some(behind(text, words)?)));
    }
    let holds = text.windows(words.len()).any(|window| window == words.as_bytes());
    holds.then_some((program.kind, None))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_namesake_without_the_text_is_not_the_program() {
        let text = b"\0curl 7.88.1 (x86_64-pc-linux-gnu) %s\n\0".as_slice();
        let version = Some("7.88.1".to_owned());
        assert_eq!(kind("curl", || Some(text)), Some((RuntimeKind::Curl, version)));
        assert_eq!((kind("curl", || Some(b"hello")), kind("curl", || None)), (None, None));
        assert_eq!(kind("dash", || None), Some((RuntimeKind::Shell, None)));
        assert_eq!(kind("checkout", || Some(text)), None);
    }
}
