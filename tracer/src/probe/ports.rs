//! How many ports this host can dial from, and how long a closed connection keeps its own.

use std::fs;
use std::ops::RangeInclusive;
use std::os::unix::fs::MetadataExt as _;

/// When a port in TIME_WAIT may be used for a new connection to the same destination after a second
/// (`net.ipv4.tcp_tw_reuse`); both ends need timestamps for it, which is the default.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reuse {
    /// 0, or no timestamps: after 60 s.
    Never,
    /// 2, the default: on loopback addresses only.
    Loopback,
    /// 1
    Always,
}

impl Reuse {
    /// Name in recordings.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Never => "never",
            Self::Loopback => "loopback",
            Self::Always => "always",
        }
    }

    /// The reverse.
    #[must_use]
    pub fn from_name(name: &str) -> Option<Self> {
        [Self::Never, Self::Loopback, Self::Always].into_iter().find(|reuse| reuse.name() == name)
    }
}

/// What one network namespace can dial from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Ports {
    /// The namespace it was read in, by its inode number; `None` if it could not be read, and the
    /// rest is the kernel's default.
    pub netns: Option<u32>,
    /// Ports of `ip_local_port_range` that are not reserved.
    pub usable: u64,
    /// When one in TIME_WAIT can be used again.
    pub reuse: Reuse,
}

impl Default for Ports {
    /// What a new network namespace begins with.
    fn default() -> Self {
        Self { netns: None, usable: 28_232, reuse: Reuse::Loopback }
    }
}

impl Ports {
    /// Those of our own network namespace.
    #[must_use]
    pub fn read() -> Self {
        let setting = |name: &str| fs::read_to_string(format!("/proc/sys/net/ipv4/{name}")).ok();
        let range = setting("ip_local_port_range").as_deref().and_then(range);
        let netns = fs::metadata("/proc/self/ns/net").ok();
        let netns = netns.and_then(|place| u32::try_from(place.ino()).ok());
        let (Some(range), Some(netns)) = (range, netns) else { return Self::default() };
        let reserved = setting("ip_local_reserved_ports").unwrap_or_default();
        let timestamps = setting("tcp_timestamps");
        let reuse = match setting("tcp_tw_reuse").as_deref().map(str::trim) {
            _ if timestamps.is_some_and(|value| value.trim() == "0") => Reuse::Never,
            Some("1") => Reuse::Always,
            Some("0") => Reuse::Never,
            _ => Reuse::Loopback,
        };
        Self { netns: Some(netns), usable: usable(&range, &reserved), reuse }
    }
}

/// First and last, with a blank between.
fn range(text: &str) -> Option<RangeInclusive<u16>> {
    let mut ports = text.split_whitespace().map(str::parse);
    Some(ports.next()?.ok()?..=ports.next()?.ok()?)
}

/// Ports of `range` that are not in `reserved`: `8080,9148-9150`.
fn usable(range: &RangeInclusive<u16>, reserved: &str) -> u64 {
    let parts = reserved.trim().split(',').filter(|part| !part.is_empty());
    let parts: Vec<RangeInclusive<u16>> = parts
        .filter_map(|part| {
            let (first, last) = part.split_once('-').unwrap_or((part, part));
            Some(first.trim().parse().ok()?..=last.trim().parse().ok()?)
        })
        .collect();
    let is_free = |port: &u16| !parts.iter().any(|part| part.contains(port));
    range.clone().filter(is_free).count() as u64
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reserved_ports_are_left_out_each_once() {
        let range = range("32768\t60999\n").unwrap();
        assert_eq!(usable(&range, "\n"), 28_232);
        assert_eq!(usable(&range, "8080,40000-40009,40005\n"), 28_222);
    }

    #[test]
    fn a_range_that_cannot_be_read_is_none() {
        for text in ["", "1", "1 x", "-1 2"] {
            assert_eq!(range(text), None, "{text}");
        }
    }

    #[test]
    fn this_host_has_ports() {
        let ports = Ports::read();
        assert!(ports.netns.is_some() && ports.usable > 0, "{ports:?}");
    }

    #[test]
    fn names_are_read_back() {
        for reuse in [Reuse::Never, Reuse::Loopback, Reuse::Always] {
            assert_eq!(Reuse::from_name(reuse.name()), Some(reuse));
        }
    }
}
