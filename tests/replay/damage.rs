//! Recordings that are cut off, damaged or something else: said in one sentence, judged as far as
//! they are whole.

use std::fs;
use std::path::Path;

use crate::expected::kept_whole;
use crate::support::fixture::{Fixture, replay};

/// Magic and the head of the first frame.
const START: usize = 8 + 5;

/// Bytes up to the end of the setting, before which nothing can be read.
fn head(bytes: &[u8]) -> usize {
    let length = bytes[9..START].try_into().expect("four bytes");
    START + u32::from_le_bytes(length) as usize
}

/// Asserts the exit code, and one sentence on stderr; where `--strict` fails, one more that says of what.
#[track_caller]
fn says_one_sentence(file: &Path, args: &[&str], code: i32) {
    let output = replay(file, &[1], args, &[]);
    let stderr = String::from_utf8(output.stderr).expect("UTF-8");
    assert_eq!(output.status.code(), Some(code), "{args:?}: {stderr}");
    let sentences = if code == 3 { 2 } else { 1 };
    assert_eq!(stderr.trim_end().lines().count(), sentences, "{args:?}: {stderr}");
    assert!(stderr.starts_with("tracer: ") && !stderr.contains("panicked"), "{stderr}");
}

fn bytes(case: &Fixture) -> Vec<u8> {
    fs::read(case.file("trace")).expect("the recording")
}

#[test]
fn a_recording_cut_off_anywhere_says_so_and_fails_only_where_that_was_asked_for() {
    let dir = tempfile::tempdir().expect("a temporary directory");
    let file = dir.path().join("cut.trace");
    for case in &kept_whole() {
        let whole = bytes(case);
        let head = head(&whole);
        let body = whole.len() - head;
        let cuts = [head, head + 1, head + 4, head + body / 3, head + body / 2, whole.len() - 1];
        for cut in cuts {
            fs::write(&file, &whole[..cut]).expect("a cut recording");
            says_one_sentence(&file, &[], 0);
            says_one_sentence(&file, &["--output", "json", "--strict"], 3);
        }
    }
}

#[test]
fn a_recording_without_its_head_cannot_be_replayed() {
    let dir = tempfile::tempdir().expect("a temporary directory");
    let file = dir.path().join("cut.trace");
    let whole = bytes(&kept_whole()[0]);
    for cut in [0, 1, 7, 8, 9, START, head(&whole) - 1] {
        fs::write(&file, &whole[..cut]).expect("a cut recording");
        says_one_sentence(&file, &[], 2);
    }
}

#[test]
fn a_damaged_recording_never_panics() {
    let dir = tempfile::tempdir().expect("a temporary directory");
    let file = dir.path().join("damaged.trace");
    let whole = bytes(&kept_whole()[0]);
    for place in (0..whole.len()).step_by(whole.len() / 40) {
        let mut damaged = whole.clone();
        damaged[place] ^= 0xff;
        fs::write(&file, damaged).expect("a damaged recording");
        let output = replay(&file, &[1], &[], &[]);
        let stderr = String::from_utf8_lossy(&output.stderr);
        assert!(matches!(output.status.code(), Some(0 | 2)), "byte {place}: {stderr}");
        assert!(!stderr.contains("panicked"), "byte {place}: {stderr}");
    }
}
