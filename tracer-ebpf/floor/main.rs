//! The floor that tracer's cost is measured against: programs that do nothing, one for each kind of
//! hook that tracer attaches. An object of its own, loaded by `tracer-bench` only.
//!
//! Each is loaded as often as it is needed, at the hook that it then stands for; so none has maps, and
//! none reads its context.
#![cfg_attr(target_arch = "bpf", no_std)]
#![cfg_attr(target_arch = "bpf", no_main)]

#[cfg(target_arch = "bpf")]
mod bpf {
    use core::ffi::c_void;

    /// A program that lets things be: those of control groups are asked for leave, 1 grants it.
    macro_rules! empty {
        ($section:literal, $name:ident, $verdict:literal) => {
            #[unsafe(no_mangle)]
            #[unsafe(link_section = $section)]
            extern "C" fn $name(_: *mut c_void) -> i32 {
                $verdict
            }
        };
    }
    empty!("tp_btf", floor_tp_btf, 0);
    empty!("fentry", floor_fentry, 0);
    empty!("fexit", floor_fexit, 0);
    empty!("kprobe", floor_kprobe, 0);
    empty!("kretprobe", floor_kretprobe, 0);
    empty!("tracepoint", floor_tracepoint, 0);
    empty!("sockops", floor_sockops, 1);
    empty!("cgroup/connect4", floor_connect4, 1);
    empty!("cgroup/connect6", floor_connect6, 1);
    empty!("cgroup/getpeername4", floor_getpeer4, 1);
    empty!("cgroup/getpeername6", floor_getpeer6, 1);
    empty!("cgroup/sock_release", floor_release, 1);

    #[panic_handler]
    fn panic(_: &core::panic::PanicInfo<'_>) -> ! {
        loop {}
    }

    /// The kernel lets programs of some kinds in only with this.
    #[unsafe(link_section = "license")]
    #[unsafe(no_mangle)]
    static LICENSE: [u8; 13] = *b"Dual MIT/GPL\0";
}

#[cfg(not(target_arch = "bpf"))]
fn main() {}
