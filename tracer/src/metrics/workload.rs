//! Whose counts are told together, how many such there may be, and for how long they are told.

use std::net::SocketAddr;

use super::Counts;
use crate::connection::{Connection, Role};
use crate::hash::Map;
use crate::process::{Identity, container_id};

/// Most destinations of one workload: the next ones are `other`.
const MOST_SERVERS: usize = 50;
/// Most workloads: the next ones are `other` too, with all their destinations.
const MOST_WORKLOADS: usize = 1_000;
/// A place where nothing has happened for so long, and where nothing is open, is told no more: containers
/// have new names each time they start. If something happens there again, it counts from 0 as after a
/// start.
const FORGOTTEN_AFTER_NS: u64 = 3_600_000_000_000;
/// What is said of those beyond.
pub(super) const OTHER: &str = "other";

/// A program in a container: what an operator deploys.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Program {
    /// Name of the executable, or `comm` where that is unknown; empty if nobody is known.
    pub executable: String,
    /// Its container, empty if it is in none or that is not known.
    pub container: String,
}

impl Program {
    /// Of the owner of a connection.
    pub(super) fn of(connection: &Connection, identity: Option<&Identity>) -> Self {
        let path = identity.and_then(|identity| identity.exe.as_deref());
        let executable = path
            .and_then(std::path::Path::file_name)
            .map_or_else(|| connection.owner_comm.as_str().into(), |name| name.to_string_lossy());
        let cgroup = identity.and_then(|identity| identity.cgroup.as_deref());
        let container = cgroup.and_then(container_id).unwrap_or_default();
        Self { executable: executable.into_owned(), container: container.to_owned() }
    }

    fn other() -> Self {
        Self { executable: OTHER.to_owned(), container: String::new() }
    }
}

/// A program at one end of its connections.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Workload {
    /// Which.
    pub program: Program,
    /// Which end; `None` for connections that were there before us.
    pub role: Option<Role>,
}

/// A workload and one of its destinations; `None` for those beyond the bound.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Place {
    /// Whose.
    pub workload: Workload,
    /// The peer of a client, ourselves of a server.
    pub server: Option<SocketAddr>,
}

/// The counts of all places, by number.
#[derive(Debug, Default)]
pub(super) struct Places {
    numbers: Map<Place, usize>,
    servers: Map<Workload, usize>,
    all: Vec<(Place, Counts)>,
    looked_ns: u64,
}

impl Places {
    /// The number of a place, or of the one that stands for it beyond the bounds.
    pub(super) fn number(&mut self, place: Place) -> usize {
        if let Some(number) = self.numbers.get(&place) {
            return *number;
        }
        let place = self.bounded(place);
        if let Some(number) = self.numbers.get(&place) {
            return *number;
        }
        self.push(place, Counts::default())
    }

    /// What is counted at a place.
    pub(super) fn at(&mut self, number: usize) -> &mut Counts {
        &mut self.all[number].1
    }

    /// All places, and what is counted there.
    pub(super) fn iter(&self) -> impl Iterator<Item = (&Place, &Counts)> {
        self.all.iter().map(|(place, counts)| (place, counts))
    }

    /// The same, to be counted.
    pub(super) fn counts(&mut self) -> impl Iterator<Item = &mut Counts> {
        self.all.iter_mut().map(|(_, counts)| counts)
    }

    /// Forgets places where nothing happens, now and then. Numbers change.
    pub(super) fn forget(&mut self, now_ns: u64) {
        if now_ns.saturating_sub(self.looked_ns) < FORGOTTEN_AFTER_NS / 6 {
            return;
        }
        let all = std::mem::take(&mut self.all);
        *self = Self { looked_ns: now_ns, ..Self::default() };
        for (place, counts) in all {
            let is_used = now_ns.saturating_sub(counts.used_ns) < FORGOTTEN_AFTER_NS;
            if counts.open > 0 || is_used {
                self.push(place, counts);
            }
        }
    }

    fn push(&mut self, place: Place, counts: Counts) -> usize {
        let number = self.all.len();
        *self.servers.entry(place.workload.clone()).or_default() += 1;
        self.numbers.insert(place.clone(), number);
        self.all.push((place, counts));
        number
    }

    fn bounded(&self, mut place: Place) -> Place {
        match self.servers.get(&place.workload) {
            Some(servers) if *servers >= MOST_SERVERS => place.server = None,
            None if self.servers.len() >= MOST_WORKLOADS => {
                place.workload.program = Program::other();
                place.server = None;
            }
            _ => {}
        }
        place
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn place(executable: &str, port: u16) -> Place {
        let program = Program { executable: executable.to_owned(), ..Program::default() };
        let workload = Workload { program, role: Some(Role::Client) };
        Place { workload, server: Some(([127, 0, 0, 1], port).into()) }
    }

    #[test]
    fn destinations_beyond_the_bound_are_told_together_and_no_other_is_touched() {
        let mut places = Places::default();
        let numbers: Vec<_> = (1..=200).map(|port| places.number(place("a", port))).collect();
        assert_eq!(numbers[..MOST_SERVERS], *(0..MOST_SERVERS).collect::<Vec<_>>());
        assert!(numbers[MOST_SERVERS..].iter().all(|number| *number == MOST_SERVERS));
        assert_eq!(places.all[MOST_SERVERS].0.server, None);
        assert_eq!(places.number(place("a", 1)), 0, "those that were met stay");
        assert_eq!(places.number(place("b", 1)), MOST_SERVERS + 1);
    }

    #[test]
    fn workloads_beyond_the_bound_are_one() {
        let mut places = Places::default();
        for number in 0..2 * MOST_WORKLOADS {
            places.number(place(&number.to_string(), 1));
        }
        assert_eq!(places.all.len(), MOST_WORKLOADS + 1);
        let last = &places.all.last().unwrap().0;
        assert_eq!((last.workload.program.executable.as_str(), last.server), (OTHER, None));
    }

    #[test]
    fn places_of_containers_that_are_gone_make_room_for_others() {
        let mut places = Places::default();
        for number in 0..MOST_WORKLOADS {
            let number = places.number(place(&number.to_string(), 1));
            places.at(number).used_ns = 1;
        }
        places.at(5).open = 1;
        places.at(6).used_ns = FORGOTTEN_AFTER_NS;
        places.forget(FORGOTTEN_AFTER_NS + 1);
        let left: Vec<_> =
            places.iter().map(|(place, _)| place.workload.program.executable.as_str()).collect();
        assert_eq!(left, ["5", "6"]);
        let number = places.number(place("new", 1));
        assert_eq!((number, places.all[number].0 == place("new", 1)), (2, true));
    }
}
