//! Fields of the kernel's tracepoint records that the plain programs read, resolved from the format
//! files of the running kernel before load.
//!
//! The records differ between kernels: `tcp_send_reset` tells a reason since 6.10, the others name
//! the address family since 6.1. As with [`crate::FIELDS`], a field that is not there is
//! [`crate::MISSING`].

/// One field of one tracepoint's record.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct EventField {
    /// `category/name` of the tracepoint.
    pub event: &'static str,
    /// Name in the format file.
    pub name: &'static str,
    /// Its size in bytes; any other is refused.
    pub size: u16,
    /// Bytes the programs read at once: the offset must be a multiple of it.
    pub step: u16,
    /// Whether a kernel may lack it.
    pub is_optional: bool,
}

impl EventField {
    /// Offsets that the programs try: the records of all kernels so far are well within.
    #[must_use]
    pub const fn offsets(&self) -> core::ops::RangeInclusive<u16> {
        match self.size {
            8 => 8..=72,
            16 => 20..=64,
            _ => 8..=48,
        }
    }
}

macro_rules! fields {
    ($($name:ident = $event:literal . $field:literal : $size:literal by $step:literal $(or $absent:ident)?,)*) => {
        #[expect(non_camel_case_types, reason = "only a counter behind the constants below")]
        enum Index { $($name,)* Count }
        /// Number of [`EVENT_FIELDS`].
        pub const EVENT_COUNT: usize = Index::Count as usize;
        /// Every field, in index order.
        pub const EVENT_FIELDS: [EventField; EVENT_COUNT] = [$(EventField {
            event: $event,
            name: $field,
            size: $size,
            step: $step,
            is_optional: fields!(@ $($absent)?),
        },)*];
        /// Index of each field in [`EVENT_FIELDS`].
        pub mod at {
            $(
                #[doc = concat!("`", $field, "` of `", $event, "`, ", $size, " bytes.")]
                pub const $name: usize = super::Index::$name as usize;
            )*
        }
    };
    (@) => { false };
    (@ absent) => { true };
}

fields! {
    STATE_SK = "sock/inet_sock_set_state"."skaddr": 8 by 8,
    STATE_OLD = "sock/inet_sock_set_state"."oldstate": 4 by 4,
    STATE_NEW = "sock/inet_sock_set_state"."newstate": 4 by 4,
    STATE_SPORT = "sock/inet_sock_set_state"."sport": 2 by 2,
    STATE_DPORT = "sock/inet_sock_set_state"."dport": 2 by 2,
    STATE_FAMILY = "sock/inet_sock_set_state"."family": 2 by 2,
    STATE_PROTOCOL = "sock/inet_sock_set_state"."protocol": 2 by 2,
    STATE_SADDR = "sock/inet_sock_set_state"."saddr_v6": 16 by 2,
    STATE_DADDR = "sock/inet_sock_set_state"."daddr_v6": 16 by 2,
    READ_SK = "tcp/tcp_rcv_space_adjust"."skaddr": 8 by 8,
    READ_SPORT = "tcp/tcp_rcv_space_adjust"."sport": 2 by 2,
    READ_DPORT = "tcp/tcp_rcv_space_adjust"."dport": 2 by 2,
    READ_SADDR = "tcp/tcp_rcv_space_adjust"."saddr_v6": 16 by 2,
    READ_DADDR = "tcp/tcp_rcv_space_adjust"."daddr_v6": 16 by 2,
    READ_COOKIE = "tcp/tcp_rcv_space_adjust"."sock_cookie": 8 by 8,
    RECEIVED_SK = "tcp/tcp_receive_reset"."skaddr": 8 by 8,
    RECEIVED_COOKIE = "tcp/tcp_receive_reset"."sock_cookie": 8 by 8,
    SENT_SK = "tcp/tcp_send_reset"."skaddr": 8 by 8,
    SENT_SKB = "tcp/tcp_send_reset"."skbaddr": 8 by 8,
    SENT_REASON = "tcp/tcp_send_reset"."reason": 4 by 4 or absent,
    FREED_SK = "tcp/tcp_destroy_sock"."skaddr": 8 by 8,
    FREED_DPORT = "tcp/tcp_destroy_sock"."dport": 2 by 2,
    FREED_COOKIE = "tcp/tcp_destroy_sock"."sock_cookie": 8 by 8,
    ERROR_ERRNO = "sock/inet_sk_error_report"."error": 4 by 4,
    ERROR_SPORT = "sock/inet_sk_error_report"."sport": 2 by 2,
    ERROR_DPORT = "sock/inet_sk_error_report"."dport": 2 by 2,
    ERROR_PROTOCOL = "sock/inet_sk_error_report"."protocol": 2 by 2,
    ERROR_SADDR = "sock/inet_sk_error_report"."saddr_v6": 16 by 2,
    ERROR_DADDR = "sock/inet_sk_error_report"."daddr_v6": 16 by 2,
    FORKED_PID = "sched/sched_process_fork"."child_pid": 4 by 4,
}
