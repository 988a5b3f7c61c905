//! An HTTP/1.1 server whose every habit is set by the case: when it answers, when it closes, how. It
//! counts connections and requests. A thread for each connection; it lives as long as the process.

use std::io::{ErrorKind, Read, Write};
use std::net::{Ipv4Addr, Shutdown, TcpListener, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::thread;
use std::time::Duration;

use socket2::SockRef;

use super::black_hole;
use crate::support::port;

/// What it does. The default keeps every connection and answers at once.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Habits {
    /// Before each answer.
    pub(crate) delay: Duration,
    /// Every so many requests, over all connections, is answered that late instead.
    pub(crate) slow: Option<(u64, Duration)>,
    /// Bytes of a body.
    pub(crate) body: usize,
    /// How a connection is ended, and when.
    pub(crate) ends: Ends,
    /// Whether it says `Connection: close` in the answer after which it closes.
    pub(crate) says_so: bool,
    /// For how long it loses every SYN, once its clients are let go.
    pub(crate) deaf: Option<Duration>,
}

/// When it ends a connection by itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Ends {
    /// When the client does.
    Never,
    /// With a FIN after so many answers.
    After(u64),
    /// With a FIN after being idle for so long.
    Idle(Duration),
    /// With a reset instead of that answer.
    ResetsAt(u64),
    /// As it has read the head of a request and answered 413; what follows stays unread.
    Refuses,
}

impl Habits {
    /// Answers at once and keeps every connection.
    pub(crate) const KEEPS: Self = Self {
        delay: Duration::ZERO,
        slow: None,
        body: 200,
        ends: Ends::Never,
        says_so: false,
        deaf: None,
    };
}

#[derive(Default)]
struct Counts {
    accepted: AtomicU64,
    asked: AtomicU64,
    answered: AtomicU64,
}

/// A running server.
pub(crate) struct Server {
    /// Where it listens on 127.0.0.1.
    pub(crate) port: u16,
    counts: Arc<Counts>,
    ears: TcpListener,
}

impl Server {
    /// Begins to listen.
    pub(crate) fn start(habits: Habits) -> Self {
        let port = port::closed();
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, port)).expect("the port is free");
        let counts = Arc::<Counts>::default();
        let ears = listener.try_clone().expect("a second handle");
        if habits.deaf.is_some() {
            black_hole::deafen(&ears);
        }
        let shared = Arc::clone(&counts);
        thread::spawn(move || {
            for stream in listener.incoming().map_while(Result::ok) {
                shared.accepted.fetch_add(1, Ordering::SeqCst);
                let counts = Arc::clone(&shared);
                thread::spawn(move || serve(habits, stream, &counts));
            }
        });
        Self { port, counts, ears }
    }

    /// Hears SYNs again.
    pub(crate) fn listen(&self) {
        SockRef::from(&self.ears).detach_filter().expect("SO_DETACH_FILTER");
    }

    /// Connections accepted.
    pub(crate) fn accepted(&self) -> u64 {
        self.counts.accepted.load(Ordering::SeqCst)
    }

    /// Requests answered to the end, as far as it knows.
    pub(crate) fn answered(&self) -> u64 {
        self.counts.answered.load(Ordering::SeqCst)
    }
}

fn serve(habits: Habits, mut stream: TcpStream, counts: &Counts) {
    let mut received = Vec::new();
    for nth in 1.. {
        let patience = if let Ends::Idle(time) = habits.ends { Some(time) } else { None };
        // A connection is idle once it has been used.
        stream.set_read_timeout(patience.filter(|_| nth > 1)).expect("SO_RCVTIMEO");
        let reads = if habits.ends == Ends::Refuses { head_length } else { length };
        if !read_request(&mut stream, &mut received, reads) {
            return;
        }
        let number = counts.asked.fetch_add(1, Ordering::SeqCst) + 1;
        if habits.ends == Ends::Refuses {
            // The client may not hear it: the reset of the rest overtakes it.
            let _ = stream.write_all(b"HTTP/1.1 413 Too Large\r\nContent-Length: 0\r\n\r\n");
            return;
        }
        if habits.ends == Ends::ResetsAt(nth) {
            SockRef::from(&stream).set_linger(Some(Duration::ZERO)).expect("SO_LINGER");
            return;
        }
        thread::sleep(match habits.slow {
            Some((every, late)) if number.is_multiple_of(every) => late,
            _ => habits.delay,
        });
        let is_last = habits.ends == Ends::After(nth);
        let close = if is_last && habits.says_so { "Connection: close\r\n" } else { "" };
        let mut answer =
            format!("HTTP/1.1 200 OK\r\n{close}Content-Length: {}\r\n\r\n", habits.body)
                .into_bytes();
        answer.resize(answer.len() + habits.body, b'.');
        if stream.write_all(&answer).is_err() {
            return;
        }
        counts.answered.fetch_add(1, Ordering::SeqCst);
        if is_last {
            return end(&stream);
        }
    }
}

/// Closes its half and waits for the client's, so that nothing unread turns the FIN into a reset.
fn end(mut stream: &TcpStream) {
    // The client may have been faster.
    let _ = stream.shutdown(Shutdown::Write);
    let _ = stream.set_read_timeout(Some(Duration::from_secs(5)));
    while matches!(stream.read(&mut [0; 4096]), Ok(1..)) {}
}

/// Reads one request with its body; `false` if the connection ended or was idle for too long.
fn read_request(
    stream: &mut TcpStream,
    received: &mut Vec<u8>,
    length: fn(&[u8]) -> Option<usize>,
) -> bool {
    let mut piece = [0; 16384];
    loop {
        if let Some(length) = length(received)
            && received.len() >= length
        {
            received.drain(..length);
            return true;
        }
        match stream.read(&mut piece) {
            Err(error) if error.kind() == ErrorKind::Interrupted => {}
            Ok(0) | Err(_) => return false,
            Ok(length) => received.extend_from_slice(&piece[..length]),
        }
    }
}

/// Length of the first request's head, if it is whole.
fn head_length(received: &[u8]) -> Option<usize> {
    Some(received.windows(4).position(|four| four == b"\r\n\r\n")? + 4)
}

/// Length of the first request, body included, if its head is whole.
fn length(received: &[u8]) -> Option<usize> {
    let head = head_length(received)?;
    let text = String::from_utf8_lossy(&received[..head]).to_ascii_lowercase();
    let field = text.lines().find_map(|line| line.strip_prefix("content-length:"));
    Some(head + field.map_or(0, |value| value.trim().parse().expect("Content-Length")))
}
