//! How many TCP sockets this host has, as the kernel counts them.

/// Open TCP sockets of all network namespaces and both IP versions, listening ones and those that wait
/// to be freed included; `None` if /proc does not tell.
#[must_use]
pub fn tcp_sockets() -> Option<u64> {
    count(&std::fs::read_to_string("/proc/net/sockstat").ok()?)
}

/// `inuse` is of our own namespace and IPv4 only; `alloc` is of all there are.
fn count(sockstat: &str) -> Option<u64> {
    let words = sockstat.lines().find_map(|line| line.strip_prefix("TCP: "))?;
    let mut words = words.split_whitespace().skip_while(|word| *word != "alloc");
    words.nth(1)?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sockets_of_all_namespaces_are_counted() {
        let text = "sockets: used 178\nTCP: inuse 6 orphan 0 tw 2 alloc 1234 mem 1\nUDP: inuse 2\n";
        assert_eq!(count(text), Some(1234));
        assert_eq!(count("TCP: inuse 6 alloc"), None);
        assert_eq!(count(""), None);
        assert!(tcp_sockets().is_some(), "this host tells");
    }
}
