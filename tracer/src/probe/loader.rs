//! Loads the BPF object and attaches its programs one by one, by trying: never by kernel version.

use std::collections::HashMap;

use aya::maps::{HashMap as BpfHashMap, MapData, PerCpuArray, PerCpuHashMap, RingBuf};
use aya::{Btf as AttachBtf, Ebpf};
use aya_log::EbpfLogger;
use tracer_ebpf::Conn;

use super::attempt::{self, Attempt, Helpers, Kernel};
use super::btf::Btf;
use super::capacity::Capacity;
use super::format::Formats;
use super::hook::Hook;
use super::status::Status;
use super::{Error, offsets, preflight};

/// What the caller may set.
#[derive(Clone, Copy, Debug)]
pub struct Settings {
    /// Sizes of the maps.
    pub capacity: Capacity,
    /// Whether kernel-side diagnostics are compiled in; free if not.
    pub kernel_log: bool,
    /// The pid of this process as the kernel has it, 0 if that is not known.
    pub own_pid: u32,
    /// Leave fentry out, to try what a kernel without it does.
    pub no_fentry: bool,
}

/// The kernel's table of connections, as raw records by socket address.
pub type Table = BpfHashMap<MapData, u64, [u8; Conn::SIZE]>;

/// The ring of ended connections, for the thread that reads it.
pub type Records = RingBuf<MapData>;

/// A hook, and what became of it.
pub type HookStatus = (&'static Hook, Status);

/// Attached programs and their maps. Dropping it detaches everything.
pub struct Attached {
    /// Connections that are open, or whose socket is not freed yet.
    pub table: Table,
    /// Records carry the start times of processes.
    pub knows_starts: bool,
    /// Most entries of the table.
    pub max_connections: u32,
    /// Kernel-side losses, by `tracer_ebpf::Loss`.
    pub lost: PerCpuArray<MapData, u64>,
    /// Lost connections by process, 0 for those of none.
    pub lost_of: PerCpuHashMap<MapData, u32, u64>,
    /// Verdict on each hook, in attach order.
    pub hooks: Vec<HookStatus>,
    /// Without types: records are marked, and lack what only these tell.
    pub is_plain: bool,
    /// Kernel-side diagnostics, if asked for.
    pub log: Option<EbpfLogger<&'static dyn log::Log>>,
    /// Names of `enum sk_rst_reason`, without their prefix and in lower case.
    pub reset_reasons: HashMap<u32, String>,
    pub(super) programs: Ebpf,
}

/// What this kernel allows.
pub struct Survey {
    /// Verdict on each hook of the best tier, in attach order.
    pub hooks: Vec<HookStatus>,
    /// They are those of the plain tier.
    pub is_plain: bool,
}

/// Loads and attaches everything this kernel allows: with types if it can be, else without.
///
/// # Errors
/// If the process lacks a capability, or a required hook of both tiers cannot be attached.
pub fn attach(settings: &Settings) -> Result<(Attached, Records), Error> {
    match best_attempt(settings)? {
        Ok((attempt, reasons)) => attempt.into_attached(reasons, settings),
        Err(survey) => Err(attempt::error(&survey.hooks)),
    }
}

/// Tries every hook, says what became of each, and detaches.
///
/// # Errors
/// If nothing can be tried at all: no capability, neither types nor tracepoints.
pub fn survey(settings: &Settings) -> Result<Survey, Error> {
    Ok(match best_attempt(settings)? {
        Ok((attempt, _)) => attempt.into_survey(),
        Err(survey) => survey,
    })
}

/// A complete attempt with the names of reset reasons, or the verdicts on the best incomplete one.
type Outcome = Result<(Attempt, HashMap<u32, String>), Survey>;

fn best_attempt(settings: &Settings) -> Result<Outcome, Error> {
    if !attempt::has_object() {
        return Err(Error::NoObject);
    }
    preflight::check()?;
    let typed = best_typed(settings);
    if let Ok(Ok(_)) = &typed {
        return typed;
    }
    // From here on nothing is attached, so that no event is handled twice.
    let plain = Formats::from_kernel().map(|formats| {
        let attempt = Attempt::plain(&formats, settings)?;
        let reasons = formats.reset_reasons().collect();
        Ok(if attempt.is_complete() { Ok((attempt, reasons)) } else { Err(attempt.into_survey()) })
    });
    match (typed, plain) {
        (_, Some(Ok(Ok(complete)))) => Ok(Ok(complete)),
        // What keeps the better tier away says most, if that tier was tried at all.
        (Ok(outcome), _) => Ok(outcome),
        (Err(_), Some(outcome)) => outcome,
        (Err(error), None) => Err(Error::Nothing(Box::new(error))),
    }
}

fn best_typed(settings: &Settings) -> Result<Outcome, Error> {
    let btf = Btf::from_kernel()?;
    let kernel = Kernel {
        offsets: offsets::resolve(&btf)?,
        // Before 6.1 a kprobe program that uses a table allocated on demand makes the kernel warn.
        allows_kprobe: btf.has_struct("bpf_mem_alloc"),
        btf: AttachBtf::from_sys_fs().map_err(|error| Error::Btf(Box::new(error)))?,
    };
    let reasons = reset_reasons(&btf);
    drop(btf);
    let first = Attempt::typed(&kernel, settings, Helpers::All)?;
    if first.is_complete() {
        return Ok(Ok((first, reasons)));
    }
    // Detach before the second attempt, so that no event is handled twice.
    let verdicts = first.into_survey();
    let second = Attempt::typed(&kernel, settings, Helpers::Oldest)?;
    // If fewer helpers did not help, the first verdicts say more about why.
    Ok(if second.is_complete() { Ok((second, reasons)) } else { Err(verdicts) })
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
