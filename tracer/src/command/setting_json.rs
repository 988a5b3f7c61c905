//! The setting of an observation as a JSON object, the head of a recorded file.

use std::collections::BTreeMap;
use std::net::SocketAddr;

use serde_json::{Value, json};

use crate::clock::Clock;
use crate::connection::Served;
use crate::pipeline::Setting;
use crate::probe::{Ports, Reuse};
use crate::process::{Holder, ProcessId};
use crate::sink::Origin;

/// Records are in the layout and byte order of the host that made them.
const LAYOUT: &str = if cfg!(target_endian = "little") { "little" } else { "big" };

impl Setting {
    /// One line of JSON.
    pub(super) fn to_json(&self) -> String {
        let clock = self.origin.clock;
        json!({
            "abi": tracer_ebpf::ABI_VERSION,
            "byte_order": LAYOUT,
            "arch": std::env::consts::ARCH,
            "start_ns": self.start_ns,
            "host": self.origin.host,
            "wall_minus_monotonic_ns": clock.wall_minus_monotonic_ns,
            "boot_minus_monotonic_ns": clock.boot_minus_monotonic_ns,
            "tick_ns": clock.tick_ns,
            "kernel": self.kernel,
            "version": self.version,
            "hooks": self.hooks,
            "tier": self.tier,
            "reader": self.reader,
            "listeners": self.served.listeners,
            "dial_ports": [self.served.dial_ports.start(), self.served.dial_ports.end()],
            "ports": ports_json(&self.ports),
            "held": held_json(&self.served),
            "sockets_beyond": self.served.beyond,
            "known_ns": self.served.known_ns,
            "reset_reasons": self.reset_reasons.iter().collect::<BTreeMap<_, _>>().iter().collect::<Vec<_>>(),
        })
        .to_string()
    }

    /// The reverse; `None` if it is not such an object, or of a host whose records we cannot read.
    pub(super) fn from_json(text: &str) -> Option<Self> {
        let value: Value = serde_json::from_str(text).ok()?;
        // System call numbers differ between architectures.
        let is_ours = value["abi"] == tracer_ebpf::ABI_VERSION
            && value["byte_order"] == LAYOUT
            && value["arch"] == std::env::consts::ARCH;
        is_ours.then_some(())?;
        let text = |key: &str| value[key].as_str().map(str::to_owned);
        let pairs = |key: &str| value[key].as_array().cloned().unwrap_or_default();
        Some(Self {
            start_ns: value["start_ns"].as_u64()?,
            origin: Origin {
                host: text("host")?,
                clock: Clock {
                    wall_minus_monotonic_ns: value["wall_minus_monotonic_ns"].as_i64()?,
                    boot_minus_monotonic_ns: value["boot_minus_monotonic_ns"].as_i64()?,
                    tick_ns: value["tick_ns"].as_u64()?,
                },
            },
            kernel: text("kernel")?,
            version: text("version")?,
            hooks: pairs("hooks")
                .iter()
                .map(|pair| Some((pair[0].as_str()?.to_owned(), pair[1].as_str()?.to_owned())))
                .collect::<Option<_>>()?,
            tier: text("tier")?,
            reader: text("reader"),
            served: Served {
                listeners: pairs("listeners")
                    .iter()
                    .map(|pair| Some((number(&pair[0])?, number(&pair[1])?)))
                    .collect::<Option<_>>()?,
                dial_ports: ports(&value["dial_ports"]).unwrap_or(Served::default().dial_ports),
                // Absent from recordings of versions that did not look.
                held: pairs("held").iter().map(held).collect::<Option<_>>()?,
                namespaces: pairs("held")
                    .iter()
                    .map(|row| Some(held(row)?.0.0))
                    .collect::<Option<_>>()?,
                beyond: value["sockets_beyond"].as_u64().unwrap_or(0),
                known_ns: value["known_ns"].as_u64().unwrap_or(0),
            },
            ports: ports_of(&value["ports"]).unwrap_or_default(),
            reset_reasons: pairs("reset_reasons")
                .iter()
                .map(|pair| {
                    Some((pair[0].as_u64()?.try_into().ok()?, pair[1].as_str()?.to_owned()))
                })
                .collect::<Option<_>>()?,
        })
    }
}

/// One row each, in the order of their places: the same host gives the same file.
fn held_json(served: &Served) -> Vec<Value> {
    let held: BTreeMap<_, _> = served.held.iter().collect();
    held.into_iter()
        .map(|((netns, local, peer), holder)| {
            let place = (netns, local.to_string(), peer.to_string());
            let holder = holder.as_ref().map(|Holder { id, comm }| (id.pid, id.start_ns, comm));
            json!([place, holder])
        })
        .collect()
}

fn held(row: &Value) -> Option<((u32, SocketAddr, SocketAddr), Option<Holder>)> {
    let address = |at: usize| row[0][at].as_str()?.parse().ok();
    let holder = match &row[1] {
        Value::Null => None,
        holder => Some(Holder {
            id: ProcessId { pid: number(&holder[0])?, start_ns: holder[1].as_u64()? },
            comm: holder[2].as_str()?.to_owned(),
        }),
    };
    Some(((number(&row[0][0])?, address(1)?, address(2)?), holder))
}

fn ports_json(ports: &Ports) -> Value {
    json!({ "netns": ports.netns, "usable": ports.usable, "reuse": ports.reuse.name() })
}

/// `None` in recordings of versions that did not look.
fn ports_of(value: &Value) -> Option<Ports> {
    Some(Ports {
        netns: number(&value["netns"]),
        usable: value["usable"].as_u64()?,
        reuse: Reuse::from_name(value["reuse"].as_str()?)?,
    })
}

fn ports(value: &Value) -> Option<std::ops::RangeInclusive<u16>> {
    Some(number(&value[0])?..=number(&value[1])?)
}

/// An integer of the type that is wanted.
fn number<T: TryFrom<u64>>(value: &Value) -> Option<T> {
    value.as_u64()?.try_into().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_setting_survives_the_way_through_a_file() {
        let id = ProcessId { pid: 9, start_ns: u64::MAX };
        let holder = Some(Holder { id, comm: "\"x\"".into() });
        let setting = Setting {
            start_ns: 1,
            origin: Origin {
                host: "h".into(),
                clock: Clock {
                    wall_minus_monotonic_ns: -2,
                    boot_minus_monotonic_ns: 3,
                    tick_ns: 4,
                },
            },
            kernel: "6.1".into(),
            version: "0".into(),
            hooks: vec![("tcp_close".into(), "attached:fentry".into())],
            tier: "full".into(),
            reader: Some("refused:EPERM".into()),
            served: Served {
                listeners: [(1, 80)].into(),
                dial_ports: 5..=6,
                held: [((1, "[::1]:2".parse().unwrap(), "[::1]:3".parse().unwrap()), holder)]
                    .into(),
                namespaces: [1].into(),
                beyond: 9,
                known_ns: 8,
            },
            ports: Ports { netns: Some(4), usable: 100, reuse: Reuse::Always },
            reset_reasons: [(7, "x".to_owned())].into(),
        };
        let json = setting.to_json();
        let back = Setting::from_json(&json).unwrap();
        assert_eq!(format!("{back:?}"), format!("{setting:?}"));
        assert!(Setting::from_json(&json.replace("little", "middle")).is_none());
        assert!(Setting::from_json("{").is_none());
    }
}
