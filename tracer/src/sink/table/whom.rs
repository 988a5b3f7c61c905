//! Whom a row or a finding is about, in a person's words.

use std::path::Path;

use super::escape::escape;
use super::human;
use crate::aggregate::{Key, Who};
use crate::connection::Role;
use crate::process::{Identity, Runtime};

/// Name of the process or executable; `?` where nobody knows.
pub(super) fn name(who: &Who, identity: Option<&Identity>) -> String {
    match who {
        Who::Process(_) => {
            let comm = identity.map(|identity| identity.comm.as_str());
            comm.filter(|comm| !comm.is_empty()).map_or_else(|| "?".to_owned(), escape)
        }
        Who::Executable { name, .. } => {
            let base = Path::new(name).file_name().map(|base| base.to_string_lossy());
            escape(&base.unwrap_or_else(|| name.into()))
        }
        Who::Unknown => "(unknown)".to_owned(),
        Who::Other => "(all others)".to_owned(),
    }
}

/// Which process it is, or how many.
pub(super) fn number(who: &Who, processes: u64) -> String {
    match who {
        Who::Process(id) => id.pid.to_string(),
        Who::Executable { .. } | Who::Other => format!("×{}", human::count(processes)),
        Who::Unknown => "?".to_owned(),
    }
}

/// `checkout (pid 4711, go 1.22.5)`, `checkout (pid 4711, 7 inside)` in a container, `curl (38
/// processes)`. A runtime that says no more than the name is left out.
pub(super) fn full(
    who: &Who,
    processes: u64,
    identity: Option<&Identity>,
    runtime: Option<&Runtime>,
) -> String {
    let name = name(who, identity);
    let runtime = runtime.map(|runtime| escape(&runtime.to_string()));
    let runtime = runtime.filter(|runtime| *runtime != name);
    let runtime = runtime.map_or(String::new(), |runtime| format!(", {runtime}"));
    match who {
        Who::Process(id) => {
            let inside = identity.and_then(|identity| identity.vpid);
            let inside = inside.map_or(String::new(), |vpid| format!(", {vpid} inside"));
            format!("{name} (pid {}{inside}{runtime})", id.pid)
        }
        Who::Executable { .. } | Who::Other => {
            format!("{name} ({}{runtime})", human::counted(processes, "process"))
        }
        Who::Unknown => "an unknown process".to_owned(),
    }
}

/// `→ 10.0.3.7:8080` for a client, `serving 10.0.0.5:80` for a server.
pub(super) fn towards(key: &Key) -> String {
    let word = match key.role {
        Some(Role::Client) => "→",
        Some(Role::Server) => "serving",
        None => "with",
    };
    format!("{word} {}", destination(key))
}

/// The destination; `(many)` for what is beyond the bound on keys.
pub(super) fn destination(key: &Key) -> String {
    key.destination.map_or_else(|| "(many)".to_owned(), |destination| destination.to_string())
}

/// `client`, `server`, or `?` for a connection that was there before us.
pub(super) fn role(role: Option<Role>) -> &'static str {
    role.map_or("?", Role::name)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sink::testing;

    #[test]
    fn a_process_is_called_by_its_comm_and_pid() {
        let key = testing::key();
        let identity = testing::identity();
        assert_eq!(full(&key.who, 1, Some(&identity), None), "checkout (pid 4711)");
        assert_eq!(full(&key.who, 1, None, None), "? (pid 4711)");
        let contained = Identity { vpid: Some(7), ..identity };
        assert_eq!(full(&key.who, 1, Some(&contained), None), "checkout (pid 4711, 7 inside)");
        assert_eq!(towards(&key), "→ 10.0.3.7:8080");
    }

    #[test]
    fn a_runtime_is_told_where_it_says_more_than_the_name() {
        let key = testing::key();
        let of = |comm: &str, runtime: Option<Runtime>| {
            let identity = Identity { comm: comm.into(), ..testing::identity() };
            full(&key.who, 1, Some(&identity), runtime.as_ref())
        };
        assert_eq!(of("checkout", testing::runtime()), "checkout (pid 4711, go 1.22.5)");
        assert_eq!(of("wget", Runtime::named("wget", None)), "wget (pid 4711)");
        let nasty = Runtime::named("go", Some("1\u{1b}[31m".into()));
        assert_eq!(of("checkout", nasty), "checkout (pid 4711, go 1\\u{1b}[31m)");
    }

    #[test]
    fn a_folded_executable_is_called_by_its_base_name_and_number() {
        let who = Who::Executable { name: "/usr/bin/cu\u{7}rl".into(), cgroup: None };
        assert_eq!(full(&who, 38, None, None), "cu\\u{7}rl (38 processes)");
        assert_eq!(number(&who, 1204), "×1,204");
    }
}
