//! Output on a pipe: closed early, without escape codes, in bounded width.

use std::fs;
use std::io::{self, BufRead as _, BufReader, Read as _, Write as _};
use std::process::Stdio;

use crate::ask::{command, printed, recording, tracer_in};

const VERBS: [&str; 7] = ["diagnose", "watch", "exec", "record", "replay", "check", "demo"];

/// Runs it with a pipe whose reader leaves after `lines` lines: exit code and stderr.
fn left_after(lines: usize, args: &[&str]) -> (Option<i32>, String) {
    let mut child = command(args, &[])
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("the tracer binary starts");
    let reader = BufReader::with_capacity(16, child.stdout.take().expect("stdout is piped"));
    assert_eq!(reader.lines().take(lines).map_while(Result::ok).count(), lines);
    let mut said = String::new();
    let mut stderr = child.stderr.take().expect("stderr is piped");
    stderr.read_to_string(&mut said).expect("UTF-8");
    (child.wait().expect("its end").code(), said)
}

#[test]
fn a_reader_that_leaves_early_is_no_error() {
    let recording = recording();
    let runs: [&[&str]; 4] = [
        &["replay", &recording, "--output", "json", "--connections"],
        &["replay", &recording],
        &["--threshold", "list"],
        &["--help"],
    ];
    for args in runs {
        for lines in [0, 1] {
            let end = left_after(lines, args);
            assert_eq!(end, (Some(0), String::new()), "{args:?}, {lines} lines read");
        }
    }
}

#[test]
fn a_reader_that_leaves_early_hides_no_loss_from_strict() {
    let dir = tempfile::tempdir().expect("a temporary directory");
    let cut = dir.path().join("cut").into_os_string().into_string().expect("UTF-8");
    let whole = fs::read(recording()).expect("a recording");
    fs::write(&cut, &whole[..whole.len() - 1]).expect("a recording without its end");
    assert_eq!(left_after(0, &["replay", &cut]).0, Some(0));
    assert_eq!(left_after(0, &["replay", &cut, "--strict"]).0, Some(3));
    assert_eq!(left_after(0, &["replay", &recording(), "--strict"]).0, Some(0));
}

#[test]
fn a_reader_that_reads_nothing_is_told_of_on_stderr() {
    let (reader, mut writer) = io::pipe().expect("a pipe");
    // As much as fits.
    writer.write_all(&vec![b'\n'; 65_536]).expect("room");
    let mut child = command(&["replay", &recording()], &[])
        .stdin(Stdio::null())
        .stdout(writer)
        .stderr(Stdio::piped())
        .spawn()
        .expect("the tracer binary starts");
    let mut said = String::new();
    BufReader::new(child.stderr.take().expect("a pipe")).read_line(&mut said).expect("UTF-8");
    assert!(said.starts_with("tracer: the output is not being read, "), "{said}");
    assert!(said.contains("lines wait") && said.contains("Ctrl-C"), "{said}");
    drop(reader);
    assert_eq!(child.wait().expect("its end").code(), Some(0));
}

#[test]
fn a_pipe_gets_no_escape_codes_unless_they_are_forced() {
    let recording = recording();
    let args = ["replay", recording.as_str()];
    let escapes = |env: &[(&str, &str)]| tracer_in(&args, env).stdout.contains('\u{1b}');
    assert!(!escapes(&[]));
    assert!(escapes(&[("CLICOLOR_FORCE", "1")]), "the check sees escape codes where there are any");
    assert!(!escapes(&[("CLICOLOR_FORCE", "1"), ("NO_COLOR", "1")]));
    assert!(!printed(&["--help"]).contains('\u{1b}'));
}

#[test]
fn help_fits_100_columns_and_names_each_option_once() {
    let top = printed(&["--help"]);
    for help in VERBS.iter().map(|verb| printed(&[verb, "--help"])).chain([top]) {
        for line in help.lines() {
            assert!(line.chars().count() <= 100, "{line}");
        }
        let options: Vec<_> =
            help.lines().filter(|line| line.trim_start().starts_with("--")).collect();
        let mut distinct = options.clone();
        distinct.sort_unstable();
        distinct.dedup();
        assert_eq!(distinct.len(), options.len(), "{help}");
    }
}

#[test]
fn the_threshold_list_needs_no_recording_to_be_read_and_no_root() {
    let listed = printed(&["--threshold", "list"]);
    assert_eq!(listed.lines().count(), tracer::detect::Thresholds::ALL.len());
    assert_eq!(printed(&["replay", "absent", "--threshold", "list"]), listed);
}

#[test]
fn the_version_is_that_of_the_package() {
    assert_eq!(printed(&["--version"]), format!("tracer {}\n", env!("CARGO_PKG_VERSION")));
}
