//! The output against readers that are slow, stopped or gone, and against a full disk.

use std::fs::OpenOptions;
use std::io::{BufRead as _, BufReader, Read as _};
use std::os::fd::OwnedFd;
use std::time::{Duration, Instant};

use super::*;

const LINE: usize = 100;

fn pipe() -> (File, Outbox) {
    let (reader, writer) = io::pipe().unwrap();
    let (reader, writer) = (File::from(OwnedFd::from(reader)), OwnedFd::from(writer).into());
    (reader, Outbox::new(writer).unwrap())
}

/// Writes numbered lines and flushes now and then.
fn fill(out: &mut Outbox, lines: std::ops::Range<usize>) {
    for number in lines {
        writeln!(out, "{number:0width$}", width = LINE - 1).unwrap();
        if number % 100 == 0 {
            out.flush().unwrap();
        }
    }
    out.flush().unwrap();
}

/// Their numbers.
fn numbers(reader: impl io::Read) -> Vec<usize> {
    let lines = BufReader::new(reader).lines().map(Result::unwrap);
    lines.map(|line| (line.len() == LINE - 1).then(|| line.parse().unwrap()).unwrap()).collect()
}

#[test]
fn a_stopped_reader_stalls_nobody_and_what_does_not_fit_is_dropped_in_whole_lines_and_counted() {
    let (reader, mut out) = pipe();
    let outlook = out.outlook();
    let all = 3 * MOST_BYTES / LINE;
    let began = Instant::now();
    fill(&mut out, 0..all);
    assert!(began.elapsed() < Duration::from_secs(20), "it never waited");
    let dropped = usize::try_from(outlook.dropped().load(Ordering::Relaxed)).unwrap();
    assert!(dropped > all / 2, "{dropped} of {all}");
    outlook.be_patient();
    let reader = thread::spawn(move || numbers(reader));
    // The end report of somebody who is slow but there.
    fill(&mut out, all..all + 1_000);
    drop(out);
    let read = reader.join().unwrap();
    assert_eq!(read.len() + dropped, all + 1_000, "each was read or counted");
    assert!(read.is_sorted(), "in their order");
    assert_eq!(read[read.len() - 1_000..], (all..all + 1_000).collect::<Vec<_>>());
}

/// What is dropped of half as much again as the queue holds, by a reader that comes a moment later.
fn dropped_of_a_burst() -> u64 {
    let (mut reader, mut out) = pipe();
    let outlook = out.outlook();
    let late = thread::spawn(move || {
        thread::sleep(Duration::from_millis(100));
        io::copy(&mut reader, &mut io::sink()).unwrap()
    });
    let block = ["x".repeat(LINE - 1), "\n".to_owned()].concat().repeat(BLOCK / LINE);
    let blocks = 3 * MOST_BYTES / 2 / block.len();
    for _ in 0..blocks {
        out.write_all(block.as_bytes()).and_then(|()| out.flush()).unwrap();
    }
    drop(out);
    let dropped = outlook.dropped_lines();
    let read = late.join().unwrap();
    assert_eq!(read + dropped * LINE as u64, (blocks * block.len()) as u64);
    dropped
}

#[test]
fn a_burst_that_is_larger_than_the_queue_waits_a_moment_for_a_reader_that_is_there() {
    // On a busy machine the reader itself may come too late.
    assert!((0..5).any(|_| dropped_of_a_burst() == 0));
}

#[test]
fn a_report_waits_for_its_reader_until_somebody_gives_up() {
    let (reader, mut out) = pipe();
    let outlook = out.outlook();
    outlook.be_patient();
    let began = Instant::now();
    let impatient = thread::spawn(move || {
        thread::sleep(Duration::from_millis(200));
        outlook.give_up();
    });
    let text = "x\n".repeat(MOST_BYTES);
    let error = out.write_all(text.as_bytes()).and_then(|()| out.flush()).unwrap_err();
    assert!(error.to_string().contains("did not take it"), "{error}");
    assert!(began.elapsed() >= Duration::from_millis(200));
    impatient.join().unwrap();
    drop(reader);
}

#[test]
fn what_is_queued_is_written_before_an_error_ends_it_all() {
    let (reader, mut out) = pipe();
    let shared = Arc::clone(&out.shared);
    fill(&mut out, 0..2_000);
    writeln!(out, "{:0width$}", 2_000, width = LINE - 1).unwrap();
    let reader = thread::spawn(move || {
        thread::sleep(Duration::from_millis(100));
        numbers(reader)
    });
    // As where a function returns with an error: without a flush, and nobody was told to be patient.
    drop(out);
    assert_eq!(shared.queue().bytes, 0);
    assert_eq!(shared.queue().lines, 0);
    assert_eq!(reader.join().unwrap().len(), 2_001);
}

#[test]
fn an_error_is_not_kept_back_for_ever_by_a_reader_that_reads_nothing() {
    let (_reader, mut out) = pipe();
    fill(&mut out, 0..2_000);
    let began = Instant::now();
    let lost = out.end(Duration::from_millis(200));
    assert!((1..=2_000).contains(&lost), "{lost}");
    assert!(began.elapsed() < Duration::from_secs(20));
    out.outlook().give_up();
}

#[test]
fn a_reader_that_takes_nothing_is_told_of_once_with_what_to_do() {
    let (reader, mut out) = pipe();
    let outlook = out.outlook();
    outlook.be_patient();
    let shared = Arc::clone(&out.shared);
    let late = thread::spawn(move || {
        let began = Instant::now();
        while !shared.queue().is_told {
            assert!(began.elapsed() < 10 * SILENCE);
            thread::sleep(Duration::from_millis(10));
        }
        assert!(began.elapsed() > SILENCE / 2, "it may only be slow");
        let told = shared.queue().stalled("the output");
        assert!(told.contains("lines wait") && told.contains("Ctrl-C"), "{told}");
        assert_eq!(numbers(reader).len(), 2_000);
    });
    fill(&mut out, 0..2_000);
    drop(out);
    late.join().unwrap();
}

#[test]
fn a_signal_while_the_report_is_written_takes_nothing_from_a_reader_that_reads() {
    let (reader, mut out) = pipe();
    let outlook = out.outlook();
    outlook.hurry();
    assert_eq!(out.shared.queue().limit, Some(HURRY));
    // No machine stands still for so long.
    outlook.be_patient_for(10 * HURRY);
    let reader = thread::spawn(move || numbers(reader));
    fill(&mut out, 0..5_000);
    drop(out);
    assert_eq!(reader.join().unwrap().len(), 5_000);
    let (_unread, mut out) = pipe();
    out.outlook().be_patient();
    out.outlook().hurry();
    let text = "x\n".repeat(MOST_BYTES);
    let began = Instant::now();
    out.write_all(text.as_bytes()).and_then(|()| out.flush()).unwrap_err();
    assert!(began.elapsed() < 5 * HURRY);
}

#[test]
fn after_a_signal_the_wait_for_a_reader_that_takes_nothing_has_an_end() {
    let (_reader, mut out) = pipe();
    out.outlook().be_patient_for(Duration::from_millis(200));
    assert!(
        Queue { limit: Some(2 * SILENCE), ..Queue::default() }
            .stalled("the output")
            .contains("in 2 s")
    );
    let began = Instant::now();
    for number in 0..2_000 {
        writeln!(out, "{number:0width$}", width = LINE - 1).unwrap();
    }
    let error = out.flush().unwrap_err().to_string();
    assert!((200..20_000).contains(&began.elapsed().as_millis()));
    let lost = error.split(' ').find_map(|word| word.parse::<u64>().ok());
    assert!(lost.is_some_and(|lost| (1..2_000).contains(&lost)), "{error}");
}

#[test]
fn a_closed_pipe_is_told_at_the_next_write() {
    let (reader, mut out) = pipe();
    drop(reader);
    out.outlook().be_patient();
    out.write_all(b"seen by nobody\n").unwrap();
    assert_eq!(out.flush().unwrap_err().kind(), io::ErrorKind::BrokenPipe);
}

#[test]
fn a_full_disk_stalls_nobody_and_is_an_error_in_the_end() {
    let full = OpenOptions::new().write(true).open("/dev/full").unwrap();
    let mut out = Outbox::new(full).unwrap();
    let outlook = out.outlook();
    fill(&mut out, 0..2 * MOST_BYTES / LINE);
    assert!(outlook.dropped().load(Ordering::Relaxed) > 0);
    outlook.be_patient();
    let error = out.flush().unwrap_err();
    assert_eq!(error.kind(), io::ErrorKind::StorageFull);
}

#[test]
fn lines_reach_a_file_as_they_were_written() {
    let file = tempfile::NamedTempFile::new().unwrap();
    let mut out = Outbox::new(file.reopen().unwrap()).unwrap();
    fill(&mut out, 0..5_000);
    out.outlook().be_patient();
    out.flush().unwrap();
    let mut text = String::new();
    file.reopen().unwrap().read_to_string(&mut text).unwrap();
    assert_eq!(numbers(text.as_bytes()), (0..5_000).collect::<Vec<_>>());
}
