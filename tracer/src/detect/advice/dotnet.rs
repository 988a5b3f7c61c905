//! Advice for .NET: `HttpClient` and ADO.NET pools.

use crate::detect::Code;

pub(super) const fn of(code: Code) -> Option<&'static str> {
    Some(match code {
        Code::OneShot => {
            "Share one static `HttpClient`, or take it from `IHttpClientFactory`; do not make and \
             dispose one per request. Look for `DefaultRequestHeaders.ConnectionClose` and, with a \
             database, `Pooling=false` in the connection string."
        }
        Code::UnreadClose => {
            "With `HttpCompletionOption.ResponseHeadersRead` read the content before disposing the \
             response, or raise `SocketsHttpHandler.MaxResponseDrainSize` (1 MB)."
        }
        Code::PoolTooSmall => {
            "Share one `SocketsHttpHandler`: it keeps every idle connection unless \
             `PooledConnectionIdleTimeout` ends it, so look for handlers that are rebuilt; with a \
             database raise `Min Pool Size`."
        }
        Code::Hoard => {
            "Share one `HttpClient`, dispose every `HttpResponseMessage`, and set \
             `SocketsHttpHandler.MaxConnectionsPerServer` (unbounded by default); with a database \
             `Max Pool Size` and `await using` for each connection."
        }
        Code::PeerIdleTimeout | Code::StaleReuse => {
            "Set `SocketsHttpHandler.PooledConnectionIdleTimeout` (1 min, 2 min before .NET 6) below \
             the server's keep-alive timeout. If the server is Kestrel: `Limits.KeepAliveTimeout` \
             (130 s)."
        }
        Code::ClientIdleTimeout => {
            "Raise `SocketsHttpHandler.PooledConnectionIdleTimeout` (1 min, 2 min before .NET 6) \
             above the pause between requests; with Npgsql `Connection Idle Lifetime`."
        }
        Code::CancelledExchange => {
            "Compare `HttpClient.Timeout` (100 s by default) and each `CancellationToken` with how \
             long the server takes."
        }
        Code::CloseWaitLeak => {
            "Dispose every `HttpResponseMessage`, `Stream` and `Socket` with `using`, also on error \
             paths."
        }
        Code::ConnectTimeout | Code::DialCancelled => {
            "Set `SocketsHttpHandler.ConnectTimeout` (none by default) to a few seconds, above one \
             second for a lost SYN."
        }
        Code::AbortiveClose => "Drop `LingerOption(true, 0)` and `Socket.Close(0)`.",
        Code::ClientRecycles => {
            "Raise `SocketsHttpHandler.PooledConnectionLifetime` (unbounded by default) or the \
             factory's `SetHandlerLifetime` (2 min)."
        }
        _ => return None,
    })
}
