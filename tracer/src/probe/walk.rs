//! Walks over kernel objects, when userspace wants to know what no transition tells: `iter/tcp`,
//! which open connections are busy and since when the others are not; `iter/task_file`, which were
//! there before us.

use std::io::{self, Read as _};
use std::os::fd::AsFd as _;
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};

use aya::programs::iter::IterLink;
use aya::programs::{Iter, ProgramError};
use bytes::Buf as _;
use rustix::thread::{LinkNameSpaceType, move_into_link_name_space};
use tracer_ebpf::{Listener, names};

use super::hook::{POLL, SEED};
use super::loader::Attached;

impl Attached {
    /// Refreshes the table's facts about open connections of our network namespace if `is_own`, and of
    /// `others`, each with a file by which it may be entered. Returns those of `others` whose sockets were all shown, and
    /// whether ours were. A namespace that cannot be entered is left out: nothing in it can then be
    /// shown to be idle.
    ///
    /// # Errors
    /// If the kernel refuses a walk that it allowed at start.
    pub fn poll(
        &mut self,
        is_own: bool,
        others: &[(u32, PathBuf)],
    ) -> Result<(bool, Vec<u32>), ProgramError> {
        if !self.has(POLL) {
            return Ok((false, Vec::new()));
        }
        if is_own {
            self.walk(names::POLL)?.read()?;
        }
        let mut walked = Vec::new();
        for (netns, way) in others {
            let walk = self.walk(names::POLL).map_err(io::Error::other);
            match walk.and_then(|walk| within(way, *netns, walk)) {
                Ok(()) => walked.push(*netns),
                Err(error) => {
                    tracing::debug!(netns, %error, "a network namespace was not walked");
                }
            }
        }
        Ok((is_own, walked))
    }

    /// Adds the connections that are open already to the table. Returns the listening sockets of
    /// all namespaces; `None` if this kernel has no such walk.
    ///
    /// # Errors
    /// If the kernel refuses a walk that it allowed at start.
    pub fn seed(&mut self) -> Result<Option<Vec<Listener>>, ProgramError> {
        Ok(self.seeding()?.map(|walk| walk.run(&|| false)).transpose()?)
    }

    /// The same, still to be done, by whichever thread: with very many open files it takes long.
    ///
    /// # Errors
    /// As [`Self::seed`].
    pub fn seeding(&mut self) -> Result<Option<Seeding>, ProgramError> {
        self.has(SEED).then(|| self.walk(names::SEED).map(Seeding)).transpose()
    }

    /// Whether a walk may be begun, if there is one.
    pub fn may_walk(&mut self) -> bool {
        [(POLL, names::POLL), (SEED, names::SEED)].into_iter().all(|(hook, program)| {
            !self.has(hook) || self.walk(program).is_ok_and(|walk| walk.0.into_file().is_ok())
        })
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

/// Most bytes read at once: what the kernel keeps for a walk.
const AT_ONCE: usize = 32 << 10;

impl Walk {
    /// What the program wrote. Making the file chooses the namespace, reading it is the walk; both
    /// use up the link.
    fn read(self) -> io::Result<Vec<u8>> {
        self.read_until(&|| false)
    }

    /// The same as far as it came, if `is_over` meanwhile.
    fn read_until(self, is_over: &dyn Fn() -> bool) -> io::Result<Vec<u8>> {
        let mut file = self.0.into_file().map_err(io::Error::other)?;
        let (mut bytes, mut piece) = (Vec::new(), vec![0; AT_ONCE]);
        while !is_over() {
            match file.read(&mut piece) {
                Ok(0) => break,
                Ok(len) => bytes.extend_from_slice(&piece[..len]),
                // The kernel looks at a million objects at a time, and says so if the program wrote
                // nothing meanwhile (`MAX_ITER_OBJECTS`): it goes on where it was.
                Err(error)
                    if matches!(
                        error.kind(),
                        io::ErrorKind::WouldBlock | io::ErrorKind::Interrupted
                    ) => {}
                Err(error) => return Err(error),
            }
        }
        Ok(bytes)
    }
}

/// A walk over all open files that has not begun, see [`Attached::seed`].
pub struct Seeding(Walk);

impl Seeding {
    /// Walks, until it `is_over`: what it wrote, as far as it came.
    ///
    /// # Errors
    /// Those of the kernel.
    pub fn run(self, is_over: &dyn Fn() -> bool) -> io::Result<Vec<Listener>> {
        let bytes = self.0.read_until(is_over)?;
        let listener =
            |mut entry: &[u8]| Listener { netns: entry.get_u32_ne(), port: entry.get_u32_ne() };
        Ok(bytes.chunks_exact(size_of::<Listener>()).map(listener).collect())
    }
}

/// Walks in the network namespace `netns`, in a thread that ends with it: a thread cannot be trusted to
/// find its way back.
fn within(way: &Path, netns: u32, walk: Walk) -> io::Result<()> {
    let namespace = std::fs::File::open(way)?;
    if namespace.metadata()?.ino() != u64::from(netns) {
        return Err(io::Error::other("it is the way into another one by now"));
    }
    let thread = std::thread::Builder::new().name("namespace".into()).spawn(move || {
        move_into_link_name_space(namespace.as_fd(), Some(LinkNameSpaceType::Network))?;
        walk.read().map(drop)
    })?;
    thread.join().unwrap_or_else(|_| Err(io::Error::other("the walk failed")))
}
