//! Files that grow, are moved away, were cut, or are none.

use std::fs;
use std::io::{BufRead as _, BufReader, ErrorKind, Write as _};
use std::os::unix::fs::PermissionsExt as _;

use tempfile::TempDir;

use super::super::super::outbox::Outbox;
use super::*;

const NEVER: Rotation = Rotation { most_bytes: 1, keep: 0 };
const PIECE: usize = 16 << 10;

/// A line as ours begin, without its end.
fn line(number: usize) -> String {
    format!(r#"{{"timestamp":"{number:012}","x":"{}"}}"#, "x".repeat(number % 200))
}

fn lines(numbers: std::ops::Range<usize>) -> String {
    numbers.map(|number| line(number) + "\n").collect()
}

fn open(path: &Path, rotation: Rotation) -> LogFile {
    LogFile::open(path, rotation, Hangups::default()).unwrap()
}

fn sentence(path: &Path) -> String {
    LogFile::open(path, NEVER, Hangups::default()).unwrap_err().to_string()
}

/// Has it take all of it, as the writer does.
fn put(out: &mut LogFile, text: &str) {
    let mut rest = text.as_bytes();
    while !rest.is_empty() {
        rest = &rest[out.take(rest, PIECE).unwrap()..];
    }
}

fn place() -> (TempDir, PathBuf) {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("tracer.log");
    (dir, path)
}

fn numbered(path: &Path, number: u32) -> PathBuf {
    PathBuf::from(format!("{}.{number}", path.display()))
}

#[test]
fn a_file_that_is_large_is_renamed_between_lines_and_no_line_is_lost() {
    let (_dir, path) = place();
    let rotation = Rotation { most_bytes: 64 << 10, keep: 1_000 };
    let mut out = Outbox::to("the file", open(&path, rotation)).unwrap();
    let all = lines(0..20_000);
    out.write_all(all.as_bytes()).unwrap();
    out.outlook().be_patient();
    out.flush().unwrap();
    let renamed = (1..).map(|number| numbered(&path, number)).take_while(|path| path.exists());
    let mut files: Vec<_> = renamed.collect();
    assert!(files.len() >= all.len() / (65 << 10), "each is full");
    assert!(files.len() < all.len() / (47 << 10), "or nearly so");
    files.reverse();
    files.push(path);
    let texts: Vec<_> = files.iter().map(|file| fs::read_to_string(file).unwrap()).collect();
    for text in &texts {
        assert!(text.len() <= 64 << 10, "{}", text.len());
        assert!(text.starts_with('{') && text.ends_with("}\n"));
    }
    assert!(texts.concat() == all, "they follow each other, oldest first");
}

#[test]
fn as_many_renamed_files_are_kept_as_asked_for_and_the_oldest_goes() {
    let (dir, path) = place();
    let mut out = open(&path, Rotation { most_bytes: 10, keep: 2 });
    for text in ["first one\n", "second one\n", "third\n", "fourth\n"] {
        put(&mut out, text);
    }
    let read = |path: &Path| fs::read_to_string(path).unwrap();
    assert_eq!(read(&path), "fourth\n");
    assert_eq!(read(&numbered(&path, 1)), "third\n");
    assert_eq!(read(&numbered(&path, 2)), "second one\n");
    assert_eq!(fs::read_dir(dir.path()).unwrap().count(), 3);
    fs::remove_file(numbered(&path, 1)).unwrap();
    put(&mut out, "fifth\n");
    assert_eq!(read(&numbered(&path, 2)), "second one\n", "there was a free name before it");
}

#[test]
fn a_line_that_was_begun_is_ended_in_its_file() {
    let (_dir, path) = place();
    let mut out = open(&path, Rotation { most_bytes: 10, keep: 2 });
    let reopen = out.hangups.clone();
    put(&mut out, "begun, and longer than");
    reopen.hear();
    put(&mut out, " a file may be\nnext\n");
    assert_eq!(
        fs::read_to_string(numbered(&path, 1)).unwrap(),
        "begun, and longer than a file may be\n"
    );
    assert_eq!(fs::read_to_string(&path).unwrap(), "next\n");
}

#[test]
fn each_write_is_of_whole_lines() {
    assert_eq!(whole(b"a\nb\nccc\n", 5), 4);
    assert_eq!(whole(b"a\nb\n", PIECE), 4);
    assert_eq!(whole(b"longer\nb\n", 2), 7, "one is longer than is written at once");
    assert_eq!(whole(b"no end", 3), 6);
}

#[test]
fn a_file_that_was_moved_away_is_left_for_a_new_one_when_asked_and_no_line_is_lost() {
    let (_dir, path) = place();
    let reopen = Hangups::default();
    let mut out = LogFile::open(&path, NEVER, reopen.clone()).unwrap();
    let mut all = 0;
    for round in 1..=5 {
        put(&mut out, &lines(all..all + 10));
        fs::rename(&path, numbered(&path, round)).unwrap();
        put(&mut out, &lines(all + 10..all + 15));
        reopen.hear();
        all += 15;
    }
    put(&mut out, &lines(all..all + 1));
    let files = (1..=5).map(|round| numbered(&path, round)).chain([path.clone()]);
    let texts: String = files.map(|file| fs::read_to_string(file).unwrap()).collect();
    assert!(texts == lines(0..all + 1));
    assert_eq!(fs::read_to_string(&path).unwrap(), lines(all..all + 1));
    let mode = fs::metadata(&path).unwrap().permissions().mode();
    assert_eq!(mode & 0o777 & !0o640, 0, "{mode:o}: others may not read it");
}

#[test]
fn asked_about_a_file_that_was_truncated_it_goes_on_at_its_begin() {
    let (_dir, path) = place();
    let mut out = open(&path, Rotation { most_bytes: 30, keep: 1 });
    put(&mut out, "twenty-four bytes it is\n");
    fs::File::create(&path).unwrap();
    out.hangups.hear();
    put(&mut out, "again as many of them..\n");
    assert_eq!(fs::read_to_string(&path).unwrap(), "again as many of them..\n");
    assert!(!numbered(&path, 1).exists(), "it was not full any more");
}

#[test]
fn where_no_new_file_can_be_made_lines_go_on_into_the_one_that_is_open() {
    let (dir, path) = place();
    let mut out = open(&path, Rotation { most_bytes: 20, keep: 1 });
    put(&mut out, "before all that\n");
    let (moved, away) = (dir.path().join("x"), dir.path().with_extension("away"));
    fs::rename(dir.path(), &away).unwrap();
    out.hangups.hear();
    put(&mut out, "meanwhile\nand still\n");
    assert!(out.again_at.is_some(), "it is tried again later");
    fs::rename(&away, dir.path()).unwrap();
    assert_eq!(fs::read_to_string(&path).unwrap(), "before all that\nmeanwhile\nand still\n");
    out.again_at = Some(Instant::now());
    fs::rename(&path, &moved).unwrap();
    put(&mut out, "after\n");
    assert_eq!(fs::read_to_string(&path).unwrap(), "after\n");
    assert_eq!(out.again_at, None);
}

#[test]
fn the_begin_of_a_line_that_a_crash_left_is_removed_and_whole_lines_stay() {
    for (begin, cut) in [
        (lines(0..1_000), &line(7)[..20]),
        (lines(0..3), "{\"ti"),
        (String::new(), "{\"@timestamp\":\"2026"),
        // Longer than what is read at once.
        (lines(0..2), &(line(7) + &"y".repeat(200_000))),
        // The power failed.
        (lines(0..9), "{\"timestamp\":\"20\0\0\0\0\0"),
        (lines(0..9), &"\0".repeat(100_000)),
    ] {
        let (_dir, path) = place();
        fs::write(&path, begin.clone() + cut).unwrap();
        let mut out = open(&path, NEVER);
        put(&mut out, "next\n");
        assert!(fs::read_to_string(&path).unwrap() == begin + "next\n");
    }
}

#[test]
fn what_is_not_ours_is_neither_cut_nor_written_on() {
    for text in
        ["root:x:0:0", "# a config\n{\"timestamp\":\"2026", "{\"timestamp\":\"1\"}\nroot:x:0:0"]
    {
        let (_dir, path) = place();
        fs::write(&path, text).unwrap();
        let error = sentence(&path);
        assert!(error.contains("did not write: give --output another file"), "{error}");
        assert_eq!(fs::read_to_string(&path).unwrap(), text);
    }
}

#[test]
fn a_file_has_one_writer() {
    let (_dir, path) = place();
    let first = open(&path, NEVER);
    assert!(sentence(&path).contains("another tracer: give each a file of its own"));
    drop(first);
    open(&path, NEVER);
}

#[test]
fn a_path_that_cannot_be_written_is_told_with_what_to_do() {
    let (dir, path) = place();
    fs::write(&path, "").unwrap();
    let error = sentence(&path.join("x"));
    assert!(error.contains("give --output another path"), "a file is no directory: {error}");
    let error = sentence(&dir.path().join("no/tracer.log"));
    assert!(error.contains("make its directory, `mkdir -p /"), "{error}");
    let error = sentence(dir.path());
    assert!(error.contains("name a file in it"), "{error}");
}

#[test]
fn what_is_no_regular_file_is_just_written() {
    let (dir, path) = place();
    let fifo = dir.path().join("fifo");
    rustix::fs::mknodat(rustix::fs::CWD, &fifo, rustix::fs::FileType::Fifo, 0o600.into(), 0)
        .unwrap();
    // It neither waits for a reader nor ends without one.
    let mut out = open(&fifo, Rotation { most_bytes: 1, keep: 5 });
    put(&mut out, "first\n");
    out.hangups.hear();
    let mut reader = BufReader::new(fs::File::open(&fifo).unwrap()).lines();
    assert_eq!(reader.next().unwrap().unwrap(), "first");
    drop(reader);
    put(&mut out, "second\n");
    assert!(!numbered(&fifo, 1).exists() && !path.exists());
    put(&mut open(Path::new("/dev/null"), Rotation { most_bytes: 1, keep: 5 }), "a\nb\n");
    let full = open(Path::new("/dev/full"), NEVER).take(b"a\n", PIECE).unwrap_err();
    assert_eq!(full.kind(), ErrorKind::StorageFull);
}

#[test]
fn a_line_that_will_not_be_ended_is_taken_back() {
    let (_dir, path) = place();
    let mut out = open(&path, NEVER);
    put(&mut out, "whole\nbegun");
    out.take_back(5);
    put(&mut out, "next\n");
    assert_eq!(fs::read_to_string(&path).unwrap(), "whole\nnext\n");
}
