//! `iter/task_file`: read at start, and when accepted connections have no owner yet. Adds the
//! connections that are there already, in every network namespace, with the process that holds each.

use core::ffi::c_void;
use core::ptr;

use aya_ebpf::helpers::{bpf_seq_write, bpf_sock_from_file};
use tracer_ebpf::{Listener, first, flags, off, opened};

use super::kernel::{AF_INET, AF_INET6, IPPROTO_TCP, load, tcp};
use super::maps::{find, refuse, was_walked};
use super::sock;
use super::task::set_holder;

/// One open file, NULL at the end of the walk. The context is
/// `{ struct bpf_iter_meta *meta; struct task_struct *task; u32 fd; struct file *file; }`.
#[unsafe(no_mangle)]
#[unsafe(link_section = "iter/task_file")]
extern "C" fn seed(ctx: *mut c_void) -> i32 {
    unsafe {
        let words = ctx.cast::<*const u8>();
        let task = words.add(1).read_volatile();
        let file = words.add(3).read_volatile();
        if task.is_null() || file.is_null() {
            return 0;
        }
        let socket = bpf_sock_from_file(file.cast_mut().cast()).cast::<u8>().cast_const();
        if socket.is_null() {
            return 0;
        }
        let sk: *const u8 = load(socket, off::SOCKET_SK);
        if sk.is_null() {
            return 0;
        }
        let family: u16 = load(sk, off::FAMILY);
        if (family != AF_INET && family != AF_INET6)
            || load::<u16>(sk, off::PROTOCOL) != IPPROTO_TCP
        {
            return 0;
        }
        let state = i32::from(load::<u8>(sk, off::STATE));
        if state == tcp::LISTEN {
            listener(words.read_volatile(), sk);
        } else if state != tcp::CLOSE {
            connection(sk, task, state);
        }
    }
    0
}

/// Tells userspace which ports are served: that is how it knows which end we are.
#[inline(always)]
unsafe fn listener(meta: *const u8, sk: *const u8) {
    unsafe {
        let net: *const u8 = load(sk, off::NET);
        let found =
            Listener { netns: load(net, off::NETNS), port: u32::from(load::<u16>(sk, off::NUM)) };
        let seq: *const u8 = load(meta, off::SEQ);
        // When it is full the kernel grows the buffer and shows us the same file again.
        let _again = bpf_seq_write(
            seq.cast_mut().cast(),
            ptr::from_ref(&found).cast_mut().cast(),
            size_of::<Listener>() as u32,
        );
    }
}

#[inline(always)]
unsafe fn connection(sk: *const u8, task: *const u8, state: i32) {
    unsafe {
        let tp = sock::tcp_sock(sk);
        if tp.is_null() {
            return;
        }
        if let Some(conn) = find(sk as u64) {
            let tgid: u32 = load(task, off::TASK_TGID);
            if (*conn).flags & flags::SEEDED == 0 {
                // Accepted, and not used since.
                if (*conn).owner_tgid == 0 {
                    (*conn).flags |= flags::SEEDED;
                    set_holder(conn, task);
                }
            } else if (*conn).owner_tgid != tgid
                && (*conn).flags & flags::OWNER_AT_USE == 0
                // Not in a later walk: a child may hold it between fork() and exec().
                && (*conn).polled_ns == 0
            {
                // Two processes hold it: whoever uses it next is the owner.
                (*conn).owner_tgid = 0;
            }
            return;
        }
        // Whoever has no entry now had none to be found, or was refused one: counted then.
        if was_walked() {
            return;
        }
        let conn = match sock::open(sk, tp, opened::PREEXISTING, state, sock::NEW) {
            Ok(conn) => conn,
            Err(errno) => return refuse(errno, 0),
        };
        (*conn).write_seq = load(tp, off::WRITE_SEQ);
        (*conn).flags = flags::SEEDED;
        if state == tcp::CLOSE_WAIT || state == tcp::LAST_ACK {
            (*conn).first = first::PEER;
            // What was sent before is not known to have followed the FIN.
            (*conn).sent_after_peer_fin = load(tp, off::BYTES_SENT);
        } else if state != tcp::ESTABLISHED && state != tcp::SYN_SENT {
            (*conn).first = first::LOCAL;
        }
        sock::local(conn, sk, tp);
        set_holder(conn, task);
    }
}
