//! `--fail-on` on a recording whose one finding is known: `one-shot`, WARN.

use crate::ask::{recording, tracer};

/// Exit code of a replay with these options.
fn code(options: &[&str]) -> Option<i32> {
    let recording = recording();
    let said = tracer(&[&["replay", &recording], options].concat());
    assert_eq!(said.stderr, "", "{options:?}");
    said.code
}

#[test]
fn a_severity_fails_on_what_is_as_bad_or_worse() {
    assert_eq!(code(&[]), Some(0));
    assert_eq!(code(&["--fail-on", "info"]), Some(1));
    assert_eq!(code(&["--fail-on", "warn"]), Some(1));
    assert_eq!(code(&["--fail-on", "error"]), Some(0));
}

#[test]
fn a_code_fails_on_that_finding_only() {
    assert_eq!(code(&["--fail-on", "one-shot"]), Some(1));
    assert_eq!(code(&["--fail-on", "hoard"]), Some(0));
}

#[test]
fn several_fail_on_any_of_them() {
    assert_eq!(code(&["--fail-on", "error,one-shot"]), Some(1));
    assert_eq!(code(&["--fail-on", "hoard", "--fail-on", "one-shot"]), Some(1));
    assert_eq!(code(&["--fail-on", "error,hoard", "--fail-on", "unread-close"]), Some(0));
}
