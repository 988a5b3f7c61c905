//! Advice for Python: requests, httpx, aiohttp, `SQLAlchemy`, redis-py.

use crate::detect::Code;

pub(super) const fn of(code: Code) -> Option<&'static str> {
    Some(match code {
        Code::OneShot => {
            "Share one `requests.Session` (not `requests.get`), `httpx.Client` or \
             `aiohttp.ClientSession` for the life of the process; `urllib.request` cannot reuse. \
             With a database use a pool: `psycopg_pool.ConnectionPool`, SQLAlchemy `create_engine` \
             once, `redis.ConnectionPool`."
        }
        Code::UnreadClose => {
            "With `stream=True` read `response.content` to the end, or leave `stream` off; in \
             aiohttp `await response.read()` before the `async with` block ends."
        }
        Code::PoolTooSmall => {
            "Mount `HTTPAdapter(pool_maxsize=N)` (10 by default) on the Session; httpx \
             `Limits(max_keepalive_connections=N)` (20); SQLAlchemy `pool_size` (5), as what \
             `max_overflow` adds is closed after use."
        }
        Code::Hoard => {
            "Keep one Session, and use it or each response with `with`. Bound the pool: \
             `HTTPAdapter(pool_maxsize=, pool_block=True)`, `aiohttp.TCPConnector(limit_per_host=)`, \
             `httpx.Limits(max_connections=)`, `redis.BlockingConnectionPool`."
        }
        Code::PeerClosesEach => {
            "Look for a `Connection: close` header that this client sets; `urllib.request` always \
             sends it, aiohttp with `force_close=True`. In a Python server: `http.server` needs \
             `protocol_version = \"HTTP/1.1\"`, gunicorn a worker other than `sync`."
        }
        Code::PeerIdleTimeout | Code::StaleReuse => {
            "Drop idle connections before the server does: `aiohttp.TCPConnector(keepalive_timeout=)` \
             (15 s), `httpx.Limits(keepalive_expiry=)` (5 s); for requests mount \
             `HTTPAdapter(max_retries=)`; SQLAlchemy `pool_pre_ping=True` and `pool_recycle`."
        }
        Code::ClientIdleTimeout => {
            "Raise `httpx.Limits(keepalive_expiry=)` (5 s by default), \
             `aiohttp.TCPConnector(keepalive_timeout=)` (15 s) above the pause between requests."
        }
        Code::CancelledExchange => {
            "Compare `timeout=` (requests: `(connect, read)`; httpx: 5 s by default; \
             `aiohttp.ClientTimeout`) and `asyncio.wait_for` with how long the server takes."
        }
        Code::CloseWaitLeak => {
            "Use each response and socket in a `with` block, also on error paths; close the Session \
             when done. A pooled `requests` connection closes only when it is next used: fewer \
             Sessions leave fewer."
        }
        Code::ConnectTimeout | Code::DialCancelled => {
            "Set `timeout=(3.05, READ)` in requests (none by default), `httpx.Timeout(connect=)`, \
             `aiohttp.ClientTimeout(sock_connect=)`; above one second for a lost SYN."
        }
        Code::ClientRecycles => {
            "Make one `Session`, `httpx.Client` or engine for the process, not one per job. Where a pool \
             drops them by age, raise SQLAlchemy `pool_recycle` or psycopg_pool `max_lifetime` (1 h)."
        }
        _ => return None,
    })
}
