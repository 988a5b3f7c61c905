//! Scripted TCP servers inside the test process: real sockets, a fixed behaviour, own counts.

use std::io::{Read, Write};
use std::net::{Ipv4Addr, TcpListener, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::thread;
use std::time::Duration;

use socket2::SockRef;

/// What a server does with each connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Script {
    /// Answers until the client closes, then closes too.
    KeepAlive,
    /// Answers once, then closes.
    CloseEach,
    /// Answers once, and resets (`SO_LINGER` 0) when asked again.
    ResetSecond,
}

/// A server with a thread for each connection. It lives as long as the test process.
pub(crate) struct Server {
    /// Where it listens on 127.0.0.1.
    pub(crate) port: u16,
    accepted: Arc<AtomicU64>,
    answered: Arc<AtomicU64>,
}

impl Server {
    /// Begins to listen.
    pub(crate) fn start(script: Script) -> Self {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("a loopback port");
        let port = listener.local_addr().expect("bound").port();
        let (accepted, answered) = (Arc::<AtomicU64>::default(), Arc::<AtomicU64>::default());
        let counts = (Arc::clone(&accepted), Arc::clone(&answered));
        thread::spawn(move || {
            for stream in listener.incoming().map_while(Result::ok) {
                counts.0.fetch_add(1, Ordering::SeqCst);
                let answered = Arc::clone(&counts.1);
                thread::spawn(move || serve(script, stream, &answered));
            }
        });
        Self { port, accepted, answered }
    }

    /// Connections accepted and requests answered, by its own count.
    pub(crate) fn counts(&self) -> (u64, u64) {
        (self.accepted.load(Ordering::SeqCst), self.answered.load(Ordering::SeqCst))
    }
}

fn serve(script: Script, mut stream: TcpStream, answered: &AtomicU64) {
    let (mut request, mut asked) = (Vec::new(), 0);
    let mut piece = [0; 4096];
    loop {
        // The client's reset ends a connection like its FIN does: nothing is left to answer.
        let Ok(length @ 1..) = stream.read(&mut piece) else { return };
        request.extend_from_slice(&piece[..length]);
        if !request.ends_with(b"\r\n\r\n") {
            continue;
        }
        request.clear();
        asked += 1;
        if script == Script::ResetSecond && asked == 2 {
            return reset(stream);
        }
        answered.fetch_add(1, Ordering::SeqCst);
        let answer = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok";
        if stream.write_all(answer).is_err() || script == Script::CloseEach {
            return;
        }
    }
}

/// Closes with a reset.
fn reset(stream: TcpStream) {
    SockRef::from(&stream).set_linger(Some(Duration::ZERO)).expect("SO_LINGER");
    drop(stream);
}
