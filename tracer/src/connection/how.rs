//! By which call, signal or exit a process let go of a connection.

use compact_str::{CompactString, ToCompactString, format_compact};
use nix::sys::signal::Signal;
use syscalls::Sysno;
use tracer_ebpf::{Conn, first, flags, opened};

// `task_struct.flags`
const PF_IO_WORKER: u32 = 0x0000_0010;
const PF_KTHREAD: u32 = 0x0020_0000;

/// `sk_shutdown`: the sending direction.
const SEND_SHUTDOWN: u8 = 2;

/// The name of the way, or `None` if this kernel does not let us see it. `sees_close`: the
/// `tcp_close` hook is attached.
pub(super) fn name(conn: &Conn, sees_close: bool) -> Option<CompactString> {
    let half = conn.flags & flags::HALF_CLOSED != 0;
    if conn.flags & flags::EXITING != 0 {
        return Some(format_compact!("exit:{}", exit(conn.exit_code)));
    }
    if conn.flags & flags::TASK_FACTS == 0 {
        // Only shutdown() closes one half, and only it closes both without tcp_close having run;
        // close() and exit look the same from here.
        let closed = conn.flags & flags::SAW_CLOSE != 0;
        // Of one that was there before us, tcp_close may have run while there was nothing to mark.
        let by_fin = conn.first == first::LOCAL && conn.opened != opened::PREEXISTING;
        return (half || (sees_close && by_fin && !closed)).then(|| "shutdown".into());
    }
    // The system call number means nothing in a task that never was in user mode.
    if conn.close_task_flags & (PF_KTHREAD | PF_IO_WORKER) == 0 {
        return call(conn.close_nr, conn.shutdown, half);
    }
    Some(if conn.close_task_flags & PF_KTHREAD != 0 {
        "kernel".into()
    } else if half {
        "shutdown".into()
    } else {
        "close".into()
    })
}

/// Signal name, or exit status.
fn exit(code: i32) -> CompactString {
    match code & 0x7f {
        0 => ((code >> 8) & 0xff).to_compact_string(),
        number => Signal::try_from(number)
            .map_or_else(|_| format_compact!("signal-{number}"), |signal| signal.as_str().into()),
    }
}

/// System calls that hold a socket while they wait: `close()` in another thread then leaves the last
/// reference to them.
const HOLDERS: &[&str] = &[
    "accept",
    "accept4",
    "connect",
    "epoll_pwait",
    "epoll_pwait2",
    "epoll_wait",
    "poll",
    "ppoll",
    "pselect6",
    "read",
    "readv",
    "recvfrom",
    "recvmmsg",
    "recvmsg",
    "select",
    "sendfile",
    "sendmmsg",
    "sendmsg",
    "sendto",
    "splice",
    "write",
    "writev",
];

/// `None` for a call that cannot have closed a socket: a 32-bit task has other numbers.
fn call(number: i32, shut: u8, half: bool) -> Option<CompactString> {
    let call = usize::try_from(number).ok().and_then(Sysno::new)?;
    Some(match call.name() {
        "shutdown" => "shutdown".into(),
        "execve" | "execveat" => "exec".into(),
        "io_uring_enter" if half => "shutdown".into(),
        "close" | "close_range" | "io_uring_enter" => "close".into(),
        "dup2" | "dup3" => "dup2".into(),
        // With AF_UNSPEC. As the last holder of a socket that another thread closed it shuts it down.
        "connect" if shut & SEND_SHUTDOWN == 0 => "connect".into(),
        other if HOLDERS.contains(&other) => format_compact!("lastref:{other}"),
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::decode::testing::blank;

    const PF_EXITING: u32 = 0x0000_0004;

    fn named(task_flags: u32, nr: Sysno, exit_code: i32) -> Option<CompactString> {
        let mut conn = blank();
        conn.flags = flags::TASK_FACTS;
        if task_flags & PF_EXITING != 0 {
            conn.flags |= flags::EXITING;
        }
        conn.close_task_flags = task_flags;
        conn.close_nr = i32::try_from(nr as usize).unwrap();
        conn.exit_code = exit_code;
        name(&conn, false)
    }

    #[test]
    fn calls_have_their_names() {
        assert_eq!(named(0, Sysno::close, 0).as_deref(), Some("close"));
        assert_eq!(named(0, Sysno::shutdown, 0).as_deref(), Some("shutdown"));
        assert_eq!(named(0, Sysno::execve, 0).as_deref(), Some("exec"));
        assert_eq!(named(0, Sysno::dup3, 0).as_deref(), Some("dup2"));
        assert_eq!(named(0, Sysno::recvfrom, 0).as_deref(), Some("lastref:recvfrom"));
        assert_eq!(named(PF_IO_WORKER, Sysno::recvfrom, 0).as_deref(), Some("close"));
        assert_eq!(named(PF_KTHREAD, Sysno::close, 0).as_deref(), Some("kernel"));
    }

    #[test]
    fn a_disconnect_is_told_from_a_connect_that_held_the_socket_last() {
        let named = |shutdown| {
            let close_nr = Sysno::connect as i32;
            name(&Conn { flags: flags::TASK_FACTS, close_nr, shutdown, ..blank() }, false)
        };
        assert_eq!(named(0).as_deref(), Some("connect"));
        assert_eq!(named(3).as_deref(), Some("lastref:connect"));
    }

    #[test]
    fn an_exit_names_its_signal_or_status() {
        assert_eq!(named(PF_EXITING, Sysno::recvfrom, 9).as_deref(), Some("exit:SIGKILL"));
        assert_eq!(named(PF_EXITING, Sysno::recvfrom, 0x8b).as_deref(), Some("exit:SIGSEGV"));
        assert_eq!(named(PF_EXITING, Sysno::exit_group, 3 << 8).as_deref(), Some("exit:3"));
        assert_eq!(named(PF_EXITING, Sysno::exit_group, 35).as_deref(), Some("exit:signal-35"));
    }

    #[test]
    fn the_numbers_of_a_32_bit_task_are_not_taken_for_calls_of_ours() {
        // close() of i386 is 6, which is lstat() here.
        assert_eq!(named(0, Sysno::lstat, 0), None);
        assert_eq!(named(0, Sysno::getpid, 0), None);
    }

    #[test]
    fn without_task_facts_only_what_is_certain_is_told() {
        let mut conn = blank();
        conn.first = first::LOCAL;
        assert_eq!(name(&conn, true), None, "tcp_close may have run before it was known");
        conn.opened = opened::ACTIVE;
        assert_eq!(name(&conn, false), None);
        assert_eq!(name(&conn, true).as_deref(), Some("shutdown"), "tcp_close did not run");
        conn.flags = flags::SAW_CLOSE;
        assert_eq!(name(&conn, true), None, "close() or exit");
        conn.flags = flags::HALF_CLOSED;
        assert_eq!(name(&conn, false).as_deref(), Some("shutdown"));
    }
}
