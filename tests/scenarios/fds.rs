//! Passing descriptors over a unix socket.

use std::io::{IoSlice, IoSliceMut};
use std::os::fd::{AsFd, AsRawFd as _, FromRawFd as _, OwnedFd};
use std::os::unix::net::UnixStream;

use nix::cmsg_space;
use nix::sys::socket::{ControlMessage, ControlMessageOwned, MsgFlags, recvmsg, sendmsg};

/// Sends a copy of `what`.
pub(crate) fn send(over: &UnixStream, what: &impl AsFd) {
    let fds = [what.as_fd().as_raw_fd()];
    let rights = [ControlMessage::ScmRights(&fds)];
    sendmsg::<()>(over.as_raw_fd(), &[IoSlice::new(b".")], &rights, MsgFlags::empty(), None)
        .expect("SCM_RIGHTS");
}

/// Receives one.
pub(crate) fn receive(over: &UnixStream) -> OwnedFd {
    let mut room = [0];
    let mut parts = [IoSliceMut::new(&mut room)];
    let mut space = cmsg_space!([i32; 1]);
    let flags = MsgFlags::MSG_CMSG_CLOEXEC;
    let message =
        recvmsg::<()>(over.as_raw_fd(), &mut parts, Some(&mut space), flags).expect("recvmsg");
    let fd = message.cmsgs().expect("whole").find_map(|part| match part {
        ControlMessageOwned::ScmRights(fds) => fds.first().copied(),
        _ => None,
    });
    // SAFETY: the kernel has just made it for us.
    unsafe { OwnedFd::from_raw_fd(fd.expect("a descriptor")) }
}
