//! `tracer demo`: a loopback server and two clients of our own, traced for real.

use std::io::{self, BufRead as _, BufReader, Read as _, Write as _};
use std::net::{Ipv4Addr, TcpListener, TcpStream};
use std::process::{Child, ChildStdin, Command, Stdio};
use std::slice;
use std::time::Duration;

use super::observe::{Observation, Progress};
use super::{Error, Outcome, report, terminal, written};
use crate::cli::{Demo, DemoPart, Output, Part, ReaderPriority, Report, Tracing};
use crate::clock::Clock;
use crate::detect::Thresholds;
use crate::pipeline::Selection;
use crate::sink::table::Explain;

const REQUEST: &[u8] = b"GET / HTTP/1.1\r\nHost: demo\r\n\r\n";
const ANSWER: &[u8] = b"HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\nok\n";
/// Between two requests of a client: 25 a second.
const PAUSE: Duration = Duration::from_millis(40);

/// Runs the demo.
pub(super) fn run(args: &Demo) -> Result<Outcome, Error> {
    let report = Report {
        output: args.output,
        connections: false,
        peers: false,
        explain: false,
        fail_on: Vec::new(),
        strict: false,
        thresholds: Vec::new(),
    };
    let tracing = Tracing {
        max_connections: Some(65_536),
        ring_mib: Some(8),
        queue_mib: 8,
        reader_priority: ReaderPriority::Normal,
        command_lines: false,
        kernel_log: false,
        no_fentry: false,
    };
    // The server first: the port it gets is what is watched.
    let mut server = Process::start(Part::Server, 0).map_err(Error::Demo)?;
    let port = server.port().map_err(Error::Demo)?;
    let selection = Selection { ports: vec![port], ..Selection::default() };
    let mut observation =
        Observation::start(&tracing, selection, Thresholds::default(), Some(args.duration))?;
    // They end when these are dropped.
    let _redialling = Process::start(Part::Redial, port).map_err(Error::Demo)?;
    let _reusing = Process::start(Part::Reuse, port).map_err(Error::Demo)?;
    if args.output == Output::Table {
        terminal::say(&format!(
            "two clients ask one server on 127.0.0.1:{port}, one of them badly; watching for {:?}",
            args.duration
        ));
    }
    let (mut sink, outlook) =
        report::sink(args.output, Explain::Never, observation.pipeline.setting())?;
    written((|| {
        report::health(&mut *sink, &observation.pipeline, Clock::monotonic_ns())?;
        let mut at_ns = 0;
        observation.run(Some(args.duration), &mut |_, progress| {
            if let Progress::Tick(tick) = progress {
                at_ns = tick.now_ns;
            }
            Ok(())
        })?;
        let pipeline = observation.end(slice::from_ref(&outlook));
        report::close(&mut *sink, &pipeline, at_ns, &report, Explain::Never)
    })())
}

/// A child that ends when its stdin does, even if we are killed.
struct Process {
    child: Child,
    stdin: Option<ChildStdin>,
}

impl Process {
    fn start(role: Part, port: u16) -> io::Result<Self> {
        let name = match role {
            Part::Server => "server",
            Part::Redial => "redial",
            Part::Reuse => "reuse",
        };
        let mut child = Command::new(std::env::current_exe()?)
            .args(["demo-part", name, &port.to_string()])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()?;
        let stdin = child.stdin.take();
        Ok(Self { child, stdin })
    }

    /// The port the server prints.
    fn port(&mut self) -> io::Result<u16> {
        let stdout = self.child.stdout.take().ok_or(io::ErrorKind::BrokenPipe)?;
        let mut line = String::new();
        BufReader::new(stdout).read_line(&mut line)?;
        line.trim().parse().map_err(io::Error::other)
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        drop(self.stdin.take());
        if let Err(error) = self.child.wait() {
            tracing::debug!(%error, "a process of the demo was not waited for");
        }
    }
}

/// Is one of the demo's processes.
pub(super) fn part(args: &DemoPart) -> Result<Outcome, Error> {
    std::thread::spawn(|| {
        let end = io::stdin().read_to_end(&mut Vec::new());
        std::process::exit(i32::from(end.is_err()));
    });
    let result = match args.part {
        Part::Server => named(c"demo-server").and_then(|()| serve()),
        Part::Redial => named(c"demo-redial").and_then(|()| redial(args.port)),
        Part::Reuse => named(c"demo-reuse").and_then(|()| reuse(args.port)),
    };
    result.map(|()| Outcome::Fine).map_err(Error::Demo)
}

fn named(name: &std::ffi::CStr) -> io::Result<()> {
    rustix::thread::set_name(name).map_err(io::Error::from)
}

fn serve() -> io::Result<()> {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?;
    let mut out = io::stdout().lock();
    writeln!(out, "{}", listener.local_addr()?.port())?;
    out.flush()?;
    for stream in listener.incoming() {
        let stream = stream?;
        std::thread::spawn(move || answer(stream));
    }
    Ok(())
}

/// Answers each request until the client closes: a well-behaved server.
fn answer(mut stream: TcpStream) -> io::Result<()> {
    let mut request = [0; REQUEST.len()];
    loop {
        stream.read_exact(&mut request)?;
        stream.write_all(ANSWER)?;
    }
}

fn ask(stream: &mut TcpStream) -> io::Result<()> {
    stream.write_all(REQUEST)?;
    stream.read_exact(&mut [0; ANSWER.len()])
}

fn redial(port: u16) -> io::Result<()> {
    loop {
        ask(&mut TcpStream::connect((Ipv4Addr::LOCALHOST, port))?)?;
        std::thread::sleep(PAUSE);
    }
}

fn reuse(port: u16) -> io::Result<()> {
    let mut stream = TcpStream::connect((Ipv4Addr::LOCALHOST, port))?;
    loop {
        ask(&mut stream)?;
        std::thread::sleep(PAUSE);
    }
}
