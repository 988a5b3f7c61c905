//! The calls of `io_uring` that connections are made, used and closed with.

use std::net::{SocketAddr, TcpStream};
use std::os::fd::{AsFd, AsRawFd, FromRawFd as _, IntoRawFd as _, OwnedFd};

use io_uring::squeue::Entry;
use io_uring::{IoUring, opcode, types};
use socket2::{Domain, SockAddr, Socket, Type};

/// A ring that does one thing at a time.
pub(crate) struct Ring(IoUring);

impl Ring {
    /// A small one.
    pub(crate) fn new() -> Self {
        Self(IoUring::new(4).expect("io_uring: is kernel.io_uring_disabled 0?"))
    }

    fn does(&mut self, entry: &Entry) -> i32 {
        // SAFETY: what the entry points to outlives this call, which waits for its completion.
        unsafe { self.0.submission().push(entry) }.expect("room");
        self.0.submit_and_wait(1).expect("io_uring_enter");
        let result = self.0.completion().next().expect("a completion").result();
        assert!(result >= 0, "io_uring: {}", std::io::Error::from_raw_os_error(-result));
        result
    }

    /// Dials.
    pub(crate) fn dial(&mut self, address: SocketAddr) -> TcpStream {
        let domain = Domain::for_address(address);
        let socket = Socket::new(domain, Type::STREAM, None).expect("a socket");
        let to = SockAddr::from(address);
        let fd = types::Fd(socket.as_raw_fd());
        self.does(&opcode::Connect::new(fd, to.as_ptr().cast(), to.len()).build());
        socket.into()
    }

    /// Sends all.
    pub(crate) fn write(&mut self, to: &impl AsFd, bytes: &[u8]) {
        let length = u32::try_from(bytes.len()).expect("few");
        let fd = types::Fd(to.as_fd().as_raw_fd());
        self.does(&opcode::Send::new(fd, bytes.as_ptr(), length).build());
    }

    /// Receives once.
    pub(crate) fn read(&mut self, from: &impl AsFd, room: &mut [u8]) {
        let length = u32::try_from(room.len()).expect("few");
        let fd = types::Fd(from.as_fd().as_raw_fd());
        self.does(&opcode::Recv::new(fd, room.as_mut_ptr(), length).build());
    }

    /// Accepts without asking for the address.
    pub(crate) fn accept(&mut self, listener: &impl AsFd) -> TcpStream {
        let nowhere = std::ptr::null_mut();
        let fd = types::Fd(listener.as_fd().as_raw_fd());
        let accepted = self.does(&opcode::Accept::new(fd, nowhere, nowhere.cast()).build());
        // SAFETY: the kernel has just made it for us.
        TcpStream::from(unsafe { OwnedFd::from_raw_fd(accepted) })
    }

    /// Closes.
    pub(crate) fn close(&mut self, what: TcpStream) {
        self.does(&opcode::Close::new(types::Fd(what.into_raw_fd())).build());
    }
}
