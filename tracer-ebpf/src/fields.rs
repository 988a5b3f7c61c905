//! Kernel struct fields the programs read, resolved from the running kernel's BTF before load.
//!
//! Rust has no CO-RE relocations. The loader patches each byte offset into a read-only global; the
//! verifier then sees constants and accepts direct, typed loads.

/// Offset value of a field this kernel does not have.
pub const MISSING: u16 = u16::MAX;

/// One field: where it is and how wide the programs read it.
///
/// An optional field may be [`MISSING`]; the programs ask before they read it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Field {
    /// Kernel struct.
    pub of: &'static str,
    /// Dotted member path; several are tried in order, separated by `|`.
    pub path: &'static str,
    /// Bytes the programs read; any other size in BTF is refused.
    pub size: u16,
    /// Whether a kernel may lack it.
    pub is_optional: bool,
}

macro_rules! fields {
    ($($name:ident = $of:literal . $path:literal : $size:literal $(or $absent:ident)?,)*) => {
        #[expect(non_camel_case_types, clippy::upper_case_acronyms, reason = "only a counter behind the constants below")]
        enum Index { $($name,)* Count }
        /// Number of [`FIELDS`].
        pub const FIELD_COUNT: usize = Index::Count as usize;
        /// Every field, in index order.
        pub const FIELDS: [Field; FIELD_COUNT] =
            [$(Field { of: $of, path: $path, size: $size, is_optional: fields!(@ $($absent)?) },)*];
        /// Index of each field in [`FIELDS`].
        pub mod off {
            $(
                #[doc = concat!("`", $of, ".", $path, "`, ", $size, " bytes.")]
                pub const $name: usize = super::Index::$name as usize;
            )*
        }
    };
    (@) => { false };
    (@ absent) => { true };
}

fields! {
    FAMILY = "sock"."__sk_common.skc_family": 2,
    STATE = "sock"."__sk_common.skc_state": 1,
    DPORT = "sock"."__sk_common.skc_dport": 2,
    DADDR = "sock"."__sk_common.skc_daddr": 4,
    SADDR = "sock"."__sk_common.skc_rcv_saddr": 4,
    DADDR6 = "sock"."__sk_common.skc_v6_daddr": 16,
    SADDR6 = "sock"."__sk_common.skc_v6_rcv_saddr": 16,
    NET = "sock"."__sk_common.skc_net.net": 8,
    COOKIE = "sock"."__sk_common.skc_cookie": 8,
    FLAGS = "sock"."__sk_common.skc_flags": 8,
    PROTOCOL = "sock"."sk_protocol": 2,
    LOCK_OWNED = "sock"."sk_lock.owned": 4,
    SHUTDOWN = "sock"."sk_shutdown": 1,
    ERR = "sock"."sk_err": 4,
    SOCKET = "sock"."sk_socket": 8,
    LINGERTIME = "sock"."sk_lingertime": 8,
    SOCKET_SK = "socket"."sk": 8,
    NUM = "sock"."__sk_common.skc_num": 2,
    SEQ = "bpf_iter_meta"."seq": 8,
    NETNS = "net"."ns.inum": 4,
    SPORT = "tcp_sock"."inet_conn.icsk_inet.inet_sport": 2,
    PROBES_OUT = "tcp_sock"."inet_conn.icsk_probes_out": 1,
    USER_TIMEOUT = "tcp_sock"."inet_conn.icsk_user_timeout": 4,
    LRCVTIME = "tcp_sock"."inet_conn.icsk_ack.lrcvtime": 4,
    LSNDTIME = "tcp_sock"."lsndtime": 4,
    WRITE_SEQ = "tcp_sock"."write_seq": 4,
    SND_WND = "tcp_sock"."snd_wnd": 4,
    MSS = "tcp_sock"."mss_cache": 4,
    SND_NXT = "tcp_sock"."snd_nxt": 4,
    SND_UNA = "tcp_sock"."snd_una": 4,
    RCV_NXT = "tcp_sock"."rcv_nxt": 4,
    COPIED_SEQ = "tcp_sock"."copied_seq": 4,
    BYTES_ACKED = "tcp_sock"."bytes_acked": 8,
    BYTES_RECEIVED = "tcp_sock"."bytes_received": 8,
    BYTES_SENT = "tcp_sock"."bytes_sent": 8,
    SEGS_OUT = "tcp_sock"."segs_out": 4,
    DATA_SEGS_IN = "tcp_sock"."data_segs_in": 4,
    DATA_SEGS_OUT = "tcp_sock"."data_segs_out": 4,
    TOTAL_RETRANS = "tcp_sock"."total_retrans": 4,
    SRTT = "tcp_sock"."srtt_us": 4,
    IS_MPTCP = "tcp_sock"."is_mptcp": 1 or absent,
    TASK_FLAGS = "task_struct"."flags": 4,
    TASK_TGID = "task_struct"."tgid": 4,
    TASK_LEADER = "task_struct"."group_leader": 8,
    TASK_SIGNAL = "task_struct"."signal": 8,
    TASK_START = "task_struct"."start_boottime|real_start_time": 8,
    TASK_COMM = "task_struct"."comm": 16,
    TASK_PID = "task_struct"."pid": 4,
    TASK_EXIT_CODE = "task_struct"."exit_code": 4,
    SIGNAL_FLAGS = "signal_struct"."flags": 4,
    EXEC_TASK = "signal_struct"."group_exec_task|group_exit_task": 8 or absent,
    EXIT_CODE = "signal_struct"."group_exit_code": 4,
    SYSCALL_NR = "pt_regs"."orig_ax|orig_rax|syscallno": 8,
}
