//! One attempt at all hooks of a tier, hook by hook.

use std::collections::HashMap;

use aya::maps::{PerCpuArray, PerCpuHashMap};
use aya::{Btf as AttachBtf, Ebpf, EbpfLoader};
use aya_log::EbpfLogger;
use tracer_ebpf::{FIELD_COUNT, names};

use super::attach::attach_program;
use super::format::Formats;
use super::hook::{HOOKS, Hook, Kind, Need};
use super::loader::{Attached, HookStatus, Records, Settings, Survey, Table};
use super::plain::{ERROR_REPORT, PLAIN_HOOKS};
use super::status::Status;
use super::{Error, preemption, preflight};

/// The BPF object, built from `tracer-ebpf` by `cargo xtask ebpf`.
static OBJECT: &[u8] = aya::include_bytes_aligned!(concat!(env!("OUT_DIR"), "/tracer.bpf.o"));

/// Maps of what is under way between two hooks of one call or exit. Full, they forget the oldest:
/// then an exit code, a closer or an errno is not known.
const UNDER_WAY: [&str; 4] = ["EXITS", "MPTCP", "CONNECTING", "MEETINGS"];

/// The level of aya-log at which state changes are logged.
const TRACE: u8 = 5;

/// Whether this build carries an object.
pub(super) const fn has_object() -> bool {
    !OBJECT.is_empty()
}

/// Optional kernel helpers, all or none: before 5.15 at least one of them is missing, and records
/// lack what they tell (start times, system call, exit code; the cookie).
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Helpers {
    All,
    Oldest,
}

/// What is known of a kernel with types before anything is tried.
pub(super) struct Kernel {
    pub(super) offsets: [u16; FIELD_COUNT],
    pub(super) allows_kprobe: bool,
    pub(super) btf: AttachBtf,
}

/// Programs that are attached, and the verdict on each hook.
pub(super) struct Attempt {
    programs: Ebpf,
    hooks: Vec<HookStatus>,
    is_plain: bool,
    knows_starts: bool,
}

impl Attempt {
    /// Tries the hooks of the tiers whose programs are typed.
    pub(super) fn typed(
        kernel: &Kernel,
        settings: &Settings,
        helpers: Helpers,
    ) -> Result<Self, Error> {
        let have = u8::from(helpers == Helpers::All);
        let mut loader = EbpfLoader::new();
        loader
            .btf(Some(&kernel.btf))
            .override_global(names::OFFSETS, &kernel.offsets[..], true)
            .override_global(names::HAVE_TASK, &have, true)
            .override_global(names::HAVE_COOKIE, &have, true)
            .override_global(names::OWN_TGID, &settings.own_pid, true)
            .map_max_entries(names::CONNS, settings.capacity.connections)
            .map_max_entries(names::PLAIN_CONNS, 1);
        let mut programs = load(loader, settings)?;
        let skip = |kind| match kind {
            Kind::Kprobe => !kernel.allows_kprobe,
            Kind::Fentry | Kind::Fexit => settings.no_fentry,
            _ => false,
        };
        let hooks = HOOKS
            .iter()
            .filter(|hook| hook.need != Need::Substitute || helpers == Helpers::Oldest)
            .map(|hook| (hook, attach_hook(&mut programs, hook, Some(&kernel.btf), &skip)))
            .collect();
        Ok(Self { programs, hooks, is_plain: false, knows_starts: helpers == Helpers::All })
    }

    /// Tries those of the plain tier.
    pub(super) fn plain(formats: &Formats, settings: &Settings) -> Result<Self, Error> {
        let (offsets, sees_errors) = (formats.offsets(), u8::from(formats.has(ERROR_REPORT)));
        let mut loader = EbpfLoader::new();
        loader
            .btf(None)
            .override_global(names::EVENTS, &offsets[..], true)
            .override_global(names::SEES_ERRORS, &sees_errors, true)
            .override_global(names::HAVE_TASK, &0_u8, true)
            .map_max_entries(names::CONNS, 1)
            .map_max_entries(names::PLAIN_CONNS, settings.capacity.plain_connections);
        let mut programs = load(loader, settings)?;
        let hooks = PLAIN_HOOKS
            .iter()
            .map(|hook| {
                let is_event = hook.candidates.iter().any(|(kind, _)| *kind == Kind::Tracepoint);
                let fault = if is_event { formats.fault(hook.name) } else { None };
                let status = match fault {
                    _ if is_event && !formats.has(hook.name) => Status::Unsupported,
                    Some(fault) => Status::Failed(fault),
                    None => attach_hook(&mut programs, hook, None, &|_| false),
                };
                (hook, status)
            })
            .collect();
        Ok(Self { programs, hooks, is_plain: true, knows_starts: false })
    }

    pub(super) fn is_complete(&self) -> bool {
        missing(&self.hooks).is_none()
    }

    /// The verdicts; detaches.
    pub(super) fn into_survey(self) -> Survey {
        Survey { hooks: self.hooks, is_plain: self.is_plain }
    }

    pub(super) fn into_attached(
        mut self,
        reset_reasons: HashMap<u32, String>,
        settings: &Settings,
    ) -> Result<(Attached, Records), Error> {
        let log = settings
            .kernel_log
            .then(|| EbpfLogger::init(&mut self.programs))
            .transpose()
            .map_err(|error| Error::KernelLog(Box::new(error)))?;
        let mut map = |name| self.programs.take_map(name).ok_or(Error::NoMap(name));
        let conns = if self.is_plain { names::PLAIN_CONNS } else { names::CONNS };
        let (records, table) = (map(names::RECORDS)?, map(conns)?);
        let (lost, lost_of) = (map(names::LOST)?, map(names::LOST_OF)?);
        let attached = Attached {
            table: Table::try_from(table)?,
            knows_starts: self.knows_starts,
            max_connections: if self.is_plain {
                settings.capacity.plain_connections
            } else {
                settings.capacity.connections
            },
            lost: PerCpuArray::try_from(lost)?,
            lost_of: PerCpuHashMap::try_from(lost_of)?,
            hooks: self.hooks,
            is_plain: self.is_plain,
            log,
            reset_reasons,
            programs: self.programs,
        };
        Ok((attached, Records::try_from(records)?))
    }
}

fn load(mut loader: EbpfLoader<'_>, settings: &Settings) -> Result<Ebpf, Error> {
    let log_level: &'static u8 = if settings.kernel_log { &TRACE } else { &0 };
    for name in UNDER_WAY {
        loader.map_max_entries(name, settings.capacity.under_way);
    }
    loader
        .override_global("AYA_LOG_LEVEL", log_level, true)
        .map_max_entries(names::RECORDS, settings.capacity.ring_mib << 20)
        .load(OBJECT)
        .map_err(|error| Error::Load(Box::new(error)))
}

/// The first required hook that is not attached.
fn missing(hooks: &[HookStatus]) -> Option<&HookStatus> {
    hooks.iter().find(|(hook, status)| hook.need == Need::Required && !status.is_attached())
}

/// Why these verdicts do not let tracing begin.
pub(super) fn error(hooks: &[HookStatus]) -> Error {
    match missing(hooks) {
        Some((hook, Status::Refused(_))) => {
            let is_event = hook.candidates.iter().any(|(kind, _)| *kind == Kind::Tracepoint);
            Error::Refused {
                hook: hook.name,
                lockdown: preflight::lockdown(),
                is_paranoid: is_event && preflight::is_paranoid(),
            }
        }
        Some((hook, Status::Failed(why))) => Error::Hook { hook: hook.name, why: why.clone() },
        Some((hook, _)) => Error::Unsupported { hook: hook.name },
        None => Error::NoObject,
    }
}

/// Tries each candidate; the first that attaches wins. The verdict on the best one is kept if none
/// does: it says most about why.
fn attach_hook(
    programs: &mut Ebpf,
    hook: &'static Hook,
    btf: Option<&AttachBtf>,
    skip: &dyn Fn(Kind) -> bool,
) -> Status {
    let mut verdicts = Vec::new();
    for &(kind, set) in hook.candidates {
        if skip(kind) {
            continue;
        }
        let mut set = preemption::needed(set);
        match set.try_for_each(|program| attach_program(programs, kind, program, hook.name, btf)) {
            Ok(()) => return Status::Attached(kind),
            Err(error) => {
                let status = Status::from_error(&error);
                tracing::debug!(hook = hook.name, ?kind, %status, "not attached");
                verdicts.push(status);
            }
        }
    }
    verdicts.into_iter().next().unwrap_or(Status::Unsupported)
}

#[cfg(test)]
mod tests {
    use super::{OBJECT, UNDER_WAY};

    #[test]
    fn each_map_whose_size_is_set_is_in_the_object() {
        for name in UNDER_WAY {
            let symbol = format!("\0{name}\0");
            let is_there = OBJECT.windows(symbol.len()).any(|bytes| bytes == symbol.as_bytes());
            assert!(is_there, "{name}");
        }
    }
}
