//! Dials that nobody answers: to a listener that accepts nothing and whose backlog is full, so that
//! the kernel drops each SYN.
//!
//! By when the kernel gives a dial up is a setting of the host (`tcp_syn_retries`, about two minutes
//! by default); where many wait, or the load ends first, the dial is closed: given up.

use crate::report::Errors;
use anyhow::{Context as _, Result};
use socket2::{Domain, SockAddr, Socket, Type};
use std::collections::VecDeque;
use std::io;
use std::net::{Ipv4Addr, SocketAddr, TcpStream};

/// Most dials that wait at one time.
const WAITING: usize = 64;

/// Dials that wait, oldest first.
pub(super) struct Timeouts {
    /// Before `filler`: what is in its backlog then ends with it.
    listener: Socket,
    /// The one connection in the backlog.
    filler: TcpStream,
    address: SockAddr,
    waiting: VecDeque<Socket>,
    counts: Ends,
}

/// What became of them.
#[derive(Default)]
pub(super) struct Ends {
    pub(super) dialled: u64,
    /// By the kernel, with ETIMEDOUT.
    pub(super) timed_out: u64,
    pub(super) given_up: u64,
}

impl Timeouts {
    pub(super) fn new(port: u16) -> Result<Self> {
        let listener = Socket::new(Domain::IPV4, Type::STREAM, None)?;
        let place: SocketAddr = (Ipv4Addr::LOCALHOST, port).into();
        listener.set_reuse_address(true)?;
        listener.bind(&place.into()).context("cannot take a port")?;
        // A backlog of 0 has room for one.
        listener.listen(0)?;
        let address = listener.local_addr()?;
        let server = address.as_socket().context("no address")?;
        let filler = TcpStream::connect(server).context("cannot fill a backlog")?;
        let (waiting, counts) = (VecDeque::new(), Ends::default());
        Ok(Self { listener, filler, address, waiting, counts })
    }

    pub(super) fn dial(&mut self) -> io::Result<()> {
        let socket = Socket::new(Domain::IPV4, Type::STREAM, None)?;
        socket.set_nonblocking(true)?;
        match socket.connect(&self.address) {
            Err(error) if error.raw_os_error() == Some(nix::libc::EINPROGRESS) => {}
            Err(error) => return Err(error),
            // The backlog was not full.
            Ok(()) => return Err(io::ErrorKind::AlreadyExists.into()),
        }
        self.counts.dialled += 1;
        self.waiting.push_back(socket);
        if self.waiting.len() > WAITING {
            self.waiting.pop_front();
            self.counts.given_up += 1;
        }
        Ok(())
    }

    /// Takes those that have ended.
    pub(super) fn look(&mut self, errors: &mut Errors) {
        while let Some(first) = self.waiting.front() {
            match first.take_error() {
                Ok(None) => return,
                Ok(Some(error)) if error.kind() == io::ErrorKind::TimedOut => {
                    self.counts.timed_out += 1;
                }
                Ok(Some(error)) | Err(error) => errors.add(&error),
            }
            self.waiting.pop_front();
        }
    }

    /// Gives up those that still wait.
    pub(super) fn finish(mut self, errors: &mut Errors) -> Ends {
        self.look(errors);
        self.counts.given_up += self.waiting.len() as u64;
        // Dials first: with the listener gone they would be refused.
        self.waiting.clear();
        drop(self.listener);
        drop(self.filler);
        self.counts
    }
}

#[cfg(test)]
mod tests {
    use super::Timeouts;
    use crate::report::Errors;

    #[test]
    fn a_dial_to_a_full_backlog_waits_until_it_is_given_up() {
        let mut timeouts = Timeouts::new(0).unwrap();
        timeouts.dial().unwrap();
        timeouts.dial().unwrap();
        let mut errors = Errors::default();
        let ends = timeouts.finish(&mut errors);
        assert_eq!((ends.dialled, ends.given_up, ends.timed_out), (2, 2, 0));
        assert_eq!(errors.json().to_string(), "{}");
    }
}
