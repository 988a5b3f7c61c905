//! Where empty programs go: the hooks that tracer attaches on this host, from its own table. Attaches
//! nothing that stays.

use anyhow::{Context as _, Result, bail};
use aya_obj::{Object, ProgramSection};
use tracer::probe::hook::{Hook, Kind};
use tracer::probe::{Capacity, Settings, Status, programs_needed, survey};

/// The programs of tracer, to know the kind of each.
static TRACER: &[u8] = include_bytes!("../../../tracer/bpf/tracer.bpf.o");

/// One hook.
pub(crate) struct Step {
    /// Its name in tracer's table.
    pub(crate) point: &'static str,
    /// The section of each program that tracer attaches there.
    pub(crate) programs: Vec<ProgramSection>,
}

/// Tries what tracer would attach, detaches it, and tells what that was.
pub(crate) fn of_this_host() -> Result<Vec<Step>> {
    let settings = Settings {
        // Small: nothing is observed.
        capacity: Capacity { connections: 1, plain_connections: 1, ring_mib: 1, under_way: 1 },
        kernel_log: false,
        own_pid: std::process::id(),
        no_fentry: false,
    };
    let survey = survey(&settings)?;
    let object = programs()?;
    let attached = survey.hooks.iter().filter_map(|(hook, status)| match status {
        Status::Attached(kind) => Some((*hook, *kind)),
        _ => None,
    });
    // A walk runs only when userspace asks for it.
    attached
        .filter(|(_, kind)| *kind != Kind::Iter)
        .map(|(hook, kind)| Ok(Step { point: hook.name, programs: sections(&object, hook, kind)? }))
        .collect()
}

/// The object of tracer, parsed.
fn programs() -> Result<Object> {
    Object::parse(TRACER).context("the object of tracer cannot be read")
}

/// The sections of the programs that serve `hook` by `kind`. Where two candidates are of one kind,
/// they have equally many.
fn sections(object: &Object, hook: &Hook, kind: Kind) -> Result<Vec<ProgramSection>> {
    let Some((_, names)) = hook.candidates.iter().find(|(candidate, _)| *candidate == kind) else {
        bail!("{} has no candidate of kind {}", hook.name, kind.name());
    };
    let section = |name: &str| {
        let program = object.programs.get(name);
        let program = program.with_context(|| format!("the object of tracer has no {name}"))?;
        Ok(program.section.clone())
    };
    programs_needed(names).map(section).collect()
}

#[cfg(test)]
mod tests {
    use tracer::probe::hook::HOOKS;
    use tracer::probe::plain::PLAIN_HOOKS;

    use super::*;
    use crate::attach::name_of_empty;

    #[test]
    fn there_is_an_empty_program_for_each_program_of_each_hook() {
        let floor = Object::parse(crate::attach::FLOOR).unwrap();
        let tracer = programs().unwrap();
        for hook in HOOKS.iter().chain(PLAIN_HOOKS) {
            for &(kind, _) in hook.candidates.iter().filter(|(kind, _)| *kind != Kind::Iter) {
                for section in sections(&tracer, hook, kind).unwrap() {
                    let name = name_of_empty(&section)
                        .unwrap_or_else(|| panic!("{}: nothing for {section:?}", hook.name));
                    assert!(floor.programs.contains_key(name), "{}: {name}", hook.name);
                }
            }
        }
    }

    #[test]
    fn candidates_of_one_kind_have_equally_many_programs() {
        for hook in HOOKS.iter().chain(PLAIN_HOOKS) {
            for (kind, programs) in hook.candidates {
                let first = hook.candidates.iter().find(|(other, _)| other == kind).unwrap();
                assert_eq!(first.1.len(), programs.len(), "{}", hook.name);
            }
        }
    }
}
