//! The programs: one file per kernel subject. They gather facts into one [`tracer_ebpf::Conn`] per
//! connection and send it once, when the connection ends. Nothing is sent per packet.
//!
//! Flow: `state` is told of every transition, `open` and `end` say what becomes of the entry; `read`
//! counts exchanges and finds the owner of accepted sockets; `reset` adds resets; `accept`, `connect` and `dial` add what only
//! those functions tell, `exit` what a kernel without task helpers hides; `seed` finds the ones that
//! are there at start and `poll` refreshes open ones, both when userspace asks; `destroy` sends
//! what is left and frees the entry. `copies` is why some programs are there more than once. `plain`
//! does the same for kernels without BTF.
#![expect(
    clippy::inline_always,
    reason = "the verifier follows a value through inlined code only; a call loses its type"
)]
#![expect(
    clippy::needless_pass_by_value,
    reason = "the program macros hand the context over by value"
)]
#![expect(
    clippy::needless_borrows_for_generic_args,
    reason = "a key passed by value is copied to the stack once more"
)]
#![expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "states fit a byte; jiffies and system call numbers are narrowed as the kernel does"
)]
#![expect(
    clippy::cast_ptr_alignment,
    reason = "the kernel aligns its fields; the offsets are the kernel's own"
)]

mod accept;
mod connect;
mod copies;
mod destroy;
mod dial;
mod end;
mod exit;
mod kernel;
mod maps;
mod mptcp;
mod open;
mod plain;
mod poll;
mod read;
mod reset;
mod seed;
mod sock;
mod state;
mod task;

#[panic_handler]
fn panic(_: &core::panic::PanicInfo<'_>) -> ! {
    loop {}
}

/// The kernel accepts GPL-only helpers from this licence string.
#[unsafe(link_section = "license")]
#[unsafe(no_mangle)]
static LICENSE: [u8; 13] = *b"Dual MIT/GPL\0";
