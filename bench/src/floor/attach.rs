//! One empty program, attached. Each is an object of its own: a program is loaded for one hook.

use anyhow::{Context as _, Result, anyhow};
use aya::programs::Program;
use aya::programs::links::CgroupAttachMode;
use aya::{Btf, Ebpf, EbpfLoader};
use aya_obj::ProgramSection;
use aya_obj::programs::{CgroupSockAddrAttachType, CgroupSockAttachType};
use std::fs::File;
use std::io::{BufRead as _, BufReader};

/// The empty programs, built from `tracer-ebpf` by `cargo xtask ebpf`.
pub(crate) static FLOOR: &[u8] = aya::include_bytes_aligned!("../../bpf/floor.bpf.o");

/// An attached program; dropping it detaches it.
pub(crate) struct Empty {
    /// The kernel's number of it.
    pub(crate) id: u32,
    _programs: Ebpf,
}

/// The empty program of this kind.
pub(crate) fn name_of_empty(section: &ProgramSection) -> Option<&'static str> {
    Some(match section {
        ProgramSection::BtfTracePoint => "floor_tp_btf",
        ProgramSection::FEntry { .. } => "floor_fentry",
        ProgramSection::FExit { .. } => "floor_fexit",
        ProgramSection::KProbe => "floor_kprobe",
        ProgramSection::KRetProbe => "floor_kretprobe",
        ProgramSection::TracePoint => "floor_tracepoint",
        ProgramSection::SockOps => "floor_sockops",
        ProgramSection::CgroupSock { attach_type: CgroupSockAttachType::SockRelease } => {
            "floor_release"
        }
        ProgramSection::CgroupSockAddr { attach_type } => match attach_type {
            CgroupSockAddrAttachType::Connect4 => "floor_connect4",
            CgroupSockAddrAttachType::Connect6 => "floor_connect6",
            CgroupSockAddrAttachType::GetPeerName4 => "floor_getpeer4",
            CgroupSockAddrAttachType::GetPeerName6 => "floor_getpeer6",
            _ => return None,
        },
        _ => return None,
    })
}

/// Attaches one to `point`.
pub(crate) fn empty(section: &ProgramSection, point: &str) -> Result<Empty> {
    let name = name_of_empty(section).with_context(|| format!("no program for {section:?}"))?;
    let mut programs = EbpfLoader::new().load(FLOOR)?;
    let program = programs.program_mut(name).with_context(|| format!("no program {name}"))?;
    attach(program, point)?;
    Ok(Empty { id: program.info()?.id(), _programs: programs })
}

fn attach(program: &mut Program, point: &str) -> Result<()> {
    let types = || Btf::from_sys_fs().context("the kernel shows no types");
    match program {
        Program::BtfTracePoint(program) => {
            program.load(point, &types()?)?;
            program.attach()?;
        }
        Program::FEntry(program) => {
            program.load(point, &types()?)?;
            program.attach()?;
        }
        Program::FExit(program) => {
            program.load(point, &types()?)?;
            program.attach()?;
        }
        Program::KProbe(program) => {
            program.load()?;
            program.attach(point, 0)?;
        }
        Program::TracePoint(program) => {
            let (category, name) = point.split_once('/').context("no such tracepoint")?;
            program.load()?;
            program.attach(category, name)?;
        }
        Program::CgroupSockAddr(program) => {
            program.load()?;
            program.attach(root()?, CgroupAttachMode::Single)?;
        }
        Program::CgroupSock(program) => {
            program.load()?;
            program.attach(root()?, CgroupAttachMode::Single)?;
        }
        Program::SockOps(program) => {
            program.load()?;
            program.attach(root()?, CgroupAttachMode::Single)?;
        }
        _ => return Err(anyhow!("tracer has no program of this type")),
    }
    Ok(())
}

/// The root of the control group hierarchy of version 2.
fn root() -> Result<File> {
    for line in BufReader::new(File::open("/proc/self/mounts")?).lines() {
        let line = line?;
        let mut words = line.split(' ').skip(1);
        if let (Some(path), Some("cgroup2")) = (words.next(), words.next()) {
            return Ok(File::open(path)?);
        }
    }
    Err(anyhow!("no control group hierarchy of version 2 is mounted"))
}
