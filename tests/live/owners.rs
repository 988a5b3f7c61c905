//! Whose connection it is: the dialler's, whoever closes it, and however it leaves.

use crate::support::nginx::Nginx;
use crate::support::peer::{Script, Server};
use crate::support::report::{Report, all_are, int};
use crate::support::tracer::Tracer;
use crate::support::wait;
use crate::support::workload::{Did, Workload};

/// Lets a process hold one connection, ends that process by `end`, and returns its pid with what
/// the tracer saw.
fn held(server: &Server, status: &str, end: impl FnOnce(Workload)) -> (u32, Report) {
    let mut holder = Workload::python("hold.py", &[&server.port.to_string(), status]);
    let pid = holder.pid;
    let tracer = Tracer::start();
    holder.go_on_until(1);
    end(holder);
    wait::quiet(server.port);
    assert_eq!(server.counts(), (1, 1));
    (pid, tracer.finish())
}

#[test]
#[ignore = "needs root"]
fn a_connection_of_a_killed_process_is_closed_by_its_signal() {
    let server = Server::start(Script::KeepAlive);
    let (pid, report) = held(&server, "0", Workload::kill);
    all_are(&report.dialled(server.port), 1, "process.pid", &pid.to_string());
    all_are(&report.dialled(server.port), 1, "tracer.close.cause", "local_close");
    all_are(&report.dialled(server.port), 1, "tracer.close.how", "exit:SIGKILL");
    all_are(&report.dialled(server.port), 1, "tracer.close.initiator", "local");
    all_are(&report.dialled(server.port), 1, "tracer.exchanges", "1");
    all_are(&report.accepted(server.port), 1, "tracer.close.cause", "peer_close");
}

#[test]
#[ignore = "needs root"]
fn a_connection_of_a_process_that_exits_is_closed_by_its_exit() {
    let server = Server::start(Script::KeepAlive);
    let (pid, report) = held(&server, "0", |mut holder| {
        holder.go_on();
        holder.leave(0);
    });
    all_are(&report.dialled(server.port), 1, "process.pid", &pid.to_string());
    all_are(&report.dialled(server.port), 1, "tracer.close.cause", "local_close");
    all_are(&report.dialled(server.port), 1, "tracer.close.how", "exit:0");
    all_are(&report.accepted(server.port), 1, "tracer.close.cause", "peer_close");
}

#[test]
#[ignore = "needs root"]
fn an_exit_code_is_told() {
    let server = Server::start(Script::KeepAlive);
    let (_, report) = held(&server, "3", |mut holder| {
        holder.go_on();
        holder.leave(3);
    });
    all_are(&report.dialled(server.port), 1, "tracer.close.how", "exit:3");
}

#[test]
#[ignore = "needs root"]
fn a_connection_a_child_uses_and_closes_last_belongs_to_its_dialler() {
    let server = Server::start(Script::KeepAlive);
    let client = Workload::python("fork.py", &[&server.port.to_string()]);
    let pid = client.pid;
    let tracer = Tracer::start();
    assert_eq!(client.run(), Did { dials: 1, requests: 2 });
    wait::quiet(server.port);
    let report = tracer.finish();

    assert_eq!(server.counts(), (1, 2));
    all_are(&report.dialled(server.port), 1, "process.pid", &pid.to_string());
    all_are(&report.dialled(server.port), 1, "tracer.exchanges", "2");
    all_are(&report.dialled(server.port), 1, "tracer.close.cause", "local_close");
    all_are(&report.dialled(server.port), 1, "tracer.close.how", "close");
    assert_eq!(int(report.summary(pid, "client", server.port), "tracer.connections_opened"), 1);
}

#[test]
#[ignore = "needs root"]
fn a_pid_filter_shows_only_that_process() {
    let nginx = Nginx::keep_alive();
    let port = nginx.port.to_string();
    let chosen = Workload::python("fetch.py", &["new", &port, "/small", "12"]);
    let other = Workload::python("fetch.py", &["new", &port, "/small", "12"]);
    let pid = chosen.pid;
    let tracer = Tracer::start_with(&["-p", &pid.to_string()]);
    assert_eq!(other.run(), Did { dials: 12, requests: 12 });
    assert_eq!(chosen.run(), Did { dials: 12, requests: 12 });
    wait::quiet(nginx.port);
    let report = tracer.finish();

    nginx.served(24, 24);
    all_are(&report.connections(), 12, "process.pid", &pid.to_string());
    assert_eq!(report.codes(pid, nginx.port), ["one-shot"]);
    assert_eq!(report.findings(nginx.port).len(), 1);
}

#[test]
#[ignore = "needs root"]
fn a_port_filter_shows_only_that_destination() {
    let (chosen, other) = (Nginx::keep_alive(), Nginx::keep_alive());
    let tracer = Tracer::start_with(&["-P", &chosen.port.to_string()]);
    for nginx in [&chosen, &other] {
        let client = Workload::python("fetch.py", &["new", &nginx.port.to_string(), "/small", "3"]);
        assert_eq!(client.run(), Did { dials: 3, requests: 3 });
        wait::quiet(nginx.port);
    }
    let report = tracer.finish();

    assert_eq!(report.dialled(chosen.port).len(), 3);
    let all = report.connections();
    assert!(all.iter().all(|line| int(line, "server.port") == u64::from(chosen.port)), "{all:#?}");
}

#[test]
#[ignore = "needs root"]
fn a_connection_that_was_there_before_is_known_as_such() {
    crate::support::before::a_connection_that_was_there_before();
}

#[test]
#[ignore = "needs root"]
fn a_connection_that_was_there_before_and_is_not_used_since_has_its_holder() {
    crate::support::before::a_connection_that_was_there_before_and_is_not_used_since();
}
