//! Every threshold of every detector: name, default and reason. Owns no judgement.

use super::{Threshold, ThresholdError, Unit, Value, unknown};

thresholds! {
    one_shot_min_connections: u64 = 10, Count, "one-shot.min-connections",
        "Fewer are noise: a start-up or a page load makes that many without being at fault.";
    one_shot_max_idle_s: f64 = 0.1, Seconds, "one-shot.max-idle",
        "No pool has an idle timeout that short; a close this soon after the answer waits for nothing.";
    one_shot_min_turnover: u64 = 5, Count, "one-shot.min-turnover",
        "Connections per most open at once, which is what a pool would have needed: a burst stays below.";
    one_shot_min_share: f64 = 0.8, Share, "one-shot.min-share",
        "A pool that is only too small closes a part of its connections after one exchange, not nearly all.";
    one_shot_max_redial_s: f64 = 0.5, Seconds, "one-shot.max-redial",
        "Health checks and pollers come every second or slower and gain little from a kept connection.";
    one_shot_tls_exchanges: u64 = 3, Count, "one-shot.tls-exchanges",
        "A TLS handshake counts as one exchange (1.3) or two (1.2), before the request.";
    one_shot_warn_interval_s: f64 = 1.0, Seconds, "one-shot.warn-interval",
        "A handshake a second is nothing that a host feels: from one to the next longer than this is information.";
    unread_min_connections: u64 = 5, Count, "unread-close.min-connections",
        "One or two answers are abandoned in any client, by a timeout or a shutdown.";
    unread_min_share: f64 = 0.2, Share, "unread-close.min-share",
        "Bodies left unread on an error path show as a part of the closes, not as most; below a fifth they hardly cost.";
    unread_min_request_share: f64 = 0.01, Share, "unread-close.min-request-share",
        "Of the requests: fewer hardly cost, and a proxy whose clients abort downloads closes some so.";
    unread_stream_s: f64 = 1.0, Seconds, "unread-close.stream",
        "An answer whose connection is closed after longer may be a stream or a download that nobody wants any more.";
    unread_tls_goodbye_bytes: u64 = 64, Bytes, "unread-close.tls-goodbye",
        "A TLS peer's farewell (a close alert of 24 to 31 bytes; with an HTTP/2 GOAWAY still under 64) is read by nobody.";
    pool_min_connections: u64 = 10, Count, "pool-too-small.min-connections",
        "A pool that settles drops a few.";
    pool_max_idle_s: f64 = 0.1, Seconds, "pool-too-small.max-idle",
        "A connection for which a pool has no room is closed as it comes back; an idle timeout waits for longer.";
    pool_max_exchanges: u64 = 5, Count, "pool-too-small.max-exchanges",
        "One dropped after more has paid for its handshake.";
    pool_min_share: f64 = 0.5, Share, "pool-too-small.min-share",
        "Where most connections end otherwise, something else ends them.";
    pool_min_span_s: f64 = 1.0, Seconds, "pool-too-small.min-span",
        "A single burst is over sooner.";
    pool_max_idle_dials: f64 = 0.2, Share, "pool-too-small.max-idle-dials",
        "A pool takes an idle connection before it dials; a client that does not is not short of them.";
    pool_warn_interval_s: f64 = 1.0, Seconds, "pool-too-small.warn-interval",
        "A handshake a second is nothing that a host feels: from one to the next longer than this is information.";
    hoard_min_connections: u64 = 10, Count, "hoard.min-connections",
        "Default pools keep two to ten idle connections per destination.";
    hoard_min_idle_s: f64 = 1.0, Seconds, "hoard.min-idle",
        "Shorter is the pause between two requests of a busy client.";
    hoard_min_span_s: f64 = 3.0, Seconds, "hoard.min-span",
        "A pool that warms up or a burst opens its connections within a second or two.";
    hoard_min_rises: u64 = 3, Count, "hoard.min-rises",
        "A pile that is higher at three later moments grows steadily; one step is a burst, two a burst across a tick.";
    hoard_min_growth: u64 = 5, Count, "hoard.min-growth",
        "Half the least pile: a set that was there from the start and gained a few is a pool.";
    hoard_min_share: f64 = 0.5, Share, "hoard.min-share",
        "In a working pool most connections have been used again.";
    hoard_recent_s: f64 = 3.0, Seconds, "hoard.recent",
        "Dials must go on until now (this long ago, or the last quarter of the observation): a pool that is full stops dialling.";
    short_lived_min_processes: u64 = 10, Count, "short-lived-process.min-processes",
        "Fewer are commands typed or a script's start-up.";
    short_lived_min_turnover: u64 = 5, Count, "short-lived-process.min-turnover",
        "Processes per most connections open at once: workers started side by side stay below.";
    short_lived_max_gap_s: f64 = 1.0, Seconds, "short-lived-process.max-gap",
        "Container health checks and cron jobs start a process every few seconds at most.";
    short_lived_max_lead_s: f64 = 5.0, Seconds, "short-lived-process.max-lead",
        "A command dials soon after its start, also one that loads a runtime first; most have to, or they are workers that stay.";
    short_lived_min_share: f64 = 0.8, Share, "short-lived-process.min-share",
        "Where the peer or the network ends the connections, the processes are not the cause.";
    close_wait_min_age_s: f64 = 5.0, Seconds, "close-wait-leak.min-age",
        "A process that is going to close after the peer's FIN does so when it next reads: within one request, not seconds later.";
    close_wait_min_connections: u64 = 10, Count, "close-wait-leak.min-connections",
        "An idle pool whose server timed out leaves a handful until it is next used.";
    close_wait_min_growth: u64 = 5, Count, "close-wait-leak.min-growth",
        "A leak grows; what only sits there since the start is an idle pool or an old accident.";
    close_wait_min_rises: u64 = 2, Count, "close-wait-leak.min-rises",
        "A server that restarts or times a whole pool out at once makes one step.";
    refused_min_dials: u64 = 5, Count, "connect-refused.min-dials",
        "Clients retry one or two dials by themselves.";
    refused_min_share: f64 = 0.5, Share, "connect-refused.min-share",
        "Below half, the destination works and a backend behind it comes and goes.";
    refused_blip_s: f64 = 1.0, Seconds, "connect-refused.blip",
        "A listener that restarts is away for less than a second, and the retries succeed.";
    port_min_held: f64 = 0.1, Share, "port-pressure.min-held",
        "With fewer of the ports in use a rate is too young to be believed.";
    port_min_projected: f64 = 0.8, Share, "port-pressure.min-projected",
        "The kernel searches longer for a free port the fewer are left, and rates are not that steady.";
    port_min_failures: u64 = 3, Count, "port-pressure.min-failures",
        "One or two may be the fault of a program that chose its own port.";
    cancelled_min_connections: u64 = 5, Count, "cancelled-exchange.min-connections",
        "One or two requests are given up in any client, by its user or its caller.";
    cancelled_min_share: f64 = 0.2, Share, "cancelled-exchange.min-share",
        "Of the requests, where no constant time names a timeout: hedged requests and callers that go away stay below.";
    cancelled_min_timeout_share: f64 = 0.01, Share, "cancelled-exchange.min-timeout-share",
        "Of the requests, where a constant time does: a timeout that one in a hundred meets is no accident.";
    cancelled_min_wait_s: f64 = 0.02, Seconds, "cancelled-exchange.min-wait",
        "A farewell (TLS close alert, GOAWAY, QUIT, Terminate) is written right before the close; two ticks of the slowest clock are 20 ms.";
    cancelled_min_span_s: f64 = 1.0, Seconds, "cancelled-exchange.min-span",
        "A shutdown gives up all that is outstanding at one moment.";
    cancelled_tls_max_wait_s: f64 = 5.0, Seconds, "cancelled-exchange.tls-max-wait",
        "HTTP/2 writes control frames after the answer, so an idle connection looks unanswered; pools close idle ones after 5 s at the earliest.";
    timeout_min_dials: u64 = 5, Count, "connect-timeout.min-dials",
        "Clients retry one or two dials by themselves.";
    timeout_min_share: f64 = 0.1, Share, "connect-timeout.min-share",
        "Where packets are lost, a hundredth of the first SYNs is; a tenth without an answer is no loss.";
    timeout_min_wait_s: f64 = 1.0, Seconds, "connect-timeout.min-wait",
        "The kernel repeats a SYN after one second: what waits longer got no answer to the first.";
    unreachable_min_dials: u64 = 5, Count, "connect-unreachable.min-dials",
        "Clients retry one or two dials by themselves.";
    unreachable_min_share: f64 = 0.5, Share, "connect-unreachable.min-share",
        "Below half, the destination is reached and a route or a host behind it comes and goes.";
    given_up_min_dials: u64 = 5, Count, "dial-cancelled.min-dials",
        "One or two dials are given up in any client, because the request that wanted them ended.";
    given_up_min_share: f64 = 0.2, Share, "dial-cancelled.min-share",
        "Requests that are cancelled before they have a connection give up a part of the dials, below a fifth.";
    given_up_min_span_s: f64 = 1.0, Seconds, "dial-cancelled.min-span",
        "A shutdown, or one cancelled request, gives up all its dials at one moment.";
    resets_min_connections: u64 = 5, Count, "resets-received.min-connections",
        "Single resets come with any crash or failover of a peer.";
    resets_min_share: f64 = 0.1, Share, "resets-received.min-share",
        "Of the ended connections; in a pool that works few end at all, so a tenth is much.";
    resets_min_request_share: f64 = 0.001, Share, "resets-received.min-request-share",
        "Of the requests: where fewer than one in a thousand fail, most services keep their promise (99.9 %).";
    resets_blip_s: f64 = 1.0, Seconds, "resets-received.blip",
        "A peer that restarts resets all its connections within a second.";
    resets_long_idle_s: f64 = 30.0, Seconds, "resets-received.long-idle",
        "Firewalls, NAT and balancers forget an idle connection after about a minute at the earliest.";
    sent_min_connections: u64 = 5, Count, "resets-sent.min-connections",
        "Single clients give up or misbehave at any server.";
    sent_min_share: f64 = 0.1, Share, "resets-sent.min-share",
        "Of the ended connections: scanners and broken clients are a small part of the traffic.";
    abortive_min_connections: u64 = 10, Count, "abortive-close.min-connections",
        "Error paths abort single connections on purpose.";
    abortive_min_share: f64 = 0.5, Share, "abortive-close.min-share",
        "Below half, it is how errors are ended, not how connections are.";
    abortive_max_pause_s: f64 = 0.5, Seconds, "abortive-close.max-pause",
        "From one to the next (mean), where nothing is lost and most carry one exchange: health checks come every second or slower.";
    abortive_min_loss_share: f64 = 0.1, Share, "abortive-close.min-loss-share",
        "Of the aborted ones: data that was not acknowledged yet is thrown away.";
    peer_each_min_connections: u64 = 10, Count, "peer-closes-each.min-connections",
        "Fewer are noise: a start-up or a page load makes that many without being at fault.";
    peer_each_min_share: f64 = 0.8, Share, "peer-closes-each.min-share",
        "A server that closes each closes nearly all; one that closes some has another reason, such as an error page.";
    peer_each_max_idle_s: f64 = 0.1, Seconds, "peer-closes-each.max-idle",
        "No server has an idle timeout that short; a FIN this soon after the answer waits for nothing.";
    peer_each_max_age_s: f64 = 2.0, Seconds, "peer-closes-each.max-age",
        "The shortest idle timeout that is common on servers; a dial for a request that takes longer, such as long polling, costs little.";
    peer_each_min_turnover: u64 = 5, Count, "peer-closes-each.min-turnover",
        "Connections per most open at once: a burst or a restart stays below.";
    peer_each_max_redial_s: f64 = 0.5, Seconds, "peer-closes-each.max-redial",
        "Health checks and pollers come every second or slower and gain little from a kept connection.";
    peer_each_warn_interval_s: f64 = 1.0, Seconds, "peer-closes-each.warn-interval",
        "A handshake a second is nothing that a host feels: from one to the next longer than this is information.";
    peer_recycles_min_connections: u64 = 5, Count, "peer-recycles.min-connections",
        "Fewer that agree can be chance.";
    peer_recycles_min_share: f64 = 0.5, Share, "peer-recycles.min-share",
        "Where most end in other ways, the redials belong to those.";
    peer_recycles_max_idle_s: f64 = 0.1, Seconds, "peer-recycles.max-idle",
        "A connection used that short a time ago was not closed for being idle.";
    peer_recycles_max_spread: f64 = 0.1, Share, "peer-recycles.max-spread",
        "From the tenth to the ninetieth percentile, of the median: a counter is exact, an age ends with the request in hand.";
    peer_recycles_min_moments: u64 = 3, Count, "peer-recycles.min-moments",
        "Seconds with a close: a pool opened and closed at one time, by a restart, has one age too.";
    peer_recycles_max_redial_s: f64 = 1.0, Seconds, "peer-recycles.max-redial",
        "A connection in use is missed at the next request.";
    peer_recycles_max_exchanges: u64 = 1000, Count, "peer-recycles.max-exchanges",
        "One dial for this many exchanges (what nginx allows) costs nothing and lets load spread.";
    peer_recycles_max_age_s: f64 = 60.0, Seconds, "peer-recycles.max-age",
        "One dial a minute costs nothing and lets load spread.";
    peer_recycles_warn_exchanges: u64 = 100, Count, "peer-recycles.warn-exchanges",
        "From one dial for a hundred exchanges on the handshakes hardly show in latency: information.";
    peer_recycles_warn_interval_s: f64 = 1.0, Seconds, "peer-recycles.warn-interval",
        "A handshake a second is nothing that a host feels: from one to the next longer than this is information.";
    peer_idle_min_connections: u64 = 3, Count, "peer-idle-timeout.min-connections",
        "One long pause is no pattern, two that agree can be chance.";
    peer_idle_min_moments: u64 = 3, Count, "peer-idle-timeout.min-moments",
        "Seconds with a close: a restart or failover closes a whole pool at one moment.";
    peer_idle_min_share: f64 = 0.5, Share, "peer-idle-timeout.min-share",
        "Where most end in other ways, the redials belong to those.";
    peer_idle_min_idle_s: f64 = 0.1, Seconds, "peer-idle-timeout.min-idle",
        "A server that closes sooner closes after each answer.";
    peer_idle_max_spread: f64 = 0.25, Share, "peer-idle-timeout.max-spread",
        "From the tenth to the ninetieth percentile, of the median: timers are exact, but many pools look only once a second.";
    peer_idle_max_redial: f64 = 1.0, Ratio, "peer-idle-timeout.max-redial",
        "The redial comes within this many idle times: twice the timeout would have kept the connection; a poller comes back later.";
    peer_idle_warn_interval_s: f64 = 1.0, Seconds, "peer-idle-timeout.warn-interval",
        "A handshake a second is nothing that a host feels: from one to the next longer than this is information.";
    client_idle_min_connections: u64 = 3, Count, "client-idle-timeout.min-connections",
        "One long pause is no pattern, two that agree can be chance.";
    client_idle_min_moments: u64 = 3, Count, "client-idle-timeout.min-moments",
        "Seconds with a close: a job that ends closes its whole pool at one moment.";
    client_idle_min_share: f64 = 0.5, Share, "client-idle-timeout.min-share",
        "Where most end in other ways, the redials belong to those.";
    client_idle_min_idle_s: f64 = 0.1, Seconds, "client-idle-timeout.min-idle",
        "A client that closes sooner closes after each answer.";
    client_idle_max_spread: f64 = 0.25, Share, "client-idle-timeout.max-spread",
        "From the tenth to the ninetieth percentile, of the median: timers are exact, but many pools look only once a second.";
    client_idle_max_idle_s: f64 = 60.0, Seconds, "client-idle-timeout.max-idle",
        "A dial a minute costs nothing; default idle timeouts of clients are a minute or longer.";
    client_idle_max_redial: f64 = 1.0, Ratio, "client-idle-timeout.max-redial",
        "The redial comes within this many idle times: twice the timeout would have kept the connection; a poller comes back later.";
    client_idle_warn_interval_s: f64 = 1.0, Seconds, "client-idle-timeout.warn-interval",
        "A handshake a second is nothing that a host feels: from one to the next longer than this is information.";
    stale_min_connections: u64 = 3, Count, "stale-reuse.min-connections",
        "Each is a request that failed or was sent again; one or two are chance.";
    stale_goodbye_bytes: u64 = 17, Bytes, "stale-reuse.goodbye",
        "A farewell in answer to the FIN: QUIT, Terminate, an HTTP/2 GOAWAY of 17 bytes. On TLS ports `unread-close.tls-goodbye` counts.";
    stale_min_idle_s: f64 = 0.1, Seconds, "stale-reuse.min-idle",
        "A connection used a shorter time before the FIN may still be sending an upload.";
    stale_max_request_bytes: u64 = 65536, Bytes, "stale-reuse.max-request",
        "More than this sent after the FIN, on a connection in use, is an upload that the server refuses.";
    stale_min_moments: u64 = 2, Count, "stale-reuse.min-moments",
        "Seconds with an end: a server that restarts closes a whole pool at one moment, and its clients retry: information.";
    stale_error_share: f64 = 0.01, Share, "stale-reuse.error-share",
        "Of all requests: one in a hundred that fails is an outage to somebody.";
    client_recycles_min_connections: u64 = 10, Count, "client-recycles.min-connections",
        "Fewer are noise: a start-up or a few jobs make that many.";
    client_recycles_min_share: f64 = 0.8, Share, "client-recycles.min-share",
        "A client that drops by habit drops nearly all; a pool keeps some.";
    client_recycles_min_turnover: u64 = 5, Count, "client-recycles.min-turnover",
        "Connections per most open at once: a burst or a job with its own pool stays below.";
    client_recycles_max_idle_s: f64 = 0.1, Seconds, "client-recycles.max-idle",
        "A connection used that short a time ago was not closed for being idle.";
    client_recycles_max_redial_s: f64 = 0.5, Seconds, "client-recycles.max-redial",
        "Pollers and jobs come every second or slower and gain little from a kept connection.";
    client_recycles_few: u64 = 20, Count, "client-recycles.few",
        "At up to this many exchanges (median) the handshakes are a twentieth or more of the round trips.";
    client_recycles_max_exchanges: u64 = 200, Count, "client-recycles.max-exchanges",
        "A bound of hundreds of requests, though constant, costs nothing.";
    client_recycles_min_moments: u64 = 3, Count, "client-recycles.min-moments",
        "Seconds with a close, for a constant count or age: a pool closed at one moment has one age too.";
    client_recycles_max_spread: f64 = 0.1, Share, "client-recycles.max-spread",
        "From the tenth to the ninetieth percentile, of the median: a counter is exact, an age ends with the request in hand.";
    client_recycles_min_age_s: f64 = 1.0, Seconds, "client-recycles.min-age",
        "Nobody sets a lifetime below a second; jobs of one length are that short.";
    client_recycles_max_age_s: f64 = 60.0, Seconds, "client-recycles.max-age",
        "One dial a minute costs nothing and lets load spread.";
    client_recycles_warn_interval_s: f64 = 1.0, Seconds, "client-recycles.warn-interval",
        "A handshake a second is nothing that a host feels: from one to the next longer than this is information.";
}
