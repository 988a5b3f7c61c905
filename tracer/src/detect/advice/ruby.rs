//! Advice for Ruby: `Net::HTTP`, net-http-persistent, Faraday, `ActiveRecord`.

use crate::detect::Code;

pub(super) const fn of(code: Code) -> Option<&'static str> {
    Some(match code {
        Code::OneShot => {
            "Make requests inside one `Net::HTTP.start` with a block, or share one \
             `Net::HTTP::Persistent`; in Faraday use `adapter :net_http_persistent`. \
             `Net::HTTP.get` dials each time. With Redis or a database share a `ConnectionPool`."
        }
        Code::PoolTooSmall => {
            "Raise `pool_size` of `Net::HTTP::Persistent`, `pool` in `database.yml`, or `size` of \
             `ConnectionPool` to the number of threads."
        }
        Code::Hoard => {
            "Share one `Net::HTTP::Persistent` instead of one per request; give connections back \
             with `ConnectionPool#with`, never `checkout` alone."
        }
        Code::PeerIdleTimeout | Code::StaleReuse => {
            "Set `idle_timeout` of `Net::HTTP::Persistent` (5 s by default) or \
             `Net::HTTP#keep_alive_timeout` (2 s) below the server's keep-alive timeout. If the \
             server is Puma, raise its `persistent_timeout`."
        }
        Code::ClientIdleTimeout => {
            "Raise `Net::HTTP#keep_alive_timeout` (2 s by default) or `idle_timeout` of \
             `Net::HTTP::Persistent` (5 s) above the pause between requests."
        }
        Code::CancelledExchange => {
            "Compare `read_timeout` (60 s by default) with how long the server takes; do not use \
             `Timeout.timeout` around a request, it leaves the connection unusable."
        }
        Code::CloseWaitLeak => {
            "Call `http.finish` or use the block form of `Net::HTTP.start`; close sockets in \
             `ensure`."
        }
        Code::ConnectTimeout | Code::DialCancelled => {
            "Set `open_timeout` (60 s by default) to a few seconds, above one second for a lost SYN."
        }
        _ => return None,
    })
}
