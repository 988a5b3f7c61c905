//! What lines say of the owners of connections, as text: many connections are of one process, and that
//! part is a third of their lines. Bounded; knows no key.

use compact_str::CompactString;

use super::about;
use super::line::Line;
use crate::clock::Clock;
use crate::hash::Map;
use crate::process::{Identity, ProcessId};

/// Most owners remembered, some hundred bytes each; then all are forgotten, which costs time only.
const CAPACITY: usize = 1024;

/// The text of each owner.
#[derive(Debug)]
pub(super) struct Owners {
    clock: Clock,
    known: Map<ProcessId, Known>,
}

/// What the text was made of, and the text.
#[derive(Debug)]
struct Known {
    identity: Option<Identity>,
    comm: CompactString,
    text: Vec<u8>,
}

impl Known {
    /// Whether the same is known now. Without identity it is the `comm` of the connection that counts.
    fn is_still(&self, comm: &str, identity: Option<&Identity>) -> bool {
        self.identity.as_ref() == identity && (identity.is_some() || self.comm == comm)
    }
}

impl Owners {
    /// Nobody yet.
    pub(super) fn new(clock: Clock) -> Self {
        Self { clock, known: Map::default() }
    }

    /// What [`about::process`] puts, for [`Line::part`].
    ///
    /// # Errors
    /// As [`Line::finish`].
    pub(super) fn part(
        &mut self,
        id: ProcessId,
        comm: &str,
        identity: Option<&Identity>,
    ) -> serde_json::Result<&[u8]> {
        if !self.known.get(&id).is_some_and(|known| known.is_still(comm, identity)) {
            let mut line = Line::of_part();
            about::process(&mut line, id, comm, identity, &self.clock);
            let text = line.into_part()?;
            if self.known.len() >= CAPACITY {
                self.known.clear();
            }
            let known = Known { identity: identity.cloned(), comm: comm.into(), text };
            self.known.insert(id, known);
        }
        Ok(self.known.get(&id).map_or(&[], |known| known.text.as_slice()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sink::testing;

    fn text(owners: &mut Owners, pid: u32, comm: &str, identity: Option<&Identity>) -> String {
        let part = owners.part(ProcessId { pid, start_ns: 1 }, comm, identity).unwrap();
        String::from_utf8(part.to_vec()).unwrap()
    }

    #[test]
    fn what_becomes_known_of_an_owner_is_told_from_then_on() {
        let mut owners = Owners::new(testing::origin().clock);
        let first = text(&mut owners, 7, "sh", None);
        assert!(first.starts_with(",\"process.pid\":7,"), "{first}");
        assert!(first.contains("\"sh\""), "{first}");
        assert!(text(&mut owners, 7, "curl", None).contains("\"curl\""), "it has called exec()");
        let identity = testing::identity();
        let known = text(&mut owners, 7, "curl", Some(&identity));
        assert!(known.contains("/srv/bin/checkout"), "{known}");
        assert_eq!(text(&mut owners, 7, "other", Some(&identity)), known);
        let moved = Identity { cgroup: Some("/else".into()), ..identity };
        assert!(text(&mut owners, 7, "", Some(&moved)).contains("/else"));
    }

    #[test]
    fn the_owners_remembered_are_bounded() {
        let mut owners = Owners::new(testing::origin().clock);
        for pid in 1..3 * u32::try_from(CAPACITY).unwrap() {
            assert!(text(&mut owners, pid, "x", None).contains(&format!(":{pid},")));
            assert!(owners.known.len() <= CAPACITY);
        }
    }
}
