//! What is told, under which names, in which units: the contract of `fleet/metrics.txt`, for every
//! exporter.

use std::collections::BTreeMap;

use super::{Counts, Histogram, Metrics, Place, Program, workload};
use crate::connection::Role;

/// What a number means.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// Only grows while its series is there.
    Counter,
    /// As of the last interval.
    Gauge,
    /// A [`Histogram`].
    Histogram,
}

/// One of a family.
#[derive(Clone, Debug, PartialEq)]
pub struct Sample {
    /// Name → value.
    pub labels: Vec<(&'static str, String)>,
    /// What was measured.
    pub value: Value,
}

/// What was measured.
#[derive(Clone, Debug, PartialEq)]
pub enum Value {
    /// Of a counter or a gauge.
    Number(f64),
    /// Of a histogram, seconds.
    Histogram(Histogram),
}

/// All samples of one name.
#[derive(Clone, Debug, PartialEq)]
pub struct Family {
    /// Name, with its unit; of counters with `_total`.
    pub name: &'static str,
    /// One sentence: what, of what.
    pub help: &'static str,
    /// What its numbers mean.
    pub kind: Kind,
    /// None if there is nothing to tell.
    pub samples: Vec<Sample>,
}

/// Most destinations whose share of ports is told.
const MOST_PORTS: usize = 50;

type Labels = Vec<(&'static str, String)>;

fn of_program(program: &Program) -> Labels {
    vec![
        ("process_executable_name", program.executable.clone()),
        ("container_id", program.container.clone()),
    ]
}

fn of_place(place: &Place) -> Labels {
    let server = place.server.map_or_else(|| workload::OTHER.to_owned(), |at| at.to_string());
    let mut labels = of_program(&place.workload.program);
    labels.extend([("role", role(place.workload.role)), ("server", server)]);
    labels
}

fn role(role: Option<Role>) -> String {
    role.map_or("unknown", Role::name).to_owned()
}

fn with(
    mut labels: Labels,
    more: impl IntoIterator<Item = (&'static str, &'static str)>,
) -> Labels {
    labels.extend(more.into_iter().map(|(name, value)| (name, value.to_owned())));
    labels
}

fn number(labels: Labels, value: f64) -> Sample {
    Sample { labels, value: Value::Number(value) }
}

impl Metrics {
    /// Everything, as of the last interval; in the order of the contract.
    #[must_use]
    pub fn families(&self) -> Vec<Family> {
        let mut families = self.of_places();
        families.extend(self.of_time());
        families.extend(self.of_findings_and_health());
        families
    }

    fn of_places(&self) -> Vec<Family> {
        let each = |name, help, kind, sample: &dyn Fn(&Counts) -> u64| Family {
            name,
            help,
            kind,
            samples: self
                .counts()
                .map(|(place, counts)| number(of_place(place), sample(counts) as f64))
                .collect(),
        };
        let opened = self.counts().flat_map(|(place, counts)| {
            counts.opened.iter().map(move |(cause, count)| {
                number(with(of_place(place), [("cause", cause.name())]), *count as f64)
            })
        });
        let closed = self.counts().flat_map(|(place, counts)| {
            counts.closed.iter().map(move |((cause, initiator), count)| {
                let why = [("cause", cause.name()), ("initiator", initiator.name())];
                number(with(of_place(place), why), *count as f64)
            })
        });
        let failed = self.counts().flat_map(|(place, counts)| {
            let failed = counts.closed.iter().filter(|((cause, _), _)| cause.is_failed_dial());
            let mut by_cause = BTreeMap::<_, u64>::new();
            failed.for_each(|((cause, _), count)| *by_cause.entry(*cause).or_default() += count);
            by_cause.into_iter().map(move |(cause, count)| {
                number(with(of_place(place), [("cause", cause.name())]), count as f64)
            })
        });
        vec![
            Family {
                name: "tracer_tcp_connections_opened_total",
                help: "TCP connections dialled or accepted while tracer watched, by why.",
                kind: Kind::Counter,
                samples: opened.collect(),
            },
            Family {
                name: "tracer_tcp_connections_closed_total",
                help: "TCP connections that ended, failed dials among them, by why and by whom.",
                kind: Kind::Counter,
                samples: closed.collect(),
            },
            Family {
                name: "tracer_tcp_connect_failures_total",
                help: "Dials that failed, by why.",
                kind: Kind::Counter,
                samples: failed.collect(),
            },
            each(
                "tracer_tcp_exchanges_total",
                "Requests answered, of connections that are open or have ended.",
                Kind::Counter,
                &|counts| counts.exchanges,
            ),
            each(
                "tracer_tcp_redials_total",
                "Dials although a connection was idle or had just been closed by this side.",
                Kind::Counter,
                &|counts| counts.redials,
            ),
            each(
                "tracer_tcp_connections_open",
                "TCP connections that are open.",
                Kind::Gauge,
                &|counts| counts.open,
            ),
        ]
    }

    fn of_time(&self) -> Vec<Family> {
        let histograms = |of: &BTreeMap<Option<Role>, Histogram>| {
            of.iter()
                .map(|(end, histogram)| Sample {
                    labels: vec![("role", role(*end))],
                    value: Value::Histogram(histogram.clone()),
                })
                .collect()
        };
        let mut ages: BTreeMap<&Program, f64> = BTreeMap::new();
        for (place, counts) in self.counts() {
            if let Some(age_s) = counts.close_wait_s {
                let oldest = ages.entry(&place.workload.program).or_default();
                *oldest = oldest.max(age_s);
            }
        }
        vec![
            Family {
                name: "tracer_tcp_connection_duration_seconds",
                help: "Time from dial or accept to the first close, of connections seen whole.",
                kind: Kind::Histogram,
                samples: histograms(&self.durations),
            },
            Family {
                name: "tracer_tcp_idle_before_close_seconds",
                help: "Time from the last data either way to the first close.",
                kind: Kind::Histogram,
                samples: histograms(&self.idle),
            },
            Family {
                name: "tracer_tcp_close_wait_oldest_seconds",
                help: "Age of the oldest connection that its peer has closed and its process has not.",
                kind: Kind::Gauge,
                samples: ages
                    .into_iter()
                    .map(|(program, age_s)| number(of_program(program), age_s))
                    .collect(),
            },
        ]
    }

    fn of_findings_and_health(&self) -> Vec<Family> {
        let findings = self.findings.iter().map(|((code, severity), count)| {
            let labels = [("code", code.name()), ("severity", severity.name())];
            number(with(Vec::new(), labels), *count as f64)
        });
        // Those that are closest to their end: there may be any number of destinations.
        let mut used: Vec<_> = self.used_ports.shares(&self.ports).into_iter().collect();
        used.sort_by(|left, right| right.1.total_cmp(&left.1));
        used.truncate(MOST_PORTS);
        let used =
            used.iter().map(|(server, share)| number(vec![("server", server.to_string())], *share));
        let mut families = vec![
            Family {
                name: "tracer_tcp_ephemeral_ports_used_ratio",
                help: "Share of the local ports that watched connections to a destination hold, \
                       TIME_WAIT among them, 0 to 1, by the port range of the network namespace \
                       of tracer; of the 50 destinations that hold most.",
                kind: Kind::Gauge,
                samples: used.collect(),
            },
            Family {
                name: "tracer_findings",
                help: "Findings that hold now, by kind and harm.",
                kind: Kind::Gauge,
                samples: findings.collect(),
            },
        ];
        let Some(health) = &self.health else { return families };
        let output = ("output".to_owned(), health.unwritten);
        let lost = health.lost.iter().chain([&output]);
        let hooks = health.hooks.iter();
        families.extend([
            Family {
                name: "tracer_events_lost_total",
                help: "Records that could not be kept or delivered, by why.",
                kind: Kind::Counter,
                samples: lost
                    .map(|(why, count)| number(vec![("reason", why.clone())], *count as f64))
                    .collect(),
            },
            Family {
                name: "tracer_seen_share",
                help: "Share of the connections since the start that was seen; 1 if none was lost.",
                kind: Kind::Gauge,
                samples: vec![number(Vec::new(), health.seen_share.unwrap_or(1.0))],
            },
            Family {
                name: "tracer_hook_attached",
                help: "Whether a hook of the kernel is attached.",
                kind: Kind::Gauge,
                samples: hooks
                    .map(|(hook, status)| {
                        let is_attached = status.starts_with("attached");
                        number(vec![("hook", hook.clone())], f64::from(u8::from(is_attached)))
                    })
                    .collect(),
            },
            Family {
                name: "tracer_connections_tracked",
                help: "TCP connections that are tracked.",
                kind: Kind::Gauge,
                samples: vec![number(Vec::new(), health.connections_tracked as f64)],
            },
            Family {
                name: "tracer_build_info",
                help: "Version of tracer and of the kernel; always 1.",
                kind: Kind::Gauge,
                samples: vec![number(
                    vec![
                        ("version", health.version.clone()),
                        ("kernel", health.kernel.clone()),
                        ("tier", health.tier.clone()),
                    ],
                    1.0,
                )],
            },
        ]);
        families
    }
}
