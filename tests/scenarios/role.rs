//! The words an actor knows. Each does one thing with its sockets, which it keeps by number, and
//! answers with one line.

use std::io::{Read as _, Write as _};
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};
use std::os::fd::OwnedFd;
use std::os::unix::net::UnixStream;
use std::os::unix::process::CommandExt as _;
use std::process;
use std::time::Duration;

use nix::sched::{CloneFlags, unshare};
use nix::sys::wait::waitpid;
use nix::unistd::ForkResult;
use socket2::{Domain, SockRef, Socket, Type};

use super::say;
use crate::stage::{arrived, connect_error, end_of};
use crate::{fds, knowledge, sys};

/// Its sockets, by number; closed ones leave their number.
#[derive(Default)]
pub(super) struct Role {
    sockets: Vec<Option<TcpStream>>,
}

impl Role {
    /// Does what `line` says and returns its answer, if the answer is this process's to give.
    pub(super) fn play(&mut self, line: &str) -> Option<String> {
        let words: Vec<&str> = line.split(' ').collect();
        let answer = match words[..] {
            ["dial", address] => self.dial(address.parse().expect("an address")),
            ["begin", address] => self.begin(address.parse().expect("an address")),
            ["write", at, count] => {
                let bytes = vec![b'a'; count.parse().expect("a count")];
                self.socket(at).write_all(&bytes).expect("write");
                String::new()
            }
            ["read", at, count] => {
                let mut bytes = vec![0; count.parse().expect("a count")];
                self.socket(at).read_exact(&mut bytes).expect("read");
                String::new()
            }
            ["shutdown", at, how] => {
                let how = if how == "both" { Shutdown::Both } else { Shutdown::Write };
                self.socket(at).shutdown(how).expect("shutdown");
                String::new()
            }
            ["linger0", at] => {
                SockRef::from(&*self.socket(at))
                    .set_linger(Some(Duration::ZERO))
                    .expect("SO_LINGER");
                String::new()
            }
            ["close", at] => {
                drop(self.sockets[number(at)].take().expect("open"));
                String::new()
            }
            ["take", path] => {
                let over = UnixStream::connect(path).expect("the suite listens");
                self.sockets.push(Some(fds::receive(&over).into()));
                String::new()
            }
            ["accept", at] => {
                let listener =
                    TcpListener::from(OwnedFd::from(self.socket(at).try_clone().expect("dup")));
                let (stream, _) = listener.accept().expect("accept");
                self.keep(stream)
            }
            ["eof", at] => {
                end_of(self.socket(at));
                String::new()
            }
            ["fork", copy] => return self.fork(copy == "close"),
            ["unshare", "pids"] => {
                unshare(CloneFlags::CLONE_NEWPID).expect("a PID namespace");
                String::new()
            }
            ["arrived", at, count] => {
                arrived(self.socket(at), count.parse().expect("a count"));
                String::new()
            }
            ["exec"] => {
                let program = std::env::current_exe().expect("this program has a path");
                panic!("exec: {}", process::Command::new(program).exec())
            }
            ["raise", signal] => sys::die_by(signal.parse().expect("a signal")),
            ["quit", code] => sys::quit(code.parse().expect("a code")),
            ["exit", code] => process::exit(code.parse().expect("a code")),
            _ => panic!("not a word of an actor: {line}"),
        };
        Some(answer)
    }

    fn socket(&mut self, at: &str) -> &mut TcpStream {
        self.sockets[number(at)].as_mut().expect("open")
    }

    fn keep(&mut self, stream: TcpStream) -> String {
        let local = stream.local_addr().expect("an address");
        let cookie = if knowledge::asks_cookies() { sys::cookie(&stream) } else { 0 };
        self.sockets.push(Some(stream));
        format!("{local} {cookie}")
    }

    fn dial(&mut self, address: SocketAddr) -> String {
        self.keep(TcpStream::connect(address).expect("the dial succeeds"))
    }

    /// The child goes on in our place, and we after it. Answered by us, who know its pid.
    fn fork(&mut self, closes: bool) -> Option<String> {
        // SAFETY: an actor has one thread.
        match unsafe { nix::unistd::fork() }.expect("fork") {
            ForkResult::Child => None,
            ForkResult::Parent { child } => {
                if closes {
                    self.sockets.clear();
                }
                say(&child.to_string());
                waitpid(child, None).expect("its end");
                Some("child ended".to_owned())
            }
        }
    }

    fn begin(&mut self, address: SocketAddr) -> String {
        let socket = Socket::new(Domain::for_address(address), Type::STREAM, None).expect("socket");
        socket.set_nonblocking(true).expect("O_NONBLOCK");
        let error = connect_error(&socket, address);
        assert_eq!(error.raw_os_error(), Some(libc::EINPROGRESS));
        self.keep(socket.into())
    }
}

fn number(word: &str) -> usize {
    word.parse().expect("a number")
}
