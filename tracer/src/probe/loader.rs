//! Loads the BPF object and attaches its programs one by one, by trying: never by kernel version.

use std::collections::HashMap;

use aya::maps::{HashMap as BpfHashMap, MapData, PerCpuArray, RingBuf};
use aya::programs::links::CgroupAttachMode;
use aya::programs::{BtfTracePoint, CgroupSockAddr, FEntry, FExit, Iter, KProbe, ProgramError};
use aya::{Btf as AttachBtf, Ebpf, EbpfLoader};
use aya_log::EbpfLogger;
use tracer_ebpf::{Conn, FIELD_COUNT, names};

use super::btf::Btf;
use super::hook::{HOOKS, Hook, Kind, Need};
use super::status::Status;
use super::{Error, cgroup, offsets, preflight};

/// The BPF object, built from `tracer-ebpf` by `cargo xtask ebpf`.
static OBJECT: &[u8] = aya::include_bytes_aligned!(concat!(env!("OUT_DIR"), "/tracer.bpf.o"));

/// The level of aya-log at which state changes are logged.
const TRACE: u8 = 5;

/// What the caller may set.
#[derive(Clone, Copy, Debug)]
pub struct Settings {
    /// Most connections tracked at one time.
    pub max_connections: u32,
    /// Ring buffer size in bytes, a power of two and a multiple of the page size.
    pub ring_bytes: u32,
    /// Whether kernel-side diagnostics are compiled in; free if not.
    pub kernel_log: bool,
    /// The pid of this process as the kernel has it, 0 if that is not known.
    pub own_pid: u32,
    /// Leave fentry out, to try what a kernel without it does.
    pub no_fentry: bool,
}

/// The kernel's table of connections, as raw records by socket address.
pub type Table = BpfHashMap<MapData, u64, [u8; Conn::SIZE]>;

/// A hook, and what became of it.
pub type HookStatus = (&'static Hook, Status);

/// Attached programs and their maps. Dropping it detaches everything.
pub struct Attached {
    /// Ended connections.
    pub records: RingBuf<MapData>,
    /// Connections that are open, or whose socket is not freed yet.
    pub table: Table,
    /// Records carry the start times of processes.
    pub knows_starts: bool,
    /// Most entries of the table.
    pub max_connections: u32,
    /// Kernel-side losses, by `tracer_ebpf::Loss`.
    pub lost: PerCpuArray<MapData, u64>,
    /// Verdict on each hook, in the order of [`HOOKS`].
    pub hooks: Vec<HookStatus>,
    /// Kernel-side diagnostics, if asked for.
    pub log: Option<EbpfLogger<&'static dyn log::Log>>,
    /// Names of `enum sk_rst_reason`, without their prefix and in lower case.
    pub reset_reasons: HashMap<u32, String>,
    pub(super) programs: Ebpf,
}

/// Optional kernel helpers, all or none: before 5.15 at least one of them is missing, and records
/// lack what they tell (start times, system call, exit code; the cookie).
#[derive(Clone, Copy, PartialEq, Eq)]
enum Helpers {
    All,
    Oldest,
}

/// Loads and attaches everything this kernel allows.
///
/// # Errors
/// If the process lacks a capability, the kernel lacks BTF, or a required hook cannot be attached.
pub fn attach(settings: &Settings) -> Result<Attached, Error> {
    let (attempt, reasons) = best_attempt(settings)?;
    if attempt.is_complete() {
        attempt.into_attached(reasons, settings)
    } else {
        Err(attempt.into_error())
    }
}

/// Tries every hook, says what became of each, and detaches.
///
/// # Errors
/// If nothing can be tried at all: no capability, no BTF.
pub fn survey(settings: &Settings) -> Result<Vec<HookStatus>, Error> {
    best_attempt(settings).map(|(attempt, _)| attempt.hooks)
}

fn best_attempt(settings: &Settings) -> Result<(Attempt, HashMap<u32, String>), Error> {
    if OBJECT.is_empty() {
        return Err(Error::NoObject);
    }
    preflight::check()?;
    let btf = Btf::from_kernel()?;
    let kernel = Kernel {
        offsets: offsets::resolve(&btf)?,
        // Before 6.1 a kprobe program that uses a table allocated on demand makes the kernel warn.
        allows_kprobe: btf.has_struct("bpf_mem_alloc"),
        btf: AttachBtf::from_sys_fs().map_err(|error| Error::Btf(Box::new(error)))?,
    };
    let reasons = reset_reasons(&btf);
    drop(btf);
    let first = Attempt::new(&kernel, settings, Helpers::All)?;
    if first.is_complete() {
        return Ok((first, reasons));
    }
    // Detach before the second attempt, so that no event is handled twice.
    let verdicts = first.hooks.clone();
    drop(first);
    let mut second = Attempt::new(&kernel, settings, Helpers::Oldest)?;
    if !second.is_complete() {
        // Fewer helpers did not help: the first verdicts say more about why.
        second.hooks = verdicts;
    }
    Ok((second, reasons))
}

/// What is known of the running kernel before anything is tried.
struct Kernel {
    offsets: [u16; FIELD_COUNT],
    allows_kprobe: bool,
    btf: AttachBtf,
}

struct Attempt {
    programs: Ebpf,
    hooks: Vec<HookStatus>,
    helpers: Helpers,
}

impl Attempt {
    fn new(kernel: &Kernel, settings: &Settings, helpers: Helpers) -> Result<Self, Error> {
        let have = u8::from(helpers == Helpers::All);
        let log_level = if settings.kernel_log { TRACE } else { 0 };
        let mut programs = EbpfLoader::new()
            .btf(Some(&kernel.btf))
            .override_global(names::OFFSETS, &kernel.offsets[..], true)
            .override_global(names::HAVE_TASK, &have, true)
            .override_global(names::HAVE_COOKIE, &have, true)
            .override_global(names::OWN_TGID, &settings.own_pid, true)
            .override_global("AYA_LOG_LEVEL", &log_level, true)
            .map_max_entries(names::CONNS, settings.max_connections)
            .map_max_entries(names::RECORDS, settings.ring_bytes)
            .load(OBJECT)
            .map_err(|error| Error::Load(Box::new(error)))?;
        let skip = |kind| match kind {
            Kind::Kprobe => !kernel.allows_kprobe,
            Kind::Fentry | Kind::Fexit => settings.no_fentry,
            _ => false,
        };
        let hooks = HOOKS
            .iter()
            .filter(|hook| hook.need != Need::Substitute || helpers == Helpers::Oldest)
            .map(|hook| (hook, attach_hook(&mut programs, hook, &kernel.btf, &skip)))
            .collect();
        Ok(Self { programs, hooks, helpers })
    }

    fn missing(&self) -> Option<&HookStatus> {
        self.hooks
            .iter()
            .find(|(hook, status)| hook.need == Need::Required && !status.is_attached())
    }

    fn is_complete(&self) -> bool {
        self.missing().is_none()
    }

    fn into_error(self) -> Error {
        match self.missing() {
            Some((hook, Status::Refused(_))) => {
                Error::Refused { hook: hook.name, lockdown: preflight::lockdown() }
            }
            Some((hook, Status::Failed(why))) => Error::Hook { hook: hook.name, why: why.clone() },
            Some((hook, _)) => Error::Unsupported { hook: hook.name },
            None => Error::NoObject,
        }
    }

    fn into_attached(
        mut self,
        reset_reasons: HashMap<u32, String>,
        settings: &Settings,
    ) -> Result<Attached, Error> {
        let log = settings
            .kernel_log
            .then(|| EbpfLogger::init(&mut self.programs))
            .transpose()
            .map_err(|error| Error::KernelLog(Box::new(error)))?;
        let mut map = |name| self.programs.take_map(name).ok_or(Error::NoMap(name));
        let (records, table) = (map(names::RECORDS)?, map(names::CONNS)?);
        let lost = map(names::LOST)?;
        Ok(Attached {
            records: RingBuf::try_from(records)?,
            table: Table::try_from(table)?,
            knows_starts: self.helpers == Helpers::All,
            max_connections: settings.max_connections,
            lost: PerCpuArray::try_from(lost)?,
            hooks: self.hooks,
            log,
            reset_reasons,
            programs: self.programs,
        })
    }
}

/// Tries each candidate; the first that attaches wins. The verdict on the best one is kept if none
/// does: it says most about why.
fn attach_hook(
    programs: &mut Ebpf,
    hook: &'static Hook,
    btf: &AttachBtf,
    skip: &dyn Fn(Kind) -> bool,
) -> Status {
    let mut verdicts = Vec::new();
    for &(kind, set) in hook.candidates {
        if skip(kind) {
            continue;
        }
        let mut set = set.iter();
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

fn attach_program(
    programs: &mut Ebpf,
    kind: Kind,
    program: &str,
    point: &str,
    btf: &AttachBtf,
) -> Result<(), ProgramError> {
    let program = programs.program_mut(program).ok_or(ProgramError::UnexpectedProgramType)?;
    match kind {
        Kind::TpBtf => {
            let program: &mut BtfTracePoint = program.try_into()?;
            program.load(point, btf)?;
            program.attach()?;
        }
        Kind::Fentry => {
            let program: &mut FEntry = program.try_into()?;
            program.load(point, btf)?;
            program.attach()?;
        }
        Kind::Fexit => {
            let program: &mut FExit = program.try_into()?;
            program.load(point, btf)?;
            program.attach()?;
        }
        Kind::Cgroup => {
            let root = cgroup::root()?;
            let program: &mut CgroupSockAddr = program.try_into()?;
            program.load()?;
            // A link allows others beside it in any mode, and takes no flags.
            program.attach(root, CgroupAttachMode::Single)?;
        }
        // Each walk attaches anew: a link is used up by the file it makes.
        Kind::Iter => {
            let program: &mut Iter = program.try_into()?;
            program.load(point.trim_start_matches("iter/"), btf)?;
        }
        Kind::Kprobe => {
            let program: &mut KProbe = program.try_into()?;
            program.load()?;
            program.attach(point, 0)?;
        }
    }
    Ok(())
}

fn reset_reasons(btf: &Btf) -> HashMap<u32, String> {
    btf.enum_names("sk_rst_reason")
        .into_iter()
        .map(|(value, name)| {
            let name = name.strip_prefix("SK_RST_REASON_").unwrap_or(&name).to_ascii_lowercase();
            (value, name)
        })
        .collect()
}
