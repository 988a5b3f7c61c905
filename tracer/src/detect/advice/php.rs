//! Advice for PHP: its curl extension, streams, PDO, phpredis. What a script opens ends with it.

use crate::detect::Code;

pub(super) const fn of(code: Code) -> Option<&'static str> {
    Some(match code {
        Code::OneShot => {
            "Reuse one curl handle (`curl_init` once, `curl_setopt` per request) or one Guzzle \
             `Client`; look for `CURLOPT_FORBID_REUSE` and `CURLOPT_FRESH_CONNECT`. Across requests \
             of FPM: `PDO::ATTR_PERSISTENT`, phpredis `pconnect`, `curl_share_init_persistent` \
             (8.5), or a local proxy."
        }
        Code::ShortLivedProcess => {
            "Run one worker that stays instead of a script per job (`pm = static` or `dynamic` in \
             FPM in place of `ondemand` or CGI); between scripts only a local proxy or pooler can \
             keep connections."
        }
        Code::UnreadClose => {
            "Read the stream to its end (`stream_get_contents`) before `fclose`; do not return \
             early from `CURLOPT_WRITEFUNCTION`."
        }
        Code::PoolTooSmall => "Raise `CURLMOPT_MAXCONNECTS` of the multi handle.",
        Code::PeerClosesEach => {
            "Streams (`file_get_contents`) send `Connection: close`: use curl, and there no such \
             header in `CURLOPT_HTTPHEADER`."
        }
        Code::PeerIdleTimeout | Code::StaleReuse => {
            "Set `CURLOPT_MAXAGE_CONN` (118 s by default) below the server's keep-alive timeout; for \
             persistent database connections raise the server's (`wait_timeout` of MySQL) or \
             reconnect on error."
        }
        Code::CancelledExchange => {
            "Compare `CURLOPT_TIMEOUT_MS` and `default_socket_timeout` (60 s) with how long the \
             server takes."
        }
        Code::ConnectTimeout | Code::DialCancelled => {
            "Set `CURLOPT_CONNECTTIMEOUT_MS` (300 s by default) to a few seconds, above one second \
             for a lost SYN; for PDO `PDO::ATTR_TIMEOUT`."
        }
        _ => return None,
    })
}
