//! Advice for any program: what holds whatever it is written in. Every code has one.

use crate::detect::Code;

/// Of a code.
pub(super) const fn of(code: Code) -> &'static str {
    match code {
        Code::OneShot => {
            "Make one client per process and share it, instead of one per request. Then look for \
             what turns reuse off: `Connection: close`, HTTP/1.0, keep-alives disabled, a pool made \
             per request; with a database, a connection opened and closed around each query."
        }
        Code::UnreadClose => {
            "Read each answer to its end before closing it, on error paths too. If the rest is not \
             wanted, ask for less (`HEAD`, `Range`, a limit): a connection closed on unread data is \
             reset and cannot be used again."
        }
        Code::PoolTooSmall => {
            "Let the pool keep as many idle connections to this destination as are used at a time, \
             or let fewer requests run at a time."
        }
        Code::Hoard => {
            "Keep one client per process instead of one per request, and give each connection back \
             when its answer is read. Bound the pool, so that a leak shows as waiting and not as \
             open connections."
        }
        Code::PeerClosesEach => {
            "Let the server keep connections open: look for `Connection: close`, HTTP/1.0 or \
             keep-alive turned off there, in a proxy between, or in what this client asks for."
        }
        Code::PeerRecycles => {
            "Raise the server's limit of requests or of age per connection, or take it as the price \
             of rebalancing. Let the client retry what fails at that moment."
        }
        Code::PeerIdleTimeout => {
            "Let the client drop idle connections a little earlier than the server does, or raise \
             the server's keep-alive timeout above the usual pause between requests."
        }
        Code::ClientIdleTimeout => {
            "Raise the client's idle timeout above the usual pause between requests, but keep it \
             below the server's."
        }
        Code::StaleReuse => {
            "Let the client drop idle connections before the server does: its idle timeout must be \
             below the server's keep-alive timeout. Retry requests that are safe to repeat."
        }
        Code::CancelledExchange => {
            "Compare the client's timeout with how long the server takes: a request given up costs \
             its connection and the server's work. Raise the timeout, make the server faster, or \
             ask for less; do not retry at once."
        }
        Code::ShortLivedProcess => {
            "Make the requests in one process that stays: a client library in a loop, `curl` with \
             all URLs at once or `--config`, `xargs` with many arguments. Where commands must stay \
             separate, put a local proxy or a pooler such as pgbouncer before the server."
        }
        Code::CloseWaitLeak => {
            "Close what the peer has closed. Look for paths that return without closing: a response \
             or connection dropped on an error or an early return, a server that stops reading \
             after it has answered. A higher limit of open files only delays the failure."
        }
        Code::ConnectRefused => {
            "Check that the service runs and listens on that very address and port (`ss -ltn` in \
             its network namespace) and that the client's configuration names it. If it restarts, \
             let the client back off between retries; if it is gone for good, take it off the list."
        }
        Code::ConnectTimeout => {
            "Find what drops the packets: a firewall or security group, a host that is down, a full \
             accept queue (`nstat -az TcpExtListenDrops` on the server). Give the client a connect \
             timeout of a few seconds instead of the kernel's two minutes."
        }
        Code::ConnectUnreachable => {
            "Check routes and firewalls (`ip route get ADDRESS` in the process's network \
             namespace): a host answered that the destination cannot be reached, or there is no \
             route. If only one IP version fails, repair it or stop resolving to it."
        }
        Code::DialCancelled => {
            "Compare the client's connect timeout with the round-trip time: the kernel repeats a \
             lost SYN after one second. If it dials several addresses and keeps the first, this is \
             no fault."
        }
        Code::ResetsReceived => {
            "Ask the server why: it closed with data unread, ran out of something, restarted, or a \
             firewall or load balancer forgot the connection. If it comes after a pause, let the \
             client drop idle connections earlier or send TCP keepalives."
        }
        Code::ResetsSent => {
            "Find which of our sockets refused the data: closed before reading all, nobody \
             listening, or a process that ended. Read to the end before closing; shut down in order."
        }
        Code::AbortiveClose => {
            "Do not set `SO_LINGER` to 0: it throws away what was not yet delivered and resets the \
             peer. If it is there to avoid `TIME_WAIT`, reuse connections instead."
        }
        Code::ClientRecycles => {
            "Raise or drop the client's limit of requests or of age per connection, and look for \
             pools that are emptied (garbage collection, configuration reload)."
        }
        Code::PortPressure => {
            "Reuse connections: each new one holds a port for a minute after it was closed. Until \
             then widen `net.ipv4.ip_local_port_range`, set `net.ipv4.tcp_tw_reuse=1`, or dial from \
             more source addresses or towards more destination addresses."
        }
    }
}
