//! How many exchanges one request can look like: a TLS handshake is made of exchanges too.

use std::net::SocketAddr;

use super::Thresholds;

/// Ports on which TLS begins with the first byte: HTTPS (443, 6443 Kubernetes, 8443, 9443), SMTP
/// (465), LDAP (636), DNS (853), FTP (989, 990), Telnet (992), IMAP (993), POP3 (995), Docker
/// (2376), etcd (2379), SIP (5061), AMQP (5671), Redis (6380), MQTT (8883), Kafka (9093).
const PORTS: &[u16] = &[
    443, 465, 636, 853, 989, 990, 992, 993, 995, 2376, 2379, 5061, 5671, 6380, 6443, 8443, 8883,
    9093, 9443,
];

/// Whether connections to `destination` usually are TLS. What is said on them cannot be seen.
pub(super) fn is_likely(destination: SocketAddr) -> bool {
    PORTS.contains(&destination.port())
}

/// Whether `exchanges` can be a single request and its answer.
pub(super) fn is_one_request(
    destination: SocketAddr,
    exchanges: u32,
    thresholds: &Thresholds,
) -> bool {
    let most = if is_likely(destination) { thresholds.one_shot_tls_exchanges } else { 1 };
    (1..=most).contains(&u64::from(exchanges))
}
