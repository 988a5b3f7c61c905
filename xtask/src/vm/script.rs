//! The shell commands that run suites in a guest or on this host, and the words they print in
//! between, which [`super::transcript`] reads.

use super::column::{Btf, Column};

/// A fact about the machine: its kind, then its value.
pub(crate) const FACT: &str = "COLUMN-FACT";
/// The machine cannot be made what the column asks for; the reason follows.
pub(crate) const FAULT: &str = "COLUMN-FAULT";
/// Tests begin; the kernel release follows.
pub(crate) const READY: &str = "COLUMN-READY";
/// A suite begins; its target follows.
pub(crate) const SUITE: &str = "COLUMN-SUITE";
/// All suites have run; the last exit status that was not 0 follows.
pub(crate) const EXIT: &str = "COLUMN-EXIT";

/// A serial line is a terminal, where a test program would use colours.
const ARGUMENTS: &str = "--include-ignored --test-threads=1 --color=never";

/// Runs `suites` (target and program), all with the same `filter` of test names. It expects
/// `TRACER_BIN` to be set, `fault` to be a function, and to be alone in its mount namespace.
pub(crate) fn script(column: &Column, suites: &[(&str, String)], filter: Option<&str>) -> String {
    let hide = match column.btf {
        Btf::Hidden => {
            "[ -d /sys/kernel/tracing/events ] || mount -t tracefs tracefs /sys/kernel/tracing
mount -t tmpfs tmpfs /sys/kernel/btf || fault cannot hide the BTF"
        }
        Btf::Shown => "",
    };
    let filter = filter.map(quoted).unwrap_or_default();
    let runs = suites.iter().map(|(target, program)| {
        format!(
            "echo {SUITE} {target}
{} {ARGUMENTS} {filter} </dev/null 2>&1 || status=$?
",
            quoted(program)
        )
    });
    format!(
        "[ -e /sys/kernel/security/lockdown ] ||
    mount -t securityfs securityfs /sys/kernel/security
{hide}
echo {FACT} lockdown $(cat /sys/kernel/security/lockdown)
if [ -e /sys/kernel/btf/vmlinux ]; then echo {FACT} btf shown; else echo {FACT} btf hidden; fi
echo {READY} $(uname -r)
status=0
{}echo {EXIT} $status
",
        runs.collect::<String>()
    )
}

/// `word` as one word of a shell.
pub(crate) fn quoted(word: &str) -> String {
    format!("'{}'", word.replace('\'', "'\\''"))
}

#[cfg(test)]
mod tests {
    use super::{quoted, script};
    use crate::vm::column::{Choice, Column, columns};

    fn column(name: &str) -> Column {
        let all = columns(&Choice::default()).unwrap();
        all.into_iter().find(|column| column.to_string() == name).unwrap()
    }

    #[test]
    fn a_quote_in_an_argument_cannot_end_the_word() {
        assert_eq!(quoted("it's"), r"'it'\''s'");
    }

    #[test]
    fn a_filter_reaches_the_test_program() {
        let text = script(&column("6.1"), &[("a", "/bin/a".to_owned())], Some("one row"));
        assert!(text.contains("--color=never 'one row' </dev/null"), "{text}");
    }

    #[test]
    fn btf_is_hidden_only_where_the_column_says_so() {
        let hides = |name| script(&column(name), &[], None).contains("/sys/kernel/btf ||");
        assert!(hides("6.1 without BTF"));
        assert!(!hides("6.1 confidentiality"));
        assert!(hides("host without BTF"));
    }
}
