-- Question: which services redial most instead of reusing a connection, over the whole fleet?
--
-- Parameters: from, to (UTC, `2026-01-31 12:00:00`): connections that ended in [from, to).
--
-- service          name of the executable that dials; empty: unknown
-- destination      address:port that it dials
-- hosts            hosts it does so on
-- containers       containers it does so in, 0 outside of any
-- dials            connections dialled while a tracer watched, failed dials included
-- redials          of them, those dialled although one to the same destination was idle or had just been
--                  closed by the same process (causes idle_available, after_local_close)
-- redial_share     redials / dials, 0 to 1
-- redials_per_s    redials / (to - from), 1/s
-- connect_s        time spent in handshakes of these dials, s; a lower bound, failed ones are not in it
-- hosts_told, hosts_lossy, hosts_silent    what the answer rests on, see tracer.basis
--
-- Counts lines of ended connections. Each connection has one, whatever verb told it, so nothing counts
-- twice and windows can be cut anywhere; those that are still open are not in it, redials live short.
-- Summaries are not used: `watch` prints none, and one of `diagnose` stands for its whole run, so that
-- it belongs to no window and repeats what these lines say.
WITH redials AS
(
    SELECT
        1 AS one,
        `process.executable.name` AS service,
        destination,
        uniqExact(`host.name`) AS hosts,
        uniqExactIf(`container.id`, `container.id` != '') AS containers,
        count() AS dials,
        countIf(`tracer.open.cause` IN ('idle_available', 'after_local_close')) AS redials,
        round(redials / dials, 4) AS redial_share,
        round(redials * 1000 / dateDiff('millisecond', {from:DateTime64(9, 'UTC')}, {to:DateTime64(9, 'UTC')}), 4)
            AS redials_per_s,
        round(sum(`tracer.connect_s`), 6) AS connect_s
    FROM tracer.lines FINAL
    WHERE `event.name` = 'tracer.connection.closed'
        AND timestamp >= {from:DateTime64(9, 'UTC')} AND timestamp < {to:DateTime64(9, 'UTC')}
        AND `tracer.role` = 'client'
        AND `tracer.start_known`
    GROUP BY service, destination
    HAVING redials > 0
    ORDER BY redials DESC, service, destination
    LIMIT 20
)
SELECT
    service, destination, hosts, containers, dials, redials, redial_share, redials_per_s, connect_s,
    hosts_told, hosts_lossy, hosts_silent
FROM
(
    SELECT 1 AS one, *
    FROM tracer.basis(from = {from:DateTime64(9, 'UTC')}, to = {to:DateTime64(9, 'UTC')})
) AS basis
LEFT JOIN redials USING (one)
ORDER BY redials DESC, service, destination
SETTINGS join_use_nulls = 1;
