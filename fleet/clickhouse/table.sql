-- Where the JSON lines of a fleet of tracers are kept: one table, a column per key of docs/output.md,
-- and two views that tell what every answer rests on. docs/fleet.md tells how lines get here.
--
-- Names. A column is called what the key is called, dots included, so that docs/output.md is the
-- documentation of this table too and a line is a row of JSONEachRow as it is. Write them in backquotes.
--
-- Absent. Text, ports and numbers that are never 0 hold '' or 0 where the key is absent: the contract
-- has no such value. Numbers that may be 0 are Nullable where an absent one means unknown. The others
-- are never absent from the lines they belong to; they are 0 or false in all further lines, so
-- filter by `event.name` first.
--
-- Objects and arrays are kept as JSON text. Columns of type Map and Array cannot have these names: the
-- engine takes what precedes the first dot for a Nested structure, whose parts share files and lengths.
-- JSONExtract(`tracer.lost`, 'Map(String, UInt64)') and the like read them; there are few such lines.
--
-- New keys. A newer tracer may add keys: they are skipped until a column is added by ALTER TABLE, and
-- nothing else breaks. That is the setting input_format_skip_unknown_fields = 1 of the one who inserts
-- (the default by now; set it all the same). Not a column of type JSON: it takes a server of 2025 or later,
-- guesses types line by line, and cannot tell a key that is misspelt in a query from an absent one.
--
-- Twice. Shippers deliver at least once. Lines that are the same are one row: the sorting key ends in a
-- hash of what names a line, and all queries read with FINAL.
--
-- Order. Of one event, of some hours, of some services is what is asked. A partition is a day, and is
-- dropped whole when it is 30 days old: 30 is a choice, as is the day; no query depends on either.

-- Tested with the engine of version 26.9. Views with parameters take 23.1 or later.

CREATE DATABASE IF NOT EXISTS tracer;

CREATE TABLE IF NOT EXISTS tracer.lines
(
    `timestamp` DateTime64(9, 'UTC') CODEC(Delta, ZSTD),
    `schema_version` UInt8,
    `event.name` LowCardinality(String),
    `host.name` LowCardinality(String),
    `process.pid` Nullable(UInt32),
    `process.vpid` Nullable(UInt32),
    `process.creation.time` Nullable(DateTime64(9, 'UTC')),
    `process.executable.name` LowCardinality(String),
    `process.executable.path` LowCardinality(String),
    `process.runtime.name` LowCardinality(String),
    `process.runtime.version` LowCardinality(String),
    `process.command` String,
    `process.linux.cgroup` String,
    `container.id` String,
    `container.runtime` LowCardinality(String),
    `k8s.pod.uid` String,
    `k8s.namespace.name` LowCardinality(String),
    `k8s.pod.name` String,
    `k8s.container.name` LowCardinality(String),
    `tracer.netns` UInt32,
    `network.transport` LowCardinality(String),
    `network.type` LowCardinality(String),
    `network.local.address` LowCardinality(String),
    `network.local.port` UInt16,
    `network.peer.address` String,
    `network.peer.port` UInt16,
    `tracer.role` LowCardinality(String),
    `server.address` LowCardinality(String),
    `server.port` UInt16,
    `tracer.open.cause` LowCardinality(String),
    `tracer.close.cause` LowCardinality(String),
    `tracer.close.how` LowCardinality(String),
    `tracer.close.initiator` LowCardinality(String),
    `tracer.close.pid` Nullable(UInt32),
    `tracer.close.rst` LowCardinality(String),
    `tracer.close.rst_reason` LowCardinality(String),
    `tracer.close.errno` UInt16,
    `tracer.close.after_peer_fin` Bool,
    `tracer.close.late_peer_data` Bool,
    `tracer.unread_bytes` Nullable(UInt64),
    `tracer.unacked_bytes` Nullable(UInt64),
    `tracer.bytes_sent_after_peer_fin` Nullable(UInt64),
    `tracer.bytes_sent` Nullable(UInt64),
    `tracer.bytes_received` Nullable(UInt64),
    `tracer.exchanges` UInt64,
    `tracer.exchanges_basis` LowCardinality(String),
    `tracer.unanswered` Bool,
    `tracer.connect_s` Nullable(Float64),
    `tracer.duration_s` Nullable(Float64),
    `tracer.idle_before_close_s` Nullable(Float64),
    `tracer.srtt_s` Nullable(Float64),
    `tracer.retransmits` Nullable(UInt32),
    `tracer.socket_cookie` Nullable(UInt64),
    `tracer.start_known` Bool,
    `tracer.subject` LowCardinality(String),
    `tracer.processes` Nullable(UInt32),
    `tracer.window_s` Float64,
    `tracer.connections_opened` UInt64,
    `tracer.connections_closed` UInt64,
    `tracer.connections_open` UInt64,
    `tracer.connections_preexisting` UInt64,
    `tracer.connections_failed` UInt64,
    `tracer.connections_peak` UInt64,
    `tracer.connections_used` UInt64,
    `tracer.reuse_ratio` Nullable(Float64),
    `tracer.redials` Nullable(UInt64),
    `tracer.opens` String CODEC(ZSTD(3)),
    `tracer.closes` String CODEC(ZSTD(3)),
    `tracer.duration_p50_s` Nullable(Float64),
    `tracer.duration_p99_s` Nullable(Float64),
    `tracer.finding.code` LowCardinality(String),
    `severity_text` LowCardinality(String),
    `tracer.finding.confidence` LowCardinality(String),
    `tracer.finding.summary` String,
    `tracer.finding.advice` LowCardinality(String),
    `tracer.finding.evidence` String CODEC(ZSTD(3)),
    `tracer.finding.ruled_out` String CODEC(ZSTD(3)),
    `tracer.finding.doubts` String CODEC(ZSTD(3)),
    `tracer.finding.also` String CODEC(ZSTD(3)),
    `tracer.finding.state` LowCardinality(String),
    `tracer.finding.consequences` String CODEC(ZSTD(3)),
    `tracer.finding.first_seen` DateTime64(9, 'UTC'),
    `tracer.finding.last_seen` DateTime64(9, 'UTC'),
    `tracer.finding.examples` String CODEC(ZSTD(3)),
    `tracer.not_enough.threshold` LowCardinality(String),
    `tracer.not_enough.have` UInt64,
    `tracer.not_enough.need` UInt64,
    `tracer.hooks` String CODEC(ZSTD(3)),
    `tracer.tier` LowCardinality(String),
    `tracer.reader` LowCardinality(String),
    `tracer.lost` String CODEC(ZSTD(3)),
    `tracer.seen_share` Nullable(Float64),
    `tracer.lost_of` String CODEC(ZSTD(3)),
    `tracer.lost_by_output` String CODEC(ZSTD(3)),
    `tracer.evicted` UInt64,
    `tracer.evicted_by_table` String CODEC(ZSTD(3)),
    `tracer.decode_errors` UInt64,
    `tracer.decode_errors_by_kind` String CODEC(ZSTD(3)),
    `tracer.connections_tracked` UInt64,
    `tracer.late_unjoined` UInt64,
    `tracer.interval_s` Nullable(Float64),
    `tracer.version` LowCardinality(String),
    `tracer.kernel` LowCardinality(String),
    -- As docs and tables print it: 10.0.0.1:443, [2001:db8::1]:443; empty where it is not known.
    destination String ALIAS if(
        `server.port` = 0, '',
        concat(
            if(position(`server.address`, ':') > 0, concat('[', `server.address`, ']'), `server.address`),
            ':', toString(`server.port`))),
    -- What names a line, whatever else it says. A connection: ends, cookie, time. A summary or a finding:
    -- whom it is about. A line of health: its counts.
    line UInt64 MATERIALIZED sipHash64(
        `host.name`, ifNull(`process.pid`, 0), `process.executable.name`, `process.linux.cgroup`,
        `tracer.subject`, `tracer.netns`, `tracer.role`, `server.address`, `server.port`,
        `network.local.address`, `network.local.port`, `network.peer.address`, `network.peer.port`,
        ifNull(`tracer.socket_cookie`, 0), `tracer.finding.code`, `tracer.finding.state`,
        `severity_text`, `tracer.not_enough.threshold`, `tracer.lost`, `tracer.closes`)
)
ENGINE = ReplacingMergeTree
PARTITION BY toDate(timestamp)
ORDER BY (`event.name`, toStartOfHour(timestamp), `process.executable.name`, `server.port`, timestamp, line)
TTL toDateTime(timestamp) + INTERVAL 30 DAY
SETTINGS ttl_only_drop_parts = 1;

-- One row per host that told anything in the window or in the hour before it, or of its health in the
-- day before it: what its tracer saw and lost in the window. SELECT * FROM tracer.hosts(from = '2026-01-31 12:00:00', to = '2026-01-31 13:00:00')
--
-- host            its name
-- lines           lines of any kind in the window; 0: it told nothing
-- last_line       the last one of those
-- connections     ended connections and failed dials that it told of
-- lost            reason -> how many since the last line of health before the window; `evicted`, of it
--                 `evicted_records` and `evicted_open`, and `decode_errors` as docs/output.md has them
-- lost_whole      connections that are missing here: of lost table_full, no_memory, ring_full, queue_full,
--                 decode_errors, evicted_records, evicted_open, and lines that were not written (output)
-- seen_share      connections / (connections + lost_whole): 1 if none is missing, at least so much
--                 otherwise, because a line that was not written need not be of a connection. Absent if
--                 there was none of both
-- tier, kernel, version, reader, hooks_missing, tracked    of the last line of health there is
--
-- Counts of health are over a run. Steps between neighbouring lines of one host are added; a count that
-- falls has begun anew. So two tracers of one host must not both feed this table: their lines
-- would take turns, and every connection would be there twice.
CREATE VIEW IF NOT EXISTS tracer.hosts AS
WITH
    told AS
    (
        SELECT
            `host.name` AS host,
            countIf(timestamp >= {from:DateTime64(9, 'UTC')}) AS lines,
            max(timestamp) AS last_line,
            countIf(timestamp >= {from:DateTime64(9, 'UTC')} AND `event.name` = 'tracer.connection.closed')
                AS connections
        FROM tracer.lines FINAL
        WHERE timestamp >= {from:DateTime64(9, 'UTC')} - INTERVAL 1 DAY
            AND timestamp < {to:DateTime64(9, 'UTC')}
            AND (`event.name` = 'tracer.health' OR timestamp >= {from:DateTime64(9, 'UTC')} - INTERVAL 1 HOUR)
        GROUP BY host
    ),
    health AS
    (
        SELECT
            `host.name` AS host,
            timestamp,
            JSONExtract(`tracer.evicted_by_table`, 'Map(String, UInt64)') AS evicted,
            mapConcat(
                JSONExtract(`tracer.lost`, 'Map(String, UInt64)'),
                map(
                    'decode_errors', `tracer.decode_errors`,
                    'evicted', `tracer.evicted`,
                    'evicted_records', evicted['records'],
                    'evicted_open', evicted['open'])) AS counts,
            `tracer.tier` AS tier,
            `tracer.kernel` AS kernel,
            `tracer.version` AS version,
            `tracer.reader` AS reader,
            `tracer.connections_tracked` AS tracked,
            JSONExtract(`tracer.hooks`, 'Map(String, String)') AS hooks
        FROM tracer.lines FINAL
        WHERE `event.name` = 'tracer.health'
            AND timestamp >= {from:DateTime64(9, 'UTC')} - INTERVAL 1 DAY
            AND timestamp < {to:DateTime64(9, 'UTC')}
    ),
    steps AS
    (
        SELECT
            host,
            timestamp,
            reason,
            count,
            lagInFrame(count, 1, 0) OVER (
                PARTITION BY host, reason ORDER BY timestamp
                ROWS BETWEEN 1 PRECEDING AND CURRENT ROW) AS before
        FROM health
        ARRAY JOIN mapKeys(counts) AS reason, mapValues(counts) AS count
    ),
    losses AS
    (
        SELECT
            host,
            mapFromArrays(groupArray(reason), groupArray(lost)) AS lost
        FROM
        (
            SELECT host, reason, sum(if(count < before, count, toUInt64(count - before))) AS lost
            FROM steps
            WHERE timestamp >= {from:DateTime64(9, 'UTC')}
            GROUP BY host, reason
            HAVING lost > 0
            ORDER BY reason
        )
        GROUP BY host
    ),
    latest AS
    (
        SELECT
            host,
            argMax(tier, timestamp) AS tier,
            argMax(kernel, timestamp) AS kernel,
            argMax(version, timestamp) AS version,
            argMax(reader, timestamp) AS reader,
            argMax(tracked, timestamp) AS tracked,
            arraySort(mapKeys(mapFilter((hook, state) -> NOT startsWith(state, 'attached:'),
                argMax(hooks, timestamp)))) AS hooks_missing
        FROM health
        GROUP BY host
    )
SELECT
    told.host AS host,
    told.lines AS lines,
    told.last_line AS last_line,
    told.connections AS connections,
    losses.lost AS lost,
    losses.lost['table_full'] + losses.lost['no_memory'] + losses.lost['ring_full']
        + losses.lost['queue_full'] + losses.lost['decode_errors'] + losses.lost['evicted_records']
        + losses.lost['evicted_open'] + losses.lost['output'] AS lost_whole,
    if(connections + lost_whole = 0, NULL, connections / (connections + lost_whole)) AS seen_share,
    latest.tier AS tier,
    latest.kernel AS kernel,
    latest.version AS version,
    latest.reader AS reader,
    latest.hooks_missing AS hooks_missing,
    latest.tracked AS tracked
FROM told
LEFT JOIN losses ON losses.host = told.host
LEFT JOIN latest ON latest.host = told.host;

-- One row, always: what an answer about the window rests on. Every query shows it beside its rows, and
-- where it has no rows, so that a host that saw less is never a silent gap in a sum.
--
-- hosts_told      hosts that told anything in the window
-- hosts_lossy     host -> share of its connections that is in the answer, of hosts that lost anything in
--                 the window: what is counted of them is too low. 1 where only facts about connections
--                 are missing, or events may be (lost in tracer.hosts tells which)
-- hosts_silent    hosts that told nothing in the window, but something in the hour before it, or of their
--                 health in the day before it: down, cut off, or nothing happened there
CREATE VIEW IF NOT EXISTS tracer.basis AS
SELECT
    countIf(lines > 0) AS hosts_told,
    mapFromArrays(
        groupArrayIf(host, notEmpty(lost)),
        groupArrayIf(ifNull(round(seen_share, 4), 1.), notEmpty(lost))) AS hosts_lossy,
    groupArrayIf(host, lines = 0) AS hosts_silent
FROM
(
    SELECT * FROM tracer.hosts(from = {from:DateTime64(9, 'UTC')}, to = {to:DateTime64(9, 'UTC')})
    ORDER BY host
);
