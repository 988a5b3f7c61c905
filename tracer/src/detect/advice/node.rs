//! Advice for Node.js: `http.Agent`, undici, pools of database clients.

use crate::detect::Code;

pub(super) const fn of(code: Code) -> Option<&'static str> {
    Some(match code {
        Code::OneShot => {
            "Pass one shared `new http.Agent({ keepAlive: true })` (and `https.Agent`) to every \
             request: before Node 19 the default agent does not keep alive. Look for `agent: false`; \
             with a database use a pool, e.g. `new pg.Pool()`."
        }
        Code::UnreadClose => {
            "Consume each answer: `res.resume()` where the body is not wanted, `await \
             response.body.cancel()` only where the connection may go; do not `destroy()` it."
        }
        Code::PoolTooSmall => {
            "Raise `maxFreeSockets` of the `http.Agent` (256 by default) to the number of requests \
             at a time, or bound those with `maxSockets`; with a database `max` of `pg.Pool` (10)."
        }
        Code::Hoard => {
            "Share one `http.Agent` instead of one per request, consume each answer \
             (`res.resume()`), and set `maxSockets`; with `pg.Pool` call `client.release()` in \
             `finally`."
        }
        Code::PeerClosesEach => {
            "Look for requests without `keepAlive: true` in their `http.Agent`: before Node 19 they \
             send `Connection: close`."
        }
        Code::PeerIdleTimeout | Code::StaleReuse => {
            "Drop idle sockets before the server does: `timeout` of the `http.Agent`, undici \
             `keepAliveTimeout` (4 s). If the server is Node, raise `server.keepAliveTimeout` (5 s \
             by default) and `headersTimeout` above it."
        }
        Code::ClientIdleTimeout => {
            "Raise undici `keepAliveTimeout` (4 s by default), `timeout` of the `http.Agent`, or \
             `idleTimeoutMillis` of `pg.Pool` (10 s) above the pause between requests."
        }
        Code::CancelledExchange => {
            "Compare `AbortSignal.timeout(ms)`, `request.setTimeout` or undici `bodyTimeout` with \
             how long the server takes."
        }
        Code::CloseWaitLeak => {
            "Look for sockets with `allowHalfOpen: true` that nobody ends, and for answers that are \
             paused and never consumed (`res.resume()`)."
        }
        Code::ConnectTimeout | Code::DialCancelled => {
            "Set undici `connect: { timeout }` (10 s by default) or `AbortSignal.timeout(ms)`; of \
             several addresses `autoSelectFamilyAttemptTimeout` (250 ms in Node 20) gives each one up, which is \
             too little for a far host."
        }
        Code::AbortiveClose => "Replace `socket.resetAndDestroy()` by `socket.end()`.",
        Code::ClientRecycles => {
            "Look for undici `maxRequestsPerClient`, `maxUses` of `pg.Pool`, and agents that are \
             rebuilt or `destroy()`ed."
        }
        _ => return None,
    })
}
