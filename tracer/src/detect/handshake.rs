//! How many exchanges one request can look like: logging in, a TLS handshake and saying goodbye are
//! made of exchanges too. Told by the destination's port; what is said cannot be seen.

mod by_port;

use std::net::SocketAddr;

use super::Thresholds;
use by_port::BY_PORT;

/// Where TLS may be on a connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Tls {
    /// Not usual.
    No,
    /// Both ends may agree on it, or the port is used with and without.
    Maybe,
    /// It begins with the first byte.
    Yes,
}

/// A protocol with well-known ports.
#[derive(Debug)]
struct Protocol {
    name: &'static str,
    ports: &'static [u16],
    tls: Tls,
    /// Most exchanges beside the request that common clients make, TLS left out.
    set_up: u64,
    /// Which these are, and whether they were counted (with the clients named) or are those that
    /// the protocol prescribes.
    #[cfg_attr(
        not(test),
        expect(dead_code, reason = "the document tells it, held to it by a test")
    )]
    why: &'static str,
}

const fn protocol(
    name: &'static str,
    ports: &'static [u16],
    tls: Tls,
    set_up: u64,
    why: &'static str,
) -> Protocol {
    Protocol { name, ports, tls, set_up, why }
}

const PROTOCOLS: &[Protocol] = &[
    // HTTPS (443, 6443 Kubernetes, 8443, 9443), DNS (853), Telnet (992), IMAP (993), POP3 (995),
    // Docker (2376), etcd (2379), SIP (5061), WinRM (5986), syslog (6514), kubelet (10250).
    protocol(
        "TLS",
        &[443, 853, 992, 993, 995, 2376, 2379, 5061, 5986, 6443, 6514, 8443, 9443, 10250],
        Tls::Yes,
        0,
        "The handshake alone.",
    ),
    protocol(
        "PostgreSQL",
        &[5432, 6432],
        Tls::Maybe,
        6,
        "SSLRequest, three of start-up with SCRAM, BEGIN and COMMIT. Counted: psql 3, with TLS 6; \
         psycopg 5, with TLS 8.",
    ),
    protocol(
        "MySQL",
        &[3306, 33060],
        Tls::Maybe,
        6,
        "Login, up to two more of caching_sha2_password, SET NAMES, autocommit and the like. \
         Counted without a password: PyMySQL 3, Connector/Python 4.",
    ),
    protocol(
        "Redis",
        &[6379],
        Tls::No,
        6,
        "HELLO or AUTH, CLIENT SETNAME, CLIENT SETINFO twice, SELECT. Counted: redis-cli 1, \
         redis-py 3 to 6.",
    ),
    protocol("Redis with TLS", &[6380], Tls::Yes, 6, "As Redis."),
    protocol(
        "AMQP",
        &[5672],
        Tls::No,
        5,
        "Start, Tune, Open of the connection and of a channel, Close. Prescribed by AMQP 0-9-1.",
    ),
    protocol("AMQP with TLS", &[5671], Tls::Yes, 5, "As AMQP."),
    protocol(
        "MongoDB",
        &[27017],
        Tls::Maybe,
        3,
        "hello, two of SCRAM. Prescribed; the first of SCRAM may travel in hello.",
    ),
    protocol(
        "Kafka",
        &[9092],
        Tls::No,
        5,
        "ApiVersions, SaslHandshake, two of SCRAM, Metadata. Prescribed.",
    ),
    protocol("Kafka with TLS", &[9093], Tls::Yes, 5, "As Kafka."),
    protocol(
        "SMTP",
        &[25, 587],
        Tls::Maybe,
        9,
        "EHLO, STARTTLS, EHLO, two of AUTH, QUIT; and a mail is MAIL, RCPT, DATA and its text, three \
         more than one. Prescribed.",
    ),
    protocol(
        "SMTP with TLS",
        &[465],
        Tls::Yes,
        7,
        "As SMTP, without STARTTLS and the second EHLO.",
    ),
    protocol("LDAP", &[389], Tls::Maybe, 2, "StartTLS, bind. Prescribed; unbind has no answer."),
    protocol("LDAP with TLS", &[636], Tls::Yes, 1, "Bind."),
    protocol(
        "SQL Server",
        &[1433],
        Tls::Maybe,
        4,
        "PRELOGIN, LOGIN7, one more of integrated login, SET options. Prescribed.",
    ),
    protocol(
        "FTP",
        &[21],
        Tls::Maybe,
        8,
        "USER, PASS, SYST, FEAT, TYPE, CWD, PASV and QUIT around one transfer. Prescribed.",
    ),
    protocol("FTP with TLS", &[989, 990], Tls::Yes, 8, "As FTP."),
    protocol(
        "Oracle",
        &[1521],
        Tls::No,
        6,
        "Connect, its redirection or repetition, negotiation of services and types, two of login. As \
         its clients are known to do; not counted.",
    ),
    protocol(
        "Cassandra",
        &[9042],
        Tls::Maybe,
        4,
        "OPTIONS, STARTUP, AUTH_RESPONSE, REGISTER or USE. Prescribed.",
    ),
    protocol(
        "MQTT",
        &[1883],
        Tls::No,
        1,
        "CONNECT. Prescribed; PUBLISH of QoS 0 and DISCONNECT have no answer.",
    ),
    protocol("MQTT with TLS", &[8883], Tls::Yes, 1, "As MQTT."),
    protocol("Elasticsearch", &[9200], Tls::Maybe, 0, "None; with TLS by default since 8.0."),
    protocol("NATS", &[4222], Tls::Maybe, 1, "CONNECT with PING. Counted: nats-py 1."),
    protocol("memcached", &[11211], Tls::No, 0, "None. Counted: pymemcache 0."),
];

impl Protocol {
    fn of(destination: SocketAddr) -> Option<&'static Self> {
        let number = BY_PORT[usize::from(destination.port())];
        usize::from(number).checked_sub(1).and_then(|index| PROTOCOLS.get(index))
    }

    /// Most exchanges before the first request, or after the last.
    const fn most_set_up(&self, thresholds: &Thresholds) -> u64 {
        let tls = match self.tls {
            Tls::No => 0,
            Tls::Maybe | Tls::Yes => thresholds.one_shot_tls_exchanges.saturating_sub(1),
        };
        self.set_up + tls
    }

    /// Most exchanges that one request can look like.
    const fn most(&self, thresholds: &Thresholds) -> u64 {
        1 + self.most_set_up(thresholds)
    }
}

/// Whether it is known what the port of `destination` means.
pub(super) fn is_known(destination: SocketAddr) -> bool {
    Protocol::of(destination).is_some()
}

/// Whether one of `exchanges` at least was a request, whatever else sets a connection up; on a port
/// that means nothing, any was.
pub(super) fn is_answered(
    destination: SocketAddr,
    exchanges: u32,
    thresholds: &Thresholds,
) -> bool {
    let set_up = Protocol::of(destination).map_or(0, |protocol| protocol.most_set_up(thresholds));
    u64::from(exchanges) > set_up
}

/// Whether connections to `destination` may be TLS, whose last words nobody reads.
pub(super) fn may_be_tls(destination: SocketAddr) -> bool {
    Protocol::of(destination).is_some_and(|protocol| protocol.tls != Tls::No)
}

/// Whether `exchanges` can be a single request and its answer, with what sets a connection up.
pub(super) fn is_one_request(
    destination: SocketAddr,
    exchanges: u32,
    thresholds: &Thresholds,
) -> bool {
    let most = Protocol::of(destination).map_or(1, |protocol| protocol.most(thresholds));
    (1..=most).contains(&u64::from(exchanges))
}

/// The doubt about a verdict that rests on [`is_one_request`]; `None` where one exchange is one
/// request.
pub(super) fn doubt(destination: SocketAddr, thresholds: &Thresholds) -> Option<String> {
    let protocol = Protocol::of(destination)?;
    let most = protocol.most(thresholds);
    (most > 1).then(|| {
        let name = protocol.name;
        format!("the port means {name}: up to {most} exchanges are taken for one request")
    })
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    const DOCUMENT: &str = include_str!("../../../docs/findings.md");

    fn at(port: u16) -> SocketAddr {
        SocketAddr::from(([10, 0, 0, 1], port))
    }

    fn most(port: u16) -> u32 {
        let thresholds = Thresholds::default();
        (1..100).take_while(|n| is_one_request(at(port), *n, &thresholds)).last().unwrap_or(0)
    }

    #[test]
    fn what_common_clients_were_counted_to_need_is_one_request() {
        // Exchanges of a connection with one query, as counted by this program.
        for (port, counted) in
            [(5432, [4, 6, 7, 9]), (3306, [4, 4, 5, 5]), (6379, [2, 4, 6, 7]), (4222, [2; 4])]
        {
            for exchanges in counted {
                assert!(is_one_request(at(port), exchanges, &Thresholds::default()), "{port}");
            }
        }
    }

    #[test]
    fn a_port_that_means_nothing_needs_no_set_up_and_gives_no_doubt() {
        for port in [80, 8080, 11211] {
            assert_eq!((most(port), doubt(at(port), &Thresholds::default())), (1, None));
        }
        assert_eq!((most(443), most(6379), most(6380)), (3, 7, 9));
        assert!(!is_one_request(at(5432), 0, &Thresholds::default()));
    }

    #[test]
    fn the_doubt_names_the_protocol_and_the_number() {
        let doubt = doubt(at(6432), &Thresholds::default()).unwrap();
        assert_eq!(doubt, "the port means PostgreSQL: up to 9 exchanges are taken for one request");
    }

    #[test]
    fn a_database_may_say_goodbye_in_tls_too() {
        assert!(may_be_tls(at(443)) && may_be_tls(at(5432)));
        assert!(!may_be_tls(at(80)) && !may_be_tls(at(11211)));
    }

    #[test]
    fn a_port_means_one_protocol() {
        let ports: Vec<_> = PROTOCOLS.iter().flat_map(|protocol| protocol.ports).collect();
        assert_eq!(ports.iter().collect::<BTreeSet<_>>().len(), ports.len());
    }

    #[test]
    fn the_document_has_each_protocol_as_the_code_does() {
        let rows = PROTOCOLS.iter().map(|protocol| {
            let ports: Vec<_> = protocol.ports.iter().map(u16::to_string).collect();
            let most = protocol.most(&Thresholds::default());
            let (name, ports, why) = (protocol.name, ports.join(", "), protocol.why);
            format!("| {name} | {ports} | {most} | {why} |\n")
        });
        let head = "| protocol | ports | at most | exchanges beside the request and TLS |\n\
                    |---|---|---|---|\n";
        let table = format!("{head}{}\n", rows.collect::<String>());
        assert!(DOCUMENT.contains(&table), "docs/findings.md must have:\n{table}");
    }
}
