//! Advice for proxies: nginx, `HAProxy`, Envoy, each towards its servers.

use crate::detect::Code;

pub(super) const fn nginx(code: Code) -> Option<&'static str> {
    Some(match code {
        Code::OneShot | Code::PeerClosesEach => {
            "Keep connections to the servers: `upstream { ... keepalive 32; }`, and where it is \
             used `proxy_http_version 1.1;` with `proxy_set_header Connection \"\";` (for FastCGI \
             `fastcgi_keep_conn on;`). A `proxy_pass` to a plain address keeps none."
        }
        Code::PoolTooSmall => {
            "Raise `keepalive` of the `upstream` to the connections that one worker uses at a time: \
             it counts per worker, over all servers of the group."
        }
        Code::PeerRecycles => {
            "If the server is nginx, raise `keepalive_requests` (1000, before 1.19.10: 100) and \
             `keepalive_time` (1 h) there."
        }
        Code::ClientRecycles => {
            "Raise `keepalive_requests` (1000) and `keepalive_time` (1 h) in the `upstream` block."
        }
        Code::PeerIdleTimeout | Code::StaleReuse => {
            "Set `keepalive_timeout` in the `upstream` block (60 s by default) below the server's \
             keep-alive timeout; `proxy_next_upstream error timeout;` repeats what fails, other than \
             `POST`."
        }
        Code::ClientIdleTimeout => {
            "Raise `keepalive_timeout` in the `upstream` block (60 s by default) above the pause \
             between requests."
        }
        Code::CancelledExchange => {
            "Compare `proxy_read_timeout` (60 s) with how long the server takes; clients that leave \
             end the request too, unless `proxy_ignore_client_abort on;`."
        }
        Code::ConnectRefused => {
            "Check that the `server` lines of the `upstream` name what listens; \
             `max_fails` and `fail_timeout` take a server out for a while."
        }
        Code::ConnectTimeout => {
            "Set `proxy_connect_timeout` (60 s by default) to a few seconds, so that \
             `proxy_next_upstream` can try another server."
        }
        Code::AbortiveClose => "Set `reset_timedout_connection off;`.",
        Code::PortPressure => {
            "Keep connections with `keepalive` in the `upstream` block; until then spread them over \
             source addresses with `proxy_bind`."
        }
        _ => return None,
    })
}

pub(super) const fn haproxy(code: Code) -> Option<&'static str> {
    Some(match code {
        Code::OneShot => {
            "Set `http-reuse safe` (or `always`) in the backend, and look for `option \
             http-server-close`, `option httpclose` and `mode tcp`, which keep no connection to the \
             server."
        }
        Code::PoolTooSmall => {
            "Raise `pool-purge-delay` on the `server` line (5 s by default: half of the idle connections \
             are closed each time), and `pool-max-conn` if it is set."
        }
        Code::PeerIdleTimeout | Code::StaleReuse => {
            "Lower `pool-purge-delay` on the `server` line below the server's keep-alive timeout, \
             and let `retry-on conn-failure empty-response response-timeout` repeat what fails."
        }
        Code::ClientIdleTimeout => {
            "Raise `pool-purge-delay` on the `server` line (5 s by default), or keep some with \
             `pool-low-conn`."
        }
        Code::ClientRecycles => "Raise `max-reuse` on the `server` line.",
        Code::CancelledExchange => {
            "Compare `timeout server` with how long the server takes; look for `option \
             abortonclose` where clients leave."
        }
        Code::ConnectRefused | Code::ConnectTimeout => {
            "Let health checks take the server out (`check` on its line); lower `timeout connect`, \
             and let `option redispatch` with `retries` try another."
        }
        Code::AbortiveClose => {
            "Drop `option nolinger`. Health checks end with a reset by design: set `option \
             httpchk` if the server minds."
        }
        Code::PortPressure => {
            "Let `http-reuse always` keep connections; until then give the `server` line a \
             `source` with a port range or more addresses."
        }
        _ => return None,
    })
}

pub(super) const fn envoy(code: Code) -> Option<&'static str> {
    Some(match code {
        Code::OneShot | Code::ClientRecycles => {
            "Look for `max_requests_per_connection` and `max_connection_duration` in the cluster's \
             `common_http_protocol_options`, and for a `Connection: close` that filters add."
        }
        Code::PoolTooSmall => {
            "Raise `max_connections` in `circuit_breakers.thresholds` of the cluster (1024 by \
             default), or lower the number of workers (`--concurrency`): each has pools of its own."
        }
        Code::PeerIdleTimeout | Code::StaleReuse => {
            "Set `idle_timeout` in the cluster's `common_http_protocol_options` (1 h by default) \
             below the server's keep-alive timeout, and `retry_on: reset-before-request` or \
             `connect-failure,reset` in the route's `retry_policy`."
        }
        Code::ClientIdleTimeout => {
            "Raise `idle_timeout` in the cluster's `common_http_protocol_options` (1 h by default) \
             above the pause between requests."
        }
        Code::CancelledExchange => {
            "Compare the route's `timeout` (15 s by default) and `per_try_timeout` with how long \
             the server takes."
        }
        Code::ConnectRefused | Code::ConnectTimeout => {
            "Let `health_checks` or `outlier_detection` take the host out; set the cluster's \
             `connect_timeout` (5 s by default) and `retry_on: connect-failure`."
        }
        Code::PortPressure => {
            "Let connections be reused; until then give the cluster several source addresses in \
             `upstream_bind_config`."
        }
        _ => return None,
    })
}
