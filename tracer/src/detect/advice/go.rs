//! Advice for Go: `net/http` and `database/sql`.

use crate::detect::Code;

pub(super) const fn of(code: Code) -> Option<&'static str> {
    Some(match code {
        Code::OneShot => {
            "Share one `http.Client` with one `http.Transport`; read `resp.Body` to its end, then \
             close it. Look for `DisableKeepAlives`, `Request.Close` and a Transport per request. \
             With a database share one `sql.DB`: do not `sql.Open` and `Close` per query."
        }
        Code::UnreadClose => {
            "Before `resp.Body.Close()` read the rest: `io.Copy(io.Discard, io.LimitReader(resp.Body, \
             64<<10))`, on error paths too; `json.Decoder` stops before the end. If the rest is not \
             wanted, ask for less."
        }
        Code::PoolTooSmall => {
            "Raise `Transport.MaxIdleConnsPerHost` (2 by default) to the number of requests at a \
             time, and `MaxIdleConns` (100) above it. With a database raise `DB.SetMaxIdleConns` \
             (2 by default)."
        }
        Code::Hoard => {
            "Do not make an `http.Transport` per request, and close every `resp.Body`. Set \
             `IdleConnTimeout` (a Transport of your own has none) and `MaxConnsPerHost`; with a \
             database `DB.SetMaxOpenConns`, and close every `sql.Rows`."
        }
        Code::PeerClosesEach => {
            "Look for `Request.Close` or a `Connection: close` header that this client sets; if \
             there is none, it is the server: in Go `Server.SetKeepAlivesEnabled(false)`."
        }
        Code::PeerIdleTimeout | Code::StaleReuse => {
            "Set `Transport.IdleConnTimeout` (90 s by default) below the server's keep-alive \
             timeout. Go repeats idempotent requests by itself: give others an `Idempotency-Key` \
             header and a `Request.GetBody`."
        }
        Code::ClientIdleTimeout => {
            "Raise `Transport.IdleConnTimeout` (90 s by default) above the pause between requests; \
             with a database `DB.SetConnMaxIdleTime`."
        }
        Code::CancelledExchange => {
            "Compare `http.Client.Timeout` and the deadlines of `context.WithTimeout` with how long \
             the server takes; a `cancel()` before the body is read ends the connection too."
        }
        Code::CloseWaitLeak => {
            "`defer resp.Body.Close()` right after the error check, also where only the status \
             counts; close every `net.Conn` on each return of its handler. A Transport that is no \
             longer used needs `CloseIdleConnections()`."
        }
        Code::ConnectTimeout | Code::DialCancelled => {
            "Set `net.Dialer.Timeout` in `Transport.DialContext` (30 s in the default one) apart \
             from the deadline of the request: a context that ends during the dial cancels it."
        }
        Code::AbortiveClose => "Drop the call of `TCPConn.SetLinger(0)`: it resets the peer.",
        Code::ClientRecycles => {
            "Look for `Transport.CloseIdleConnections()`, a Transport in a `sync.Pool`, and with a \
             database `DB.SetConnMaxLifetime`."
        }
        _ => return None,
    })
}
