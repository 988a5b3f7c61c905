//! The columns of this host: the suites run here, in a mount namespace of their own, so that the
//! kernel's BTF can be hidden from them and from nobody else.

use super::column::Column;
use super::follow::{Limits, follow, lines};
use super::script::{FAULT, script};
use super::suites::{self, Programs};
use super::transcript::{Ending, Transcript};
use anyhow::{Context as _, Result};
use std::process::{Command, Stdio};

pub(crate) fn run(
    column: &Column,
    programs: &Programs,
    filter: Option<&str>,
    limits: Limits,
    show: impl Fn(&str),
) -> Result<(Ending, Transcript)> {
    let mut here = Vec::new();
    for target in suites::on(column) {
        let built = programs.suites.iter().find(|(name, _)| *name == target);
        let (_, program) = built.with_context(|| format!("{target} was not built"))?;
        here.push((target, program.to_string_lossy().into_owned()));
    }
    let script = format!("fault() {{ echo {FAULT} $*; exit; }}\n{}", script(column, &here, filter));
    // It ends what the suites started, too, as they are in its process group.
    let mut child = Command::new("timeout")
        .args(["--signal=KILL", &limits.total.as_secs().to_string()])
        .args(["unshare", "--mount", "sh", "-c", &script])
        .env("TRACER_BIN", &programs.tracer)
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .spawn()
        .context("cannot run timeout")?;
    let stdout = child.stdout.take().context("the suites have no stdout")?;
    let followed = follow(&lines(stdout), limits, show);
    // It has ended or is about to: its script prints the last line, or it is killed.
    child.wait()?;
    Ok(followed)
}
