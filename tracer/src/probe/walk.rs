//! Walks over kernel objects, when userspace wants to know what no transition tells: `iter/tcp`,
//! which open connections are busy and since when the others are not; `iter/task_file`, which were
//! there before us.

use std::io::{self, Read as _};
use std::os::fd::AsFd as _;

use aya::programs::iter::IterLink;
use aya::programs::{Iter, ProgramError};
use bytes::Buf as _;
use rustix::thread::{LinkNameSpaceType, move_into_link_name_space};
use tracer_ebpf::{Listener, names};

use super::hook::{POLL, SEED};
use super::loader::Attached;

impl Attached {
    /// Refreshes the table's facts about open connections of our network namespace if `is_own`, and of
    /// those that the processes `others` are in. A namespace that cannot be entered is left out: nothing
    /// in it can then be shown to be idle.
    ///
    /// # Errors
    /// If the kernel refuses a walk that it allowed at start.
    pub fn poll(&mut self, is_own: bool, others: &[u32]) -> Result<(), ProgramError> {
        if !self.has(POLL) {
            return Ok(());
        }
        if is_own {
            self.walk(names::POLL)?.read()?;
        }
        for pid in others {
            let walk = self.walk(names::POLL)?;
            if let Err(error) = in_namespace_of(*pid, walk) {
                tracing::debug!(pid, %error, "its network namespace was not walked");
            }
        }
        Ok(())
    }

    /// Adds the connections that are open already to the table. Returns the listening sockets of
    /// all namespaces; `None` if this kernel has no such walk.
    ///
    /// # Errors
    /// If the kernel refuses a walk that it allowed at start.
    pub fn seed(&mut self) -> Result<Option<Vec<Listener>>, ProgramError> {
        if !self.has(SEED) {
            return Ok(None);
        }
        let bytes = self.walk(names::SEED)?.read()?;
        Ok(Some(
            bytes
                .chunks_exact(size_of::<Listener>())
                .map(|mut entry| Listener { netns: entry.get_u32_ne(), port: entry.get_u32_ne() })
                .collect(),
        ))
    }

    fn has(&self, hook: &str) -> bool {
        self.hooks.iter().any(|(known, status)| known.name == hook && status.is_attached())
    }

    /// A walk that has not begun.
    fn walk(&mut self, name: &str) -> Result<Walk, ProgramError> {
        let program = self.programs.program_mut(name).ok_or(ProgramError::UnexpectedProgramType)?;
        let program: &mut Iter = program.try_into()?;
        let link = program.attach()?;
        Ok(Walk(program.take_link(link)?))
    }
}

/// One walk; over sockets, those of the network namespace of the thread that begins it.
struct Walk(IterLink);

impl Walk {
    /// What the program wrote. Making the file chooses the namespace, reading it is the walk; both
    /// use up the link.
    fn read(self) -> io::Result<Vec<u8>> {
        let mut bytes = Vec::new();
        self.0.into_file().map_err(io::Error::other)?.read_to_end(&mut bytes)?;
        Ok(bytes)
    }
}

/// Walks in the network namespace of another process, in a thread that ends with it: a thread
/// cannot be trusted to find its way back.
fn in_namespace_of(pid: u32, walk: Walk) -> io::Result<()> {
    let namespace = std::fs::File::open(format!("/proc/{pid}/ns/net"))?;
    let thread = std::thread::Builder::new().name("namespace".into()).spawn(move || {
        move_into_link_name_space(namespace.as_fd(), Some(LinkNameSpaceType::Network))?;
        walk.read().map(drop)
    })?;
    thread.join().unwrap_or_else(|_| Err(io::Error::other("the walk failed")))
}
