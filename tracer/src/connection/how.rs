//! By which call, signal or exit a process let go of a connection.

use nix::sys::signal::Signal;
use syscalls::Sysno;
use tracer_ebpf::{Conn, flags};

// `task_struct.flags`
const PF_EXITING: u32 = 0x0000_0004;
const PF_IO_WORKER: u32 = 0x0000_0010;
const PF_KTHREAD: u32 = 0x0020_0000;

/// The name of the way, or `None` if this kernel does not let us see it.
pub(super) fn name(conn: &Conn) -> Option<String> {
    let half = conn.flags & flags::HALF_CLOSED != 0;
    if conn.flags & flags::TASK_FACTS == 0 {
        // Only shutdown() closes one half; close() and exit look the same from here.
        return half.then(|| "shutdown".into());
    }
    // The system call number means nothing in a task that exits or never was in user mode.
    Some(if conn.close_task_flags & PF_EXITING != 0 {
        format!("exit:{}", exit(conn.exit_code))
    } else if conn.close_task_flags & PF_KTHREAD != 0 {
        "kernel".into()
    } else if conn.close_task_flags & PF_IO_WORKER != 0 {
        if half { "shutdown" } else { "close" }.into()
    } else {
        call(conn.close_nr, half)
    })
}

/// Signal name, or exit status.
fn exit(code: i32) -> String {
    match code & 0x7f {
        0 => ((code >> 8) & 0xff).to_string(),
        number => Signal::try_from(number)
            .map_or_else(|_| format!("signal-{number}"), |signal| signal.as_str().to_owned()),
    }
}

fn call(number: i32, half: bool) -> String {
    let Some(call) = usize::try_from(number).ok().and_then(Sysno::new) else {
        return format!("lastref:{number}");
    };
    match call.name() {
        "shutdown" => "shutdown".into(),
        "execve" | "execveat" => "exec".into(),
        "io_uring_enter" if half => "shutdown".into(),
        "close" | "close_range" | "dup2" | "dup3" | "io_uring_enter" => "close".into(),
        // close() while another thread was inside this call: it held the last reference.
        other => format!("lastref:{other}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::decode::testing::blank;

    fn named(task_flags: u32, nr: Sysno, exit_code: i32) -> Option<String> {
        let mut conn = blank();
        conn.flags = flags::TASK_FACTS;
        conn.close_task_flags = task_flags;
        conn.close_nr = i32::try_from(nr as usize).unwrap();
        conn.exit_code = exit_code;
        name(&conn)
    }

    #[test]
    fn calls_have_their_names() {
        assert_eq!(named(0, Sysno::close, 0).as_deref(), Some("close"));
        assert_eq!(named(0, Sysno::shutdown, 0).as_deref(), Some("shutdown"));
        assert_eq!(named(0, Sysno::execve, 0).as_deref(), Some("exec"));
        assert_eq!(named(0, Sysno::dup3, 0).as_deref(), Some("close"));
        assert_eq!(named(0, Sysno::recvfrom, 0).as_deref(), Some("lastref:recvfrom"));
        assert_eq!(named(PF_IO_WORKER, Sysno::recvfrom, 0).as_deref(), Some("close"));
        assert_eq!(named(PF_KTHREAD, Sysno::close, 0).as_deref(), Some("kernel"));
    }

    #[test]
    fn an_exit_names_its_signal_or_status() {
        assert_eq!(named(PF_EXITING, Sysno::recvfrom, 9).as_deref(), Some("exit:SIGKILL"));
        assert_eq!(named(PF_EXITING, Sysno::recvfrom, 0x8b).as_deref(), Some("exit:SIGSEGV"));
        assert_eq!(named(PF_EXITING, Sysno::exit_group, 3 << 8).as_deref(), Some("exit:3"));
        assert_eq!(named(PF_EXITING, Sysno::exit_group, 35).as_deref(), Some("exit:signal-35"));
    }

    #[test]
    fn without_task_facts_only_a_half_close_is_certain() {
        let mut conn = blank();
        assert_eq!(name(&conn), None);
        conn.flags = flags::HALF_CLOSED | flags::SAW_CLOSE;
        assert_eq!(name(&conn).as_deref(), Some("shutdown"));
    }
}
