//! Records every case from real traffic and judges the recording: `tracer record`, then `replay`.
//!
//! With `RECORD_FIXTURES=1` the recordings replace those in `tests/fixtures`; their output has then
//! to be accepted with `UPDATE_EXPECTED=1`. Only then are the cases recorded whose finding rests on
//! growth from tick to tick: on a busy host ticks come less often. The live suite judges them too.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::{env, fs};

use crate::case::{CASES, Case, Note, fixture, quiet_stdout, replay};
use crate::reduce::reduce;
use crate::support::nginx::Nginx;
use crate::support::peer::{Script, Server};
use crate::support::recording::Recording;
use crate::support::wait;
use crate::support::workload::{Did, Workload};
use crate::support::{port, tool};

/// Requests of each bounded client: above what any finding asks for, and few, as each is kept.
const REQUESTS: u64 = 12;

fn record_to(file: &Path) -> Recording {
    Recording::start(file, &["--strict"])
}

fn finish(recording: Recording) {
    let last = recording.finish();
    assert!(last.contains("0 lost"), "{last}");
}

/// What was recorded: the port, the client's PIDs, and what the client counted.
type Played = (u16, Vec<u32>, Did);

fn to_its_end(file: &Path, port: u16, client: Workload) -> Played {
    let pid = client.pid;
    let recording = record_to(file);
    let did = client.run();
    wait::quiet(port);
    finish(recording);
    (port, vec![pid], did)
}

fn until(file: &Path, port: u16, mut client: Workload, dials: u64) -> Played {
    let pid = client.pid;
    let recording = record_to(file);
    client.go_on_until(dials);
    finish(recording);
    (port, vec![pid], client.end())
}

fn python(mode: &str, port: u16) -> Workload {
    Workload::python("fetch.py", &[mode, &port.to_string(), "/small", &REQUESTS.to_string()])
}

fn go(mode: &str, port: u16, path: &str) -> Workload {
    Workload::go(&[mode, &format!("http://127.0.0.1:{port}{path}"), &REQUESTS.to_string()])
}

fn curls(file: &Path, port: u16) -> Played {
    let recording = record_to(file);
    let curl = || {
        let mut child = Command::new(tool::path("curl"))
            .args(["--silent", "--fail", "--noproxy", "*", "--output", "/dev/null"])
            .arg(format!("http://127.0.0.1:{port}/small"))
            .spawn()
            .expect("curl starts");
        let pid = child.id();
        assert!(child.wait().expect("its end").success());
        pid
    };
    let pids = (0..REQUESTS).map(|_| curl()).collect();
    wait::quiet(port);
    finish(recording);
    (port, pids, Did { dials: REQUESTS, requests: REQUESTS })
}

fn play(name: &str, file: &Path) -> Played {
    let nginx = Nginx::keep_alive();
    let port = nginx.port;
    match name {
        "python-new" => to_its_end(file, port, python("new", port)),
        "python-reuse" => to_its_end(file, port, python("persistent", port)),
        "curl-loop" => curls(file, port),
        "go-unread" => to_its_end(file, port, go("unread", port, "/large")),
        "go-drained" => to_its_end(file, port, go("drained", port, "/large")),
        "go-hoard" => until(file, port, go("hoard", port, "/small"), 55),
        "close-wait" => {
            let port = Server::start(Script::CloseEach).port;
            until(file, port, Workload::python("eof.py", &["leak", &port.to_string()]), 40)
        }
        "refused" => {
            let port = port::closed();
            let args = ["refused", &port.to_string(), &REQUESTS.to_string()];
            to_its_end(file, port, Workload::python("dial.py", &args))
        }
        "server-closes-each" => {
            let nginx = Nginx::closing_each();
            to_its_end(file, nginx.port, python("to-eof", nginx.port))
        }
        other => panic!("nothing plays {other}"),
    }
}

/// Records `case` into `folder` and returns what was noted.
fn record(case: &Case, folder: &Path) -> Note {
    let raw = folder.join("raw.trace");
    let (port, clients, did) = play(case.name, &raw);
    reduce(&raw, port, &folder.join(format!("{}.trace", case.name)));
    fs::remove_file(raw).expect("the recording of the whole host is not kept");
    let note = Note {
        port,
        client: clients[0].into(),
        clients: clients.len() as u64,
        dials: did.dials,
        requests: did.requests,
        finding: case.finding_name().into(),
    };
    fs::write(folder.join(format!("{}.case", case.name)), note.to_text()).expect("a note");
    note
}

#[test]
#[ignore = "needs root"]
fn what_is_recorded_now_leads_to_the_same_findings() {
    // The leader's name goes into the records of the cases whose server this process is.
    fs::write("/proc/self/comm", "server").expect("a process may name itself");
    let dir = tempfile::tempdir().expect("a temporary directory");
    let is_kept = env::var_os("RECORD_FIXTURES").is_some();
    for case in CASES.iter().filter(|case| is_kept || case.is_whole) {
        let note = record(case, dir.path());
        let file = dir.path().join(format!("{}.trace", case.name));
        let stdout = quiet_stdout(replay(&file, note.port, &["--output", "json"], &[]));
        let codes = stdout.matches("\"tracer.finding.code\":").count();
        assert_eq!(codes, usize::from(case.finding.is_some()), "{}: {stdout}", case.name);
        let wanted = format!("\"tracer.finding.code\":\"{}\"", note.finding);
        assert_eq!(stdout.contains(&wanted), case.finding.is_some(), "{}: {stdout}", case.name);
    }
    if is_kept {
        for entry in fs::read_dir(dir.path()).expect("the recordings") {
            let from: PathBuf = entry.expect("an entry").path();
            let name = from.file_name().and_then(|name| name.to_str()).expect("a name");
            fs::copy(&from, fixture(name)).expect("tests/fixtures can be written");
        }
    }
}
