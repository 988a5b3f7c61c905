//! What cannot be done is said in one sentence, and exits with 2.

use std::fs;

use crate::ask::{Said, recording, tracer};

/// Above the largest `pid_max` the kernel allows.
const ABSENT: &str = "4194305";

/// Asserts exit code 2, an empty stdout, and one line on stderr that holds `words`.
#[track_caller]
fn refused(args: &[&str], words: &[&str]) {
    let Said { code, stdout, stderr } = tracer(args);
    assert_eq!((code, stdout.as_str()), (Some(2), ""), "{args:?}: {stderr}");
    assert_eq!(stderr.trim_end().lines().count(), 1, "{args:?}: {stderr}");
    assert!(stderr.starts_with("tracer: "), "{args:?}: {stderr}");
    for word in words {
        assert!(stderr.contains(word), "{args:?} does not say {word}: {stderr}");
    }
}

#[test]
fn an_unknown_flag_is_named_in_the_first_sentence_and_exits_2() {
    let said = tracer(&["--bogus"]);
    assert_eq!((said.code, said.stdout.as_str()), (Some(2), ""));
    let first = said.stderr.lines().next();
    assert_eq!(first, Some("error: unexpected argument '--bogus' found"));
}

#[test]
fn a_value_of_the_wrong_form_is_told_what_fits() {
    for (args, word) in [
        (["-d", "5y"], "15s"),
        (["-d", "0s"], "longer than nothing"),
        (["-d", "99999999999h"], "at most a year"),
        (["--ring-mib", "3"], "power of two"),
        (["-P", "70000"], "1..=65535"),
        (["-P", "0"], "1..=65535"),
        (["--output", "xml"], "json"),
        (["--fail-on", "one-shoot"], "did you mean `one-shot`? Valid are: info, warn, error, "),
        (["--fail-on", "error,bogus"], "'bogus'"),
    ] {
        let said = tracer(&args);
        assert_eq!((said.code, said.stdout.as_str()), (Some(2), ""), "{args:?}");
        assert!(said.stderr.contains(word), "{args:?}: {}", said.stderr);
    }
}

#[test]
fn a_process_that_does_not_exist_is_refused() {
    refused(&["-p", ABSENT], &[ABSENT]);
    refused(&["watch", "-p", ABSENT], &[ABSENT]);
}

#[test]
fn the_process_of_a_recording_need_not_live() {
    let said = tracer(&["replay", &recording(), "-p", ABSENT]);
    assert_eq!((said.code, said.stderr.as_str()), (Some(0), ""));
}

#[test]
fn strict_says_that_losses_are_of_the_whole_host_if_less_was_asked_for() {
    let dir = tempfile::tempdir().expect("a temporary directory");
    let cut = dir.path().join("cut").into_os_string().into_string().expect("UTF-8");
    let whole = fs::read(recording()).expect("a recording");
    fs::write(&cut, &whole[..whole.len() - 1]).expect("a recording without its end");
    let said = |args: &[&str]| {
        let said = tracer(&[&["replay", cut.as_str(), "--strict"], args].concat());
        assert_eq!(said.code, Some(3), "{}", said.stderr);
        assert!(said.stdout.contains("UNREADABLE the rest of the recording"), "{}", said.stdout);
        said.stderr
    };
    assert!(!said(&[]).contains("whole host"));
    for args in [["-P", "80"], ["-p", ABSENT]] {
        let stderr = said(&args);
        assert!(stderr.contains("on the whole host") && stderr.contains("not known"), "{stderr}");
    }
}

#[test]
fn an_unknown_threshold_is_refused_with_the_nearest_name() {
    let suggestion = "did you mean `one-shot.min-connections`?";
    refused(&["--threshold", "one-shot.min-conections=3"], &[suggestion]);
    refused(&["replay", &recording(), "--threshold", "one-shot.min-conections=3"], &[suggestion]);
}

#[test]
fn a_threshold_without_a_fitting_value_is_refused_with_what_fits() {
    refused(&["--threshold", "one-shot.min-share=2"], &["one-shot.min-share", "from 0 to 1"]);
    refused(&["--threshold", "one-shot.min-share"], &["NAME=VALUE", "--threshold list"]);
}

#[test]
fn connections_for_people_are_refused_with_the_verb_that_prints_them() {
    refused(&["--connections"], &["--output json", "tracer watch"]);
    refused(&["replay", &recording(), "--connections"], &["--output json", "tracer watch"]);
}

#[test]
fn exec_takes_a_command_behind_two_dashes_and_no_process_or_time() {
    for (args, word) in [
        (&["exec"][..], "<COMMAND>"),
        (&["exec", "--"], "<COMMAND>"),
        (&["exec", "true"], "exec [OPTIONS] -- <COMMAND>"),
        (&["exec", "-p", "1", "--", "true"], "unexpected argument '-p'"),
        (&["exec", "-d", "1s", "--", "true"], "unexpected argument '-d'"),
    ] {
        let said = tracer(args);
        assert_eq!((said.code, said.stdout.as_str()), (Some(2), ""), "{args:?}");
        assert!(said.stderr.contains(word), "{args:?}: {}", said.stderr);
    }
    refused(&["exec", "--connections", "--", "true"], &["--output json"]);
}

#[test]
fn a_recording_that_cannot_be_read_is_named() {
    let dir = tempfile::tempdir().expect("a temporary directory");
    let path = |name: &str| dir.path().join(name).into_os_string().into_string().expect("UTF-8");
    refused(&["replay", &path("absent")], &[&path("absent"), "No such file"]);
    fs::write(path("other"), "GIF89a, and more bytes than a head").expect("a file");
    refused(&["replay", &path("other")], &[&path("other"), "not a file written by"]);
    fs::write(path("empty"), "").expect("a file");
    refused(&["replay", &path("empty")], &[&path("empty"), "not a file written by"]);
    refused(&["replay", &path("")], &[&path(""), "Is a directory"]);
}

#[test]
#[ignore = "needs root"]
fn a_recording_is_not_written_over() {
    let dir = tempfile::tempdir().expect("a temporary directory");
    let path = dir.path().join("taken").into_os_string().into_string().expect("UTF-8");
    fs::write(&path, "mine").expect("a file");
    refused(&["record", &path, "-d", "1s"], &[&path, "exists"]);
    assert_eq!(fs::read_to_string(&path).expect("still there"), "mine");
}
