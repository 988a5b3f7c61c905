//! The words an actor knows. Each does one thing with its sockets, which it keeps by number, and
//! answers with one line.

use std::io::{Read as _, Write as _};
use std::net::{Shutdown, SocketAddr, TcpStream};
use std::process;
use std::time::Duration;

use socket2::SockRef;

use crate::{knowledge, sys};

/// Its sockets, by number; closed ones leave their number.
#[derive(Default)]
pub(super) struct Role {
    sockets: Vec<Option<TcpStream>>,
}

impl Role {
    /// Does what `line` says.
    pub(super) fn play(&mut self, line: &str) -> String {
        let words: Vec<&str> = line.split(' ').collect();
        match words[..] {
            ["dial", address] => self.dial(address.parse().expect("an address")),
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
            ["exit", code] => process::exit(code.parse().expect("a code")),
            _ => panic!("not a word of an actor: {line}"),
        }
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
}

fn number(word: &str) -> usize {
    word.parse().expect("a number")
}
