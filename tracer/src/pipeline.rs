//! Joins the stages: inputs of a source in; at each tick, an interval of named connections and what
//! has been judged so far out. The same code runs live and on replay.

mod health;
mod lost_of;
mod redaction;
mod selection;

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::AtomicU64;
use std::time::Duration;

use tracer_ebpf::Conn;

use crate::aggregate::{Identities, Limits, MOST_PEERS, PeerTotals, Peers};
use crate::clock::Clock;
use crate::connection::{self, Connections, Facts, Sees, Served, Tick};
use crate::decode::{self, Event};
use crate::detect::{Rolling, Thresholds};
use crate::probe::hook::Kind;
use crate::probe::plain::{ERROR_REPORT, RELEASE};
use crate::probe::{Attached, Ports, Status};
use crate::process::{Identity, Lookup, ProcessId, Scan, Table};
use crate::sink::Origin;
use crate::source::{Dropped, Input, Lost, Priority};

use lost_of::LostOfEach;
use redaction::Redaction;
pub use selection::{Family, Selection};

/// What does not change during an observation, and what a recording is read with.
#[derive(Clone, Debug)]
pub struct Setting {
    /// When it began, monotonic nanoseconds.
    pub start_ns: u64,
    /// Host and clock.
    pub origin: Origin,
    /// Kernel release.
    pub kernel: String,
    /// Version of tracer that observed.
    pub version: String,
    /// Hook → status.
    pub hooks: Vec<(String, String)>,
    /// Name of the tier.
    pub tier: String,
    /// What the thread that reads the ring runs at, if that is told.
    pub reader: Option<String>,
    /// Which end we are of connections that were there before.
    pub served: Served,
    /// What our own network namespace can dial from.
    pub ports: Ports,
    /// Kernel reset reasons by number.
    pub reset_reasons: std::collections::HashMap<u32, String>,
}

impl Setting {
    /// The setting of a live observation that begins now.
    #[must_use]
    pub fn live(attached: &Attached, priority: &Priority, sockets: Scan) -> Self {
        let system = rustix::system::uname();
        let text = |part: &std::ffi::CStr| part.to_string_lossy().into_owned();
        // Walks, and hooks on control groups, belong to both tiers.
        let is_full = attached.hooks.iter().all(|(hook, status)| {
            let of_functions = hook.candidates.iter().any(|(kind, _)| *kind == Kind::Kprobe);
            !of_functions || status.is_attached()
        });
        Self {
            start_ns: Clock::monotonic_ns(),
            origin: Origin { host: text(system.nodename()), clock: Clock::now() },
            kernel: text(system.release()),
            version: env!("CARGO_PKG_VERSION").into(),
            hooks: attached
                .hooks
                .iter()
                .map(|(hook, status): &(_, Status)| (hook.name.to_owned(), status.to_string()))
                .collect(),
            tier: match (attached.is_plain, is_full) {
                (true, _) => "plain",
                (false, true) => "full",
                (false, false) => "btf",
            }
            .into(),
            reader: Some(priority.name()),
            served: served(sockets, attached.knows_starts),
            ports: Ports::read(),
            reset_reasons: attached.reset_reasons.clone(),
        }
    }
}

/// `knows_starts`: records carry start times. Where they do not, a process must not be told from
/// itself by one.
fn served(sockets: Scan, knows_starts: bool) -> Served {
    let range = std::fs::read_to_string("/proc/sys/net/ipv4/ip_local_port_range").ok();
    let range = range.and_then(|text| {
        let mut ports = text.split_whitespace().map(str::parse);
        Some(ports.next()?.ok()?..=ports.next()?.ok()?)
    });
    let default = Served::default();
    let mut served = Served {
        beyond: sockets.beyond,
        dial_ports: range.unwrap_or(default.dial_ports),
        known_ns: Clock::monotonic_ns(),
        ..default
    };
    let listeners = sockets.listeners.iter();
    served.listen(
        listeners.filter_map(|listener| Some((listener.netns, listener.port.try_into().ok()?))),
    );
    served.hold(sockets.held.into_iter().map(|mut held| {
        if let Some(holder) = held.holder.as_mut().filter(|_| !knows_starts) {
            holder.id.start_ns = 0;
        }
        held
    }));
    served
}

/// The stages, joined.
pub struct Pipeline {
    setting: Setting,
    selection: Selection,
    /// Only where asked for.
    redaction: Option<Redaction>,
    connections: Connections,
    processes: Table,
    judge: Rolling,
    /// Only where asked for.
    peers: Option<Peers>,
    decode_errors: BTreeMap<&'static str, u64>,
    lost: Lost,
    lost_of: LostOfEach,
    dropped: Dropped,
    /// Lines that were dropped, of each output; with its name, where there may be several.
    unwritten: Vec<(Option<String>, Arc<AtomicU64>)>,
    tracked: u64,
    /// Ended connections whose records could be read.
    seen: u64,
}

/// What feeding an input led to.
pub enum Fed {
    /// Nothing to see yet.
    Taken,
    /// A process was seen for the first time: a recording must hold its identity.
    Met(Identity),
    /// An interval is complete, and judged.
    Tick(Tick),
}

impl Pipeline {
    /// An empty pipeline.
    #[must_use]
    pub fn new(
        setting: Setting,
        lookup: Lookup,
        selection: Selection,
        thresholds: Thresholds,
    ) -> Self {
        let is_attached = |name: &str| {
            let mut hooks = setting.hooks.iter();
            hooks.any(|(hook, status)| hook == name && status.starts_with("attached"))
        };
        let facts = Facts {
            tick_ns: setting.origin.clock.tick_ns,
            reset_reasons: setting
                .reset_reasons
                .iter()
                .map(|(number, name)| (*number, name.into()))
                .collect(),
            served: setting.served.clone(),
            sees_close: is_attached("tcp_close"),
            sees: Sees { errors: is_attached(ERROR_REPORT), releases: is_attached(RELEASE) },
        };
        Self {
            connections: Connections::new(facts, setting.start_ns),
            judge: Rolling::new(setting.start_ns, Limits::default(), thresholds, None)
                .with_ports(setting.ports)
                .with_boot_offset(setting.origin.clock.boot_minus_monotonic_ns),
            peers: None,
            redaction: None,
            setting,
            selection,
            processes: Table::new(lookup),
            decode_errors: BTreeMap::new(),
            lost: Lost::default(),
            lost_of: LostOfEach::default(),
            dropped: Dropped::default(),
            unwritten: Vec::new(),
            tracked: 0,
            seen: 0,
        }
    }

    /// Lets verdicts and totals look back this far at most, for an observation without an end.
    #[must_use]
    pub fn looking_back(mut self, window: Duration) -> Self {
        let window_ns = u64::try_from(window.as_nanos()).ok();
        self.judge.set_window(window_ns);
        self
    }

    /// Also counts accepted connections per peer address, from the next tick on.
    pub fn count_peers(&mut self) {
        self.peers = Some(Peers::new(self.setting.start_ns, MOST_PEERS));
    }

    /// Replaces every address by a stand-in from now on, before anything is judged, and leaves those out
    /// of the names of units.
    pub fn redact_addresses(&mut self) {
        self.processes.redact();
        self.redaction = Some(Redaction::default());
    }

    /// Judges something short that is over as if it went on, for the whole life of a command.
    pub const fn judge_a_command(&mut self) {
        self.judge.never_settle();
    }

    /// Takes one input.
    pub fn feed(&mut self, input: Input<'_>) -> Fed {
        match input {
            Input::Record(bytes) => match decode::decode(bytes) {
                Ok(Event::Conn(mut conn)) => {
                    let met = self.meet(&mut conn);
                    self.seen += 1;
                    self.connections.ended(conn);
                    return met;
                }
                Ok(Event::Late(late)) => self.connections.late(late),
                Err(error) => self.count_error(error),
            },
            Input::Live(bytes) => match decode::decode(bytes) {
                Ok(Event::Conn(mut conn)) => {
                    let met = self.meet(&mut conn);
                    self.connections.live(conn);
                    return met;
                }
                Ok(Event::Late(_)) => self.count_error(decode::Error::UnknownKind),
                Err(error) => self.count_error(error),
            },
            Input::Lost(lost) => self.lost = lost,
            Input::LostOf(of) => self.lost_of.count(of, || self.processes.comm(of.tgid)),
            Input::Dropped(dropped) => self.dropped = dropped,
            Input::Identity(json) => match Identity::from_json(json) {
                Some(identity) => {
                    self.processes.insert(identity);
                }
                None => self.count_error(decode::Error::BadValue),
            },
            Input::Tick { now_ns, is_last } => {
                let mut tick = self.connections.tick(now_ns, is_last);
                self.tracked = tick.live.len() as u64;
                self.processes.catch_up(is_last);
                self.selection.narrow(&mut tick, &self.processes);
                if let Some(redaction) = &mut self.redaction {
                    redaction.apply(&mut tick);
                }
                self.judge.cover(self.coverage());
                self.judge.fold(&tick, &self.processes);
                if let Some(peers) = &mut self.peers {
                    peers.fold(&tick);
                }
                return Fed::Tick(tick);
            }
        }
        Fed::Taken
    }

    /// Takes in control groups of the family that is judged, if it is one.
    pub fn admit(&mut self, groups: impl IntoIterator<Item = u64>) {
        if let Some(family) = &mut self.selection.family {
            family.admit(groups);
        }
    }

    /// Counts something that could not be read, by its kind.
    pub fn count_unreadable(&mut self, kind: &'static str) {
        *self.decode_errors.entry(kind).or_default() += 1;
    }

    fn count_error(&mut self, error: decode::Error) {
        self.count_unreadable(error.name());
    }

    fn meet(&mut self, conn: &mut Conn) -> Fed {
        self.setting.served.adopt(conn);
        let met = connection::owner(conn).and_then(|id| {
            let cgroup = Some(conn.owner_cgroup).filter(|number| *number != 0);
            self.processes.observe(id, cgroup, || connection::owner_comm(conn).into())
        });
        met.map_or(Fed::Taken, |identity| Fed::Met(identity.clone()))
    }

    /// The setting it was made with.
    #[must_use]
    pub const fn setting(&self) -> &Setting {
        &self.setting
    }

    /// Totals and verdicts so far.
    #[must_use]
    pub const fn judge(&self) -> &Rolling {
        &self.judge
    }

    /// Totals per peer address; `None` if they are not counted.
    #[must_use]
    pub fn peers(&self) -> Option<Vec<PeerTotals>> {
        self.peers.as_ref().map(Peers::totals)
    }

    /// What is known of a process.
    #[must_use]
    pub fn identity(&self, id: ProcessId) -> Option<&Identity> {
        self.processes.get(id)
    }

    /// Identities of which the last interval has learned more: a recording must hold them anew.
    pub fn learned(&self) -> impl Iterator<Item = &Identity> {
        self.processes.learned()
    }

    /// What was asked for, by which losses are not narrowed.
    #[must_use]
    pub const fn selection(&self) -> &Selection {
        &self.selection
    }

    /// Records that wait for the end of their interval.
    #[must_use]
    pub const fn waiting(&self) -> usize {
        self.connections.waiting()
    }
}

impl Identities for Pipeline {
    fn identity(&self, id: ProcessId) -> Option<&Identity> {
        self.processes.get(id)
    }
}

#[cfg(test)]
mod tests;
