//! Format files of classic tracepoints: where each field of a record is. A pure parser, and where the
//! files are.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use tracer_ebpf::{EVENT_COUNT, EVENT_FIELDS, MISSING};

use super::plain;

/// Where tracefs may be mounted.
const ROOTS: [&str; 2] = ["/sys/kernel/tracing", "/sys/kernel/debug/tracing"];

/// Place of a field within the record, in bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Place {
    offset: u16,
    size: u16,
}

/// One format file.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
struct Format {
    fields: BTreeMap<String, Place>,
    /// What its numbers mean, by the field that holds them.
    symbols: BTreeMap<String, Vec<(u32, String)>>,
}

/// What the kernel says of the tracepoints that the plain programs read.
#[derive(Clone, Debug, Default)]
pub(super) struct Formats(BTreeMap<&'static str, Format>);

impl Formats {
    /// Reads the format file of each; one that cannot be read is left out. `None` if no tracefs can
    /// be read at all.
    pub(super) fn from_kernel() -> Option<Self> {
        let events =
            ROOTS.iter().map(|root| Path::new(root).join("events")).find(|path| path.is_dir())?;
        Some(Self::read(&events))
    }

    fn read(events: &Path) -> Self {
        let file = |event: &str| -> PathBuf { events.join(event).join("format") };
        let read = |event| Some((event, parse(&fs::read_to_string(file(event)).ok()?)));
        Self(plain::events().filter_map(read).collect())
    }

    /// Whether the kernel has this tracepoint.
    pub(super) fn has(&self, event: &str) -> bool {
        self.0.contains_key(event)
    }

    /// Offsets of every field, in bytes: [`MISSING`] where the tracepoint has none.
    pub(super) fn offsets(&self) -> [u16; EVENT_COUNT] {
        let mut offsets = [MISSING; EVENT_COUNT];
        for (slot, field) in offsets.iter_mut().zip(EVENT_FIELDS) {
            let place = self.0.get(field.event).and_then(|format| format.fields.get(field.name));
            let fits = |place: &&Place| {
                place.size == field.size
                    && place.offset.is_multiple_of(field.step)
                    && field.offsets().contains(&place.offset)
            };
            *slot = place.filter(fits).map_or(MISSING, |place| place.offset);
        }
        offsets
    }

    /// The first field that the programs need of this tracepoint and do not find as expected.
    pub(super) fn fault(&self, event: &str) -> Option<String> {
        let offsets = self.offsets();
        EVENT_FIELDS
            .iter()
            .zip(offsets)
            .find(|(field, offset)| {
                field.event == event && !field.is_optional && *offset == MISSING
            })
            .map(|(field, _)| {
                format!("its record has no `{}` of {} bytes where expected", field.name, field.size)
            })
    }

    /// Names of the kernel's reset reasons, in lower case.
    pub(super) fn reset_reasons(&self) -> impl Iterator<Item = (u32, String)> {
        let format = self.0.get("tcp/tcp_send_reset");
        format
            .and_then(|format| format.symbols.get("reason"))
            .into_iter()
            .flatten()
            .map(|(value, name)| (*value, name.to_ascii_lowercase()))
    }
}

/// Reads a format file. Lines that are no field are passed over.
fn parse(text: &str) -> Format {
    let fields = text.lines().filter_map(field).collect();
    let print = text.lines().find_map(|line| line.strip_prefix("print fmt: ")).unwrap_or_default();
    Format { fields, symbols: symbols(print) }
}

/// One line such as `field:__u8 saddr[4]; offset:22; size:4; signed:0;`, with tabs.
fn field(line: &str) -> Option<(String, Place)> {
    let mut parts = line.trim().split(';').map(str::trim);
    let declaration = parts.next()?.strip_prefix("field:")?;
    let number =
        |part: Option<&str>, key: &str| part?.strip_prefix(key)?.strip_prefix(':')?.parse().ok();
    let (offset, size) = (number(parts.next(), "offset")?, number(parts.next(), "size")?);
    let name = declaration.split('[').next()?.rsplit([' ', '*']).next()?;
    (!name.is_empty()).then(|| (name.to_owned(), Place { offset, size }))
}

/// The tables of `__print_symbolic(REC->field, { 0, "NAME" }, ...)`. Tables whose values are not
/// numbers are empty.
fn symbols(print: &str) -> BTreeMap<String, Vec<(u32, String)>> {
    let tables = print.split("__print_symbolic(REC->").skip(1);
    tables
        .filter_map(|text| {
            let (name, table) = text.split_once(',')?;
            let entries = table.split('{').skip(1).filter_map(|entry| {
                let (value, rest) = entry.split_once(',')?;
                let name = rest.split('"').nth(1)?;
                Some((value.trim().parse().ok()?, name.to_owned()))
            });
            Some((name.trim().to_owned(), entries.collect()))
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Of Linux 6.18, shortened.
    const SEND_RESET: &str = "name: tcp_send_reset
ID: 2280
format:
\tfield:unsigned short common_type;\toffset:0;\tsize:2;\tsigned:0;
\tfield:int common_pid;\toffset:4;\tsize:4;\tsigned:1;

\tfield:const void * skbaddr;\toffset:8;\tsize:8;\tsigned:0;
\tfield:const void * skaddr;\toffset:16;\tsize:8;\tsigned:0;
\tfield:int state;\toffset:24;\tsize:4;\tsigned:1;
\tfield:enum sk_rst_reason reason;\toffset:28;\tsize:4;\tsigned:0;
\tfield:__u8 saddr[28];\toffset:32;\tsize:28;\tsigned:0;

print fmt: \"state=%s reason=%s\", REC->state ? __print_symbolic(REC->state, \
{ TCP_ESTABLISHED, \"TCP_ESTABLISHED\" }) : \"UNKNOWN\", __print_symbolic(REC->reason, \
{ 0, \"NOT_SPECIFIED\" }, { 11, \"TCP_ABORT_ON_CLOSE\" })
";

    /// Of Linux 5.10, which names no address family.
    const DESTROY: &str = "format:
\tfield:const void * skaddr;\toffset:8;\tsize:8;\tsigned:0;
\tfield:__u16 sport;\toffset:16;\tsize:2;\tsigned:0;
\tfield:__u16 dport;\toffset:18;\tsize:2;\tsigned:0;
\tfield:__u8 saddr[4];\toffset:20;\tsize:4;\tsigned:0;
\tfield:__u8 daddr[4];\toffset:24;\tsize:4;\tsigned:0;
\tfield:__u8 saddr_v6[16];\toffset:28;\tsize:16;\tsigned:0;
\tfield:__u8 daddr_v6[16];\toffset:44;\tsize:16;\tsigned:0;
\tfield:__u64 sock_cookie;\toffset:64;\tsize:8;\tsigned:0;
";

    fn formats(of: &[(&'static str, &str)]) -> Formats {
        Formats(of.iter().map(|(event, text)| (*event, parse(text))).collect())
    }

    fn offset(formats: &Formats, index: usize) -> u16 {
        formats.offsets()[index]
    }

    #[test]
    fn each_field_has_its_place() {
        let formats = formats(&[("tcp/tcp_send_reset", SEND_RESET)]);
        assert_eq!(offset(&formats, tracer_ebpf::at::SENT_SKB), 8);
        assert_eq!(offset(&formats, tracer_ebpf::at::SENT_SK), 16, "a pointer's star is no name");
        assert_eq!(offset(&formats, tracer_ebpf::at::SENT_REASON), 28);
        assert_eq!(offset(&formats, tracer_ebpf::at::STATE_SK), MISSING, "not read");
        assert_eq!(formats.fault("tcp/tcp_send_reset"), None);
    }

    #[test]
    fn an_array_is_named_without_its_length_and_addresses_are_told_apart() {
        let parsed = parse(DESTROY);
        assert_eq!(parsed.fields["saddr"], Place { offset: 20, size: 4 });
        assert_eq!(parsed.fields["saddr_v6"], Place { offset: 28, size: 16 });
        let formats = formats(&[("tcp/tcp_destroy_sock", DESTROY)]);
        assert_eq!(offset(&formats, tracer_ebpf::at::FREED_COOKIE), 64);
        assert_eq!(formats.fault("tcp/tcp_destroy_sock"), None);
    }

    #[test]
    fn an_optional_field_may_lack_and_any_other_is_a_fault() {
        let without = SEND_RESET.replace("sk_rst_reason reason", "sk_rst_reason why");
        let lacks = formats(&[("tcp/tcp_send_reset", &without)]);
        assert_eq!(lacks.fault("tcp/tcp_send_reset"), None);
        assert_eq!(offset(&lacks, tracer_ebpf::at::SENT_REASON), MISSING);
        for (from, to) in [("* skaddr", "* sk"), ("offset:16;\tsize:8", "offset:16;\tsize:4")] {
            let other = formats(&[("tcp/tcp_send_reset", &SEND_RESET.replace(from, to))]);
            let fault = other.fault("tcp/tcp_send_reset").unwrap();
            assert!(fault.contains("`skaddr` of 8 bytes"), "{fault}");
        }
    }

    #[test]
    fn an_offset_that_no_program_tries_is_a_fault() {
        for other in ["offset:12;", "offset:160;"] {
            let text = SEND_RESET.replace("offset:16;", other);
            assert!(
                formats(&[("tcp/tcp_send_reset", &text)]).fault("tcp/tcp_send_reset").is_some()
            );
        }
    }

    #[test]
    fn reset_reasons_are_named_by_number() {
        let named: Vec<_> =
            formats(&[("tcp/tcp_send_reset", SEND_RESET)]).reset_reasons().collect();
        assert_eq!(named, [(0, "not_specified".into()), (11, "tcp_abort_on_close".into())]);
        assert_eq!(formats(&[("tcp/tcp_send_reset", DESTROY)]).reset_reasons().count(), 0);
    }

    #[test]
    fn what_is_no_format_has_no_fields() {
        for text in ["", "field:", "\tfield:int x;", "field:int x; offset:a; size:4;", "}{;;;"] {
            assert_eq!(parse(text), Format::default(), "{text}");
        }
    }
}
