//! More than tracer, its reader or the disk can take: what is lost is counted by its reason, and
//! nothing else is touched. Counts are those of the load, made here.

use std::fs::File;
use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream};
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use procfs::process::Process;
use rustix::process::{Pid, Signal, kill_process};
use serde_json::Value;

use crate::support::report::{Report, int, real, text};
use crate::support::tracer::{Tracer, binary, run};
use crate::support::{tool, wait};

/// Records to a small disk at `/mnt` that nobody else sees, fills it once some rounds of the load, which
/// are more than a second apart, are in the file, and replays.
const SMALL_DISK: &str = "mount -t tmpfs -o size=64m none /mnt || exit 9
    \"$0\" record -d 600s /mnt/it & recording=$!
    until [ $(stat -c %s /mnt/it 2>/dev/null || echo 0) -gt 1000000 ]; do sleep 0.1; done
    cat /dev/zero >/mnt/filled; wait $recording; code=$?
    \"$0\" replay /mnt/it; exit $code";

/// A server that answers one byte with one.
struct Answering {
    at: SocketAddr,
    thread: JoinHandle<()>,
}

impl Answering {
    fn start(connections: usize) -> Self {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("a listener");
        let at = listener.local_addr().expect("its address");
        let thread = thread::spawn(move || {
            for stream in listener.incoming().take(connections) {
                let mut stream = stream.expect("a client");
                stream.read_exact(&mut [0]).expect("a request");
                stream.write_all(&[1]).expect("an answer");
                assert_eq!(stream.read(&mut [0]).expect("its end"), 0);
            }
        });
        Self { at, thread }
    }

    /// Dials, asks once and closes, `connections` times.
    fn ask(&self, connections: usize) {
        for _ in 0..connections {
            let mut stream = TcpStream::connect(self.at).expect("a connection");
            stream.write_all(&[1]).expect("a request");
            stream.read_exact(&mut [0]).expect("an answer");
        }
    }

    /// Waits until it has seen the ends of all that it was started for.
    fn end(self) {
        self.thread.join().expect("a server that saw all");
    }
}

/// A `tracer diagnose` that writes each connection to a pipe nobody reads yet.
fn unread() -> (Child, Value, BufReader<impl std::io::Read>) {
    let mut child = Command::new(binary())
        .args(["diagnose", "--output", "json", "--connections", "-d", "600s"])
        .args(["--queue-mib", "1024"])
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("the tracer binary starts");
    let mut stdout = BufReader::new(child.stdout.take().expect("a pipe"));
    let mut attached = String::new();
    stdout.read_line(&mut attached).expect("its first line");
    let attached = serde_json::from_str(&attached).expect("JSON");
    (child, attached, stdout)
}

/// CPU time that a process has used, in ticks of 10 ms.
fn cpu_ticks(child: &Child) -> u64 {
    let pid = i32::try_from(child.id()).expect("a pid");
    let stat = Process::new(pid).and_then(|process| process.stat()).expect("it runs");
    stat.utime + stat.stime
}

fn stop(child: &Child) {
    kill_process(Pid::from_child(child), Signal::INT).expect("it still runs");
}

fn closed_at(report: &Report, role: &str, port: u16) -> u64 {
    int(report.summary(std::process::id(), role, port), "tracer.connections_closed")
}

#[test]
#[ignore = "needs root"]
fn a_ring_that_overflows_is_told_by_its_reason_and_verdicts_say_what_they_rest_on() {
    const ASKED: usize = 6_000;
    let tracer = Tracer::start_with(&["--ring-mib", "1"]);
    let server = Answering::start(2 * ASKED);
    let port = server.at.port();
    server.ask(ASKED);
    // Some were seen; now nobody reads for a while.
    tracer.signal(Signal::STOP);
    server.ask(ASKED);
    tracer.signal(Signal::CONT);
    server.end();
    let report = Report::read(tracer.stop(Signal::INT));
    let health = report.closing_health();
    let lost = &health["tracer.lost"];
    let ring_full = int(lost, "ring_full");
    assert!(ring_full > 0, "{lost}");
    assert_eq!((int(lost, "queue_full"), int(lost, "output")), (0, 0), "{lost}");
    let seen = closed_at(&report, "client", port) + closed_at(&report, "server", port);
    let ends = 4 * ASKED as u64;
    assert!(seen < ends && seen + ring_full >= ends, "{seen} seen and {lost} of {ends}");
    let share = real(health, "tracer.seen_share");
    assert!((0.2..0.9).contains(&share), "{share}");
    let finding = report.finding("one-shot", port);
    assert_eq!(text(finding, "tracer.finding.confidence"), "low", "{finding}");
    assert!(text(finding, "tracer.finding.summary").starts_with("of the "), "{finding}");
    let basis = real(&finding["tracer.finding.evidence"], "seen_share");
    assert!((basis - share).abs() < 1e-9, "{basis} of {share}");
}

#[test]
#[ignore = "needs root"]
fn a_pipe_that_nobody_reads_loses_lines_of_output_and_no_count() {
    const ASKED: usize = 12_000;
    let (mut child, attached, stdout) = unread();
    let server = Answering::start(ASKED);
    let port = server.at.port();
    server.ask(ASKED);
    server.end();
    // Blocked all the time, until everything is judged.
    let mut used = cpu_ticks(&child);
    for _ in 0..60 {
        thread::sleep(Duration::from_secs(1));
        let before = std::mem::replace(&mut used, cpu_ticks(&child));
        if used - before <= 5 {
            break;
        }
    }
    stop(&child);
    let rest = stdout
        .lines()
        .map(|line| line.expect("UTF-8"))
        .map(|line| serde_json::from_str(&line).unwrap_or_else(|_| panic!("cut: {line}")));
    let lines: Vec<Value> = std::iter::once(attached).chain(rest).collect();
    let status = wait::until("its end", || child.try_wait().expect("wait"));
    assert_eq!(status.code(), Some(0));
    let report = Report::read(lines);
    let lost = &report.closing_health()["tracer.lost"];
    for reason in ["table_full", "ring_full", "late_ring_full", "queue_full", "late_queue_full"] {
        assert_eq!(int(lost, reason), 0, "{lost}");
    }
    assert!(int(lost, "output") > 0, "{lost}");
    for role in ["client", "server"] {
        assert_eq!(closed_at(&report, role, port), ASKED as u64, "{role}");
    }
    let told = (report.dialled(port).len() + report.accepted(port).len()) as u64;
    let ends = 2 * ASKED as u64;
    assert!(told < ends && told + int(lost, "output") >= ends, "{told} told, {lost} of {ends}");
    let doubts = report.finding("one-shot", port)["tracer.finding.doubts"].to_string();
    assert!(
        !doubts.contains("of the connections were seen"),
        "no doubt for what was not printed: {doubts}"
    );
}

#[test]
#[ignore = "needs root"]
fn a_report_that_nobody_reads_is_waited_for_until_a_second_signal() {
    const ASKED: usize = 500;
    let (mut child, _, stdout) = unread();
    let server = Answering::start(ASKED);
    server.ask(ASKED);
    server.end();
    stop(&child);
    thread::sleep(Duration::from_secs(2));
    assert!(child.try_wait().expect("wait").is_none(), "it waits for its reader");
    stop(&child);
    let status = wait::until("its end", || child.try_wait().expect("wait"));
    assert_eq!(status.code(), Some(2));
    let mut said = String::new();
    child.stderr.take().expect("a pipe").read_to_string(&mut said).expect("UTF-8");
    assert!(said.contains("did not take it"), "{said}");
    drop(stdout);
}

#[test]
#[ignore = "needs root"]
fn a_report_that_nobody_reads_after_sigterm_is_given_up_in_a_bounded_time_and_says_how_much() {
    let (reader, mut writer) = std::io::pipe().expect("a pipe");
    // As much as fits.
    writer.write_all(&vec![b'\n'; 65_536]).expect("room");
    let mut child = Command::new(binary())
        .arg("diagnose")
        .stdout(writer)
        .stderr(Stdio::piped())
        .spawn()
        .expect("the tracer binary starts");
    let mut stderr = BufReader::new(child.stderr.take().expect("a pipe"));
    let mut said = String::new();
    // It observes by now.
    stderr.read_line(&mut said).expect("UTF-8");
    kill_process(Pid::from_child(&child), Signal::TERM).expect("it still runs");
    stderr.read_to_string(&mut said).expect("UTF-8");
    assert_eq!(child.wait().expect("its end").code(), Some(2), "{said}");
    assert_eq!(said.matches("is not being read").count(), 1, "{said}");
    assert!(said.contains("given up in 8 s") && said.contains("lines or more are lost"), "{said}");
    drop(reader);
}

#[test]
#[ignore = "needs root"]
fn a_recording_whose_disk_is_full_says_what_is_kept_and_can_be_judged() {
    const ASKED: usize = 500;
    let mut command = Command::new(tool::path("unshare"));
    command.args(["--mount", "sh", "-c", SMALL_DISK]).arg(binary());
    let is_over = Arc::new(AtomicBool::new(false));
    let over = Arc::clone(&is_over);
    let load = thread::spawn(move || {
        while !over.load(Ordering::Relaxed) {
            let server = Answering::start(ASKED);
            server.ask(ASKED);
            server.end();
            thread::sleep(Duration::from_millis(1_100));
        }
    });
    let output = run(&mut command);
    is_over.store(true, Ordering::Relaxed);
    load.join().expect("the load");
    let said = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(2), "{said}");
    assert!(said.contains("No space left") && said.contains("records are in it"), "{said}");
    assert!(!said.contains("; 0 records"), "{said}");
    assert!(said.contains("cut off"), "the replay: {said}");
    let told = String::from_utf8_lossy(&output.stdout);
    assert!(told.contains("UNREADABLE"), "{told}");
}

#[test]
#[ignore = "needs root"]
fn output_to_a_full_disk_is_an_error_and_no_panic() {
    let full = File::options().write(true).open("/dev/full").expect("/dev/full");
    let mut command = Command::new(binary());
    command.args(["diagnose", "--output", "json", "-d", "1s"]).stdout(full);
    let output = command.output().expect("the tracer binary starts");
    let said = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(2), "{said}");
    assert!(said.contains("could not be written: No space left"), "{said}");
}
