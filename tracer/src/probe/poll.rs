//! `iter/tcp`: asks the kernel, when userspace wants to know, which open connections are busy and
//! since when the others are not. No transition tells that.

use std::io::{self, Read as _};
use std::os::fd::AsFd as _;

use aya::programs::iter::IterLink;
use aya::programs::{Iter, ProgramError};
use rustix::thread::{LinkNameSpaceType, move_into_link_name_space};
use tracer_ebpf::names;

use super::hook::POLL;
use super::loader::Attached;

impl Attached {
    /// Refreshes the table's facts about open connections of our network namespace, and of those
    /// that the processes `others` are in. A namespace that cannot be entered is left out: nothing
    /// in it can then be shown to be idle.
    ///
    /// # Errors
    /// If the kernel refuses a walk that it allowed at start.
    pub fn poll(&mut self, others: &[u32]) -> Result<(), ProgramError> {
        if !self.hooks.iter().any(|(hook, status)| hook.name == POLL && status.is_attached()) {
            return Ok(());
        }
        self.walk()?.walk()?;
        for pid in others {
            let walk = self.walk()?;
            if let Err(error) = in_namespace_of(*pid, walk) {
                tracing::debug!(pid, %error, "its network namespace was not walked");
            }
        }
        Ok(())
    }

    /// A walk that has not begun.
    fn walk(&mut self) -> Result<Walk, ProgramError> {
        let program =
            self.programs.program_mut(names::POLL).ok_or(ProgramError::UnexpectedProgramType)?;
        let program: &mut Iter = program.try_into()?;
        let link = program.attach()?;
        Ok(Walk(program.take_link(link)?))
    }
}

/// One walk over the sockets of the network namespace of the thread that begins it.
struct Walk(IterLink);

impl Walk {
    /// Making the file chooses the namespace, reading it is the walk; both use up the link.
    fn walk(self) -> io::Result<()> {
        self.0.into_file().map_err(io::Error::other)?.read_to_end(&mut Vec::new()).map(drop)
    }
}

/// Walks in the network namespace of another process, in a thread that ends with it: a thread
/// cannot be trusted to find its way back.
fn in_namespace_of(pid: u32, walk: Walk) -> io::Result<()> {
    let namespace = std::fs::File::open(format!("/proc/{pid}/ns/net"))?;
    let thread = std::thread::Builder::new().name("namespace".into()).spawn(move || {
        move_into_link_name_space(namespace.as_fd(), Some(LinkNameSpaceType::Network))?;
        walk.walk()
    })?;
    thread.join().unwrap_or_else(|_| Err(io::Error::other("the walk failed")))
}
