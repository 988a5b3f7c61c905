//! `tcp_rcv_space_adjust`: runs per application read, in the reader's task, with the socket locked.
//! It counts exchanges and names the owner of sockets that nobody here dialled.

use core::hint::cold_path;

use aya_ebpf::macros::btf_tracepoint;
use aya_ebpf::programs::BtfTracePointContext;
use tracer_ebpf::{Conn, flags, off, opened};

use super::copies::{self, Copy, Program};
use super::kernel::{AF_INET, AF_INET6, IPPROTO_TCP, load, tcp};
use super::maps::{find, refuse, was_full};
use super::open::{complete, complete_handshake, is_dialling};
use super::sock;
use super::task::{set_owner, tgid};

/// Arguments: `struct sock *sk`.
#[btf_tracepoint(function = "tcp_rcv_space_adjust")]
fn read(ctx: BtfTracePointContext) -> i32 {
    let sk: *const u8 = ctx.arg(0);
    copies::once(Program::Read, Copy::First, (sk, 0), || unsafe { on_read(sk) });
    0
}

/// The second copy, see [`copies`].
#[btf_tracepoint(function = "tcp_rcv_space_adjust")]
fn read_again(ctx: BtfTracePointContext) -> i32 {
    let sk: *const u8 = ctx.arg(0);
    copies::once(Program::Read, Copy::Last, (sk, 0), || unsafe { on_read(sk) });
    0
}

#[inline(always)]
unsafe fn on_read(sk: *const u8) {
    unsafe {
        let tp = sock::tcp_sock(sk);
        if tp.is_null() {
            return;
        }
        let written: u32 = load(tp, off::WRITE_SEQ);
        let Some(conn) = find(sk as u64).or_else(|| unseen(sk, tp, written)) else { return };
        if (*conn).flags & flags::SENT != 0 {
            return;
        }
        if (*conn).owner_tgid == 0 && sock::owned_by_task(sk) {
            set_owner(conn);
            (*conn).flags |= flags::OWNER_AT_USE;
        }
        complete(conn, sk, tp);
        if is_dialling(conn) {
            cold_path();
            complete_handshake(conn, sk, tp);
        }
        let first_request = (*conn).opened == opened::PASSIVE && (*conn).exchanges == 0;
        if (*conn).write_seq != written || first_request {
            (*conn).write_seq = written;
            (*conn).exchanges += 1;
            // Answered, though after our half-close.
            (*conn).flags &= !flags::WRITE_PENDING;
        }
    }
}

/// There before us: followed from its first read on.
#[inline(always)]
unsafe fn unseen(sk: *const u8, tp: *const u8, written: u32) -> Option<*mut Conn> {
    unsafe {
        let family: u16 = load(sk, off::FAMILY);
        let state = i32::from(load::<u8>(sk, off::STATE));
        if load::<u16>(sk, off::PROTOCOL) != IPPROTO_TCP
            || (family != AF_INET && family != AF_INET6)
            || !matches!(state, tcp::ESTABLISHED | tcp::CLOSE_WAIT | tcp::SYN_RECV)
        {
            return None;
        }
        if was_full() {
            return None;
        }
        // TCP Fast Open: the data of a SYN may be read before the handshake is over.
        let is_new = state == tcp::SYN_RECV;
        let opened = if is_new { opened::PASSIVE } else { opened::PREEXISTING };
        let conn = match sock::open(sk, tp, opened, state, sock::NEW) {
            Ok(conn) => conn,
            Err(errno) => {
                refuse(errno, tgid());
                return None;
            }
        };
        if is_new {
            (*conn).open_ns = sock::now();
        }
        sock::local(conn, sk, tp);
        // What is read now was asked for, or asks: the first exchange.
        (*conn).write_seq = written.wrapping_sub(u32::from(!is_new));
        if !is_new {
            (*conn).flags |= flags::SEEN_AT_READ;
        }
        Some(conn)
    }
}
