//! The keys that say which process and which destination a line is about.

use std::borrow::Cow;
use std::ffi::OsStr;
use std::net::SocketAddr;
use std::path::Path;

use super::line::Line;
use crate::aggregate::{Key, Who};
use crate::clock::Clock;
use crate::process::{Identity, Pod, ProcessId, Runtime, container_id, container_runtime, pod_uid};

/// The owner of a connection: its id, its `comm` at that time, and what else is known.
pub(super) fn process(
    line: &mut Line,
    id: ProcessId,
    comm: &str,
    identity: Option<&Identity>,
    clock: &Clock,
) {
    line.put("process.pid", id.pid);
    line.known("process.vpid", identity.and_then(|identity| identity.vpid));
    line.known(
        "process.creation.time",
        (id.start_ns > 0).then(|| clock.timestamp_of_boot(id.start_ns)),
    );
    let comm = identity.map_or(comm, |identity| identity.comm.as_str());
    executable(line, identity.and_then(|identity| identity.exe.as_deref()), comm);
    runtime(line, identity.and_then(|identity| identity.runtime.as_ref()));
    line.known("process.command", identity.and_then(|identity| identity.command.as_deref()));
    let path = identity.and_then(|identity| identity.cgroup.as_deref());
    cgroup(line, path, identity.and_then(|identity| identity.pod.as_ref()));
}

/// Whom a key is about, how many processes that is, the role, the destination and the namespace.
/// `common` is the runtime of several processes, where they have the same.
pub(super) fn key(
    line: &mut Line,
    key: &Key,
    processes: u64,
    (identity, common): (Option<&Identity>, Option<&Runtime>),
    clock: &Clock,
) {
    let subject = match &key.who {
        Who::Process(id) => {
            process(line, *id, "", identity, clock);
            "process"
        }
        Who::Executable { name, cgroup: path } => {
            let exe = Path::new(name);
            executable(line, exe.is_absolute().then_some(exe), name);
            runtime(line, common);
            cgroup(line, path.as_deref(), None);
            "executable"
        }
        Who::Unknown => "unknown",
        Who::Other => "other",
    };
    line.put("tracer.subject", subject);
    if matches!(key.who, Who::Executable { .. } | Who::Other) {
        line.put("tracer.processes", processes);
    }
    netns(line, key.netns);
    line.known("tracer.role", key.role.map(crate::connection::Role::name));
    if let Some(destination) = key.destination {
        server(line, destination);
    }
}

/// The namespace; the kernel numbers none 0.
pub(super) fn netns(line: &mut Line, netns: u32) {
    line.known("tracer.netns", (netns != 0).then_some(netns));
}

/// The destination.
pub(super) fn server(line: &mut Line, destination: SocketAddr) {
    endpoint(line, ["server.address", "server.port"], destination);
}

/// An address and a port, each only where the kernel had set it.
pub(super) fn endpoint(line: &mut Line, [address, port]: [&'static str; 2], of: SocketAddr) {
    line.known(address, Some(of.ip()).filter(|ip| !ip.is_unspecified()));
    line.known(port, (of.port() != 0).then_some(of.port()));
}

/// Paths may hold any bytes; what is not UTF-8 becomes U+FFFD.
fn executable(line: &mut Line, exe: Option<&Path>, comm: &str) {
    let base = exe.and_then(Path::file_name).map(OsStr::to_string_lossy);
    let name = base.unwrap_or(Cow::Borrowed(comm));
    line.known("process.executable.name", (!name.is_empty()).then_some(name));
    line.known("process.executable.path", exe.map(Path::to_string_lossy));
}

fn runtime(line: &mut Line, runtime: Option<&Runtime>) {
    line.known("process.runtime.name", runtime.map(|runtime| runtime.kind.name()));
    let version = runtime.and_then(|runtime| runtime.version.as_deref());
    line.known("process.runtime.version", version);
}

fn cgroup(line: &mut Line, path: Option<&str>, pod: Option<&Pod>) {
    line.known("process.linux.cgroup", path);
    line.known("container.id", path.and_then(container_id));
    line.known("container.runtime", path.and_then(container_runtime));
    line.known("k8s.pod.uid", path.and_then(pod_uid));
    if let Some(pod) = pod {
        line.put("k8s.namespace.name", pod.namespace.as_str());
        line.put("k8s.pod.name", pod.name.as_str());
        line.put("k8s.container.name", pod.container.as_str());
    }
}

#[cfg(test)]
mod tests {
    use std::ffi::OsStr;
    use std::os::unix::ffi::OsStrExt;
    use std::path::PathBuf;

    use super::*;
    use crate::sink::testing;

    const CLOCK: Clock =
        Clock { wall_minus_monotonic_ns: 0, boot_minus_monotonic_ns: 0, tick_ns: 4_000_000 };

    fn process_line(comm: &str, identity: Option<&Identity>) -> serde_json::Value {
        let mut line = Line::on(Vec::new());
        process(&mut line, ProcessId { pid: 7, start_ns: 0 }, comm, identity, &CLOCK);
        serde_json::from_slice(&line.finish().unwrap()).unwrap()
    }

    #[test]
    fn a_process_that_was_gone_at_the_look_up_keeps_its_pid_and_comm() {
        let line = process_line("curl", None);
        assert_eq!(line.to_string(), r#"{"process.pid":7,"process.executable.name":"curl"}"#);
    }

    #[test]
    fn a_process_of_a_container_has_both_its_pids() {
        let identity = Identity { vpid: Some(1), ..testing::identity() };
        let line = process_line("", Some(&identity));
        assert_eq!((&line["process.pid"], &line["process.vpid"]), (&7.into(), &1.into()));
        assert!(process_line("", Some(&testing::identity())).get("process.vpid").is_none());
    }

    #[test]
    fn names_of_any_bytes_stay_valid_json() {
        let exe = PathBuf::from(OsStr::from_bytes(b"/opt/\xff\x01\"\n/bi\xfen"));
        let identity = Identity { exe: Some(exe), ..testing::identity() };
        let text = process_line("", Some(&identity)).to_string();
        assert!(!text.contains('\n'), "{text}");
        let line: serde_json::Value = serde_json::from_str(&text).unwrap();
        assert_eq!(line["process.executable.name"], "bi\u{fffd}n");
        let nasty = process_line("a\u{1b}[31m\u{0}", None).to_string();
        assert!(nasty.chars().all(|c| !c.is_control()), "{nasty:?}");
    }

    #[test]
    fn an_address_the_kernel_had_not_chosen_is_absent() {
        let mut line = Line::on(Vec::new());
        endpoint(&mut line, ["a", "p"], "0.0.0.0:0".parse().unwrap());
        assert_eq!(line.finish().unwrap(), b"{}\n");
    }
}
