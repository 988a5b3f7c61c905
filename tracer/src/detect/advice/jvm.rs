//! Advice for the JVM: the JDK's clients, Apache `HttpClient`, `OkHttp`, `HikariCP`.

use crate::detect::Code;

pub(super) const fn of(code: Code) -> Option<&'static str> {
    Some(match code {
        Code::OneShot => {
            "Share one `java.net.http.HttpClient` (or `OkHttpClient`, `CloseableHttpClient`); with \
             `HttpURLConnection` read the body and `getErrorStream()` to the end and do not \
             `disconnect()`. Check `-Dhttp.keepAlive`. With a database use a `DataSource` with a \
             pool, e.g. `HikariDataSource`."
        }
        Code::UnreadClose => {
            "Read the body to its end before closing it: `BodyHandlers.discarding()`, with Apache \
             `EntityUtils.consume(entity)` before `response.close()`, with `HttpURLConnection` also \
             `getErrorStream()`."
        }
        Code::PoolTooSmall => {
            "Raise the pool: Apache `setDefaultMaxPerRoute` (2 in version 4, 5 in version 5), OkHttp \
             `ConnectionPool(maxIdleConnections)` (5), `HttpURLConnection` `-Dhttp.maxConnections` \
             (5), HikariCP `minimumIdle`."
        }
        Code::Hoard => {
            "Share one `HttpClient` instead of building one per request, and close every response \
             (try-with-resources). Bound the pool: Apache `setMaxTotal`, \
             `-Djdk.httpclient.connectionPoolSize`, HikariCP `maximumPoolSize` with \
             `leakDetectionThreshold`."
        }
        Code::PeerIdleTimeout | Code::StaleReuse => {
            "Drop idle connections before the server does: `-Djdk.httpclient.keepalive.timeout` (30 \
             s since Java 20, 1200 s before), Apache `setValidateAfterInactivity` and \
             `evictIdleConnections`, OkHttp `ConnectionPool` (5 min), HikariCP `maxLifetime`."
        }
        Code::ClientIdleTimeout => {
            "Raise `-Djdk.httpclient.keepalive.timeout` (30 s since Java 20), OkHttp's \
             `ConnectionPool(maxIdle, keepAliveDuration)` or HikariCP's `idleTimeout` above the \
             pause between requests."
        }
        Code::CancelledExchange => {
            "Compare `HttpRequest.Builder.timeout` (OkHttp `callTimeout`, Apache \
             `setResponseTimeout`) with how long the server takes."
        }
        Code::CloseWaitLeak => {
            "Close responses and sockets with try-with-resources, also on error paths; let Apache \
             `evictExpiredConnections()` and `evictIdleConnections()` close what the server has \
             closed."
        }
        Code::ConnectTimeout | Code::DialCancelled => {
            "Set `HttpClient.Builder.connectTimeout` (none by default; `HttpURLConnection` \
             `setConnectTimeout`, JDBC `connectTimeout`) to a few seconds, above one second for a \
             lost SYN."
        }
        Code::AbortiveClose => "Drop `Socket.setSoLinger(true, 0)`: it resets the peer.",
        Code::ClientRecycles => {
            "Raise HikariCP `maxLifetime` (30 min by default), Apache `setConnectionTimeToLive`; \
             look for clients that are rebuilt."
        }
        _ => return None,
    })
}
