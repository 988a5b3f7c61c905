//! Loads one program and attaches it, by its kind.

use aya::programs::links::CgroupAttachMode;
use aya::programs::{
    BtfTracePoint, CgroupSock, CgroupSockAddr, FEntry, FExit, Iter, KProbe, ProgramError, SockOps,
    TracePoint,
};
use aya::{Btf, Ebpf};

use super::cgroup;
use super::hook::Kind;

/// Loads and attaches one program. `btf` is there in the tiers whose programs are typed.
pub(super) fn attach_program(
    programs: &mut Ebpf,
    kind: Kind,
    program: &str,
    point: &str,
    btf: Option<&Btf>,
) -> Result<(), ProgramError> {
    let program = programs.program_mut(program).ok_or(ProgramError::UnexpectedProgramType)?;
    let types = || btf.ok_or(ProgramError::UnexpectedProgramType);
    match kind {
        Kind::TpBtf => {
            let program: &mut BtfTracePoint = program.try_into()?;
            program.load(point, types()?)?;
            program.attach()?;
        }
        Kind::Fentry => {
            let program: &mut FEntry = program.try_into()?;
            program.load(point, types()?)?;
            program.attach()?;
        }
        Kind::Fexit => {
            let program: &mut FExit = program.try_into()?;
            program.load(point, types()?)?;
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
            program.load(point.trim_start_matches("iter/"), types()?)?;
        }
        Kind::CgroupSock => {
            let root = cgroup::root()?;
            let program: &mut CgroupSock = program.try_into()?;
            program.load()?;
            program.attach(root, CgroupAttachMode::Single)?;
        }
        Kind::SockOps => {
            let root = cgroup::root()?;
            let program: &mut SockOps = program.try_into()?;
            program.load()?;
            program.attach(root, CgroupAttachMode::Single)?;
        }
        Kind::Tracepoint => {
            let (category, name) =
                point.split_once('/').ok_or(ProgramError::UnexpectedProgramType)?;
            let program: &mut TracePoint = program.try_into()?;
            program.load()?;
            program.attach(category, name)?;
        }
        Kind::Kprobe => {
            let program: &mut KProbe = program.try_into()?;
            program.load()?;
            program.attach(point, 0)?;
        }
    }
    Ok(())
}
