//! Advice for commands, scripts, and programs in C with a client library.

use crate::detect::Code;

pub(super) const fn curl(code: Code) -> Option<&'static str> {
    Some(match code {
        Code::ShortLivedProcess => {
            "Give one `curl` all URLs at once, or a list with `--config`; it reuses the connection, \
             and `--parallel` runs them side by side. Where commands must stay separate, let them \
             go through a local proxy that keeps connections (`--proxy`)."
        }
        Code::OneShot | Code::PeerClosesEach => {
            "Look for `-H 'Connection: close'` and `--http1.0`: with them even one `curl` with many \
             URLs dials for each."
        }
        Code::UnreadClose => {
            "Do not cut the answer off (`--max-time`, a `head` behind the pipe): ask for less with \
             `--range` or `--head`."
        }
        Code::CancelledExchange => {
            "Compare `--max-time` and `--speed-time` with how long the server takes."
        }
        Code::ConnectRefused => {
            "Check the address with `curl --verbose`; let it wait for a service that starts with \
             `--retry N --retry-connrefused`."
        }
        Code::ConnectTimeout | Code::DialCancelled => {
            "Set `--connect-timeout` to a few seconds, above one second for a lost SYN."
        }
        _ => return None,
    })
}

pub(super) const fn libcurl(code: Code) -> Option<&'static str> {
    Some(match code {
        Code::OneShot => {
            "Reuse one easy handle, or one multi handle or `CURLSH` with `CURL_LOCK_DATA_CONNECT` \
             for several: `curl_easy_cleanup` closes its connections. Look for \
             `CURLOPT_FORBID_REUSE` and `CURLOPT_FRESH_CONNECT`."
        }
        Code::UnreadClose => "Let `CURLOPT_WRITEFUNCTION` take all data; ask for less otherwise.",
        Code::PoolTooSmall => {
            "Raise `CURLMOPT_MAXCONNECTS` of the multi handle (4 times its easy handles by default) \
             or `CURLOPT_MAXCONNECTS` (5)."
        }
        Code::Hoard => {
            "Reuse easy handles instead of making them, and set `CURLMOPT_MAX_HOST_CONNECTIONS`; \
             every `curl_easy_init` needs its `curl_easy_cleanup`."
        }
        Code::PeerIdleTimeout | Code::StaleReuse | Code::ClientIdleTimeout => {
            "Set `CURLOPT_MAXAGE_CONN` (118 s by default): below the server's keep-alive timeout, \
             above the pause between requests."
        }
        Code::ClientRecycles => "Raise `CURLOPT_MAXLIFETIME_CONN`.",
        Code::CancelledExchange => {
            "Compare `CURLOPT_TIMEOUT_MS` and `CURLOPT_LOW_SPEED_TIME` with how long the server \
             takes."
        }
        Code::ConnectTimeout | Code::DialCancelled => {
            "Set `CURLOPT_CONNECTTIMEOUT_MS` (300 s by default) to a few seconds, above one second \
             for a lost SYN."
        }
        _ => return None,
    })
}

pub(super) const fn psql(code: Code) -> Option<&'static str> {
    Some(match code {
        Code::ShortLivedProcess | Code::OneShot => {
            "Run the statements in one session: `psql -f FILE`, several `-c`, or `\\watch` instead \
             of a loop. Where commands must stay separate, let them go through `pgbouncer`, which \
             makes the dial cheap."
        }
        Code::ConnectTimeout | Code::DialCancelled => {
            "Set `PGCONNECT_TIMEOUT` (none by default; at least 2 s)."
        }
        Code::CancelledExchange => {
            "Let the server end slow statements (`statement_timeout`) instead of killing `psql`."
        }
        _ => return None,
    })
}

pub(super) const fn libpq(code: Code) -> Option<&'static str> {
    Some(match code {
        Code::OneShot | Code::ShortLivedProcess => {
            "Keep one `PGconn` per worker instead of `PQconnectdb` and `PQfinish` around each query; \
             across processes put `pgbouncer` (`pool_mode = transaction`) before the server."
        }
        Code::Hoard => {
            "Call `PQfinish` for every `PGconn`, on error paths too; let `pgbouncer` bound the \
             number (`default_pool_size`)."
        }
        Code::PeerIdleTimeout | Code::StaleReuse => {
            "Raise the server's `idle_session_timeout` or pgbouncer's `client_idle_timeout` and \
             `server_lifetime`; check `PQstatus` and call `PQreset` before use; set \
             `keepalives_idle` where a firewall forgets connections."
        }
        Code::CancelledExchange => {
            "Compare the caller's timeout with `statement_timeout`, and end a query with `PQcancel` \
             instead of closing its connection."
        }
        Code::ConnectTimeout | Code::DialCancelled => {
            "Set `connect_timeout` (none by default; at least 2 s) in the connection string."
        }
        Code::CloseWaitLeak => "Call `PQfinish` once `PQstatus` is `CONNECTION_BAD`.",
        _ => return None,
    })
}

pub(super) const fn redis_cli(code: Code) -> Option<&'static str> {
    Some(match code {
        Code::ShortLivedProcess | Code::OneShot => {
            "Send all commands through one `redis-cli`: it reads them from its input, in bulk with \
             `--pipe`; `-r N` with `-i SECONDS` repeats one."
        }
        _ => return None,
    })
}

pub(super) const fn hiredis(code: Code) -> Option<&'static str> {
    Some(match code {
        Code::OneShot | Code::ShortLivedProcess => {
            "Keep one `redisContext` per worker instead of `redisConnect` and `redisFree` around \
             each command; pipeline with `redisAppendCommand`. Put a proxy such as twemproxy before \
             the server where processes must stay separate."
        }
        Code::Hoard | Code::CloseWaitLeak => {
            "Call `redisFree` for every `redisContext`, on error paths too, or `redisReconnect` it."
        }
        Code::PeerIdleTimeout | Code::StaleReuse => {
            "Set the server's `timeout` to 0 or above the pause between commands; call \
             `redisReconnect` after an error, and `redisEnableKeepAlive`."
        }
        Code::CancelledExchange => {
            "Compare `redisSetTimeout` with the server's slow log (`SLOWLOG GET`)."
        }
        Code::ConnectTimeout | Code::DialCancelled => {
            "Use `redisConnectWithTimeout` with a few seconds, above one second for a lost SYN."
        }
        _ => return None,
    })
}

pub(super) const fn wget(code: Code) -> Option<&'static str> {
    Some(match code {
        Code::ShortLivedProcess => {
            "Give one `wget` all URLs at once, or a list with `--input-file`; it reuses the \
             connection."
        }
        Code::OneShot | Code::PeerClosesEach => "Look for `--no-http-keep-alive`.",
        Code::ConnectTimeout | Code::DialCancelled => {
            "Set `--connect-timeout` to a few seconds, above one second for a lost SYN."
        }
        _ => return None,
    })
}

pub(super) const fn perl(code: Code) -> Option<&'static str> {
    Some(match code {
        Code::OneShot | Code::PeerClosesEach => {
            "Share one `LWP::UserAgent->new(keep_alive => 10)`: without `keep_alive` it closes each \
             connection; `HTTP::Tiny` keeps one by itself if it is shared. With a database use \
             `DBI->connect_cached`."
        }
        Code::PoolTooSmall => "Raise `keep_alive` of the `LWP::UserAgent`.",
        Code::ConnectTimeout | Code::CancelledExchange => {
            "Set `timeout` of the `LWP::UserAgent` (180 s by default)."
        }
        _ => return None,
    })
}
