-- Question: which hosts are about to run out of ephemeral ports, towards which destination?
--
-- Parameters: from, to (UTC): the window; "now" is `to`.
--
-- host, netns      the host, and the network namespace on it (inode number; 0: unknown)
-- destination      address:port that is dialled: each has the whole range of ports of a source address
-- severity         of the verdict port-pressure, on its own or as a consequence of another one; ERROR: it
--                  will be exhausted within a minute, or dials have failed. Absent: no verdict
-- told_s_ago       age of that verdict at `to`, s
-- ports_held       ports held when it was told, by open connections and in TIME_WAIT, of all processes of
--                  the namespace
-- usable_ports     ports there are
-- held_share       ports_held / usable_ports, 0 to 1
-- exhausted_in_s   time that was left at the rates of then, s; absent where dials had failed already, or
--                  where they would not be exhausted
-- service          executable that holds most of them
-- time_waits       ports of connections that this host dialled and closed first in the last 60 s before
--                  `to`, counted here from their lines, each once: in TIME_WAIT at `to`, unless
--                  net.ipv4.tcp_tw_reuse lets the kernel take them again sooner
-- dials_without_port    dials in the window that failed because none was free (connect_no_port)
-- hosts_told, hosts_lossy, hosts_silent    what the answer rests on, see tracer.basis
--
-- Rows are destinations with a verdict in the window, with failed dials, or with 1,000 time_waits and
-- more. Of findings the newest counts, of any verb; one that is told as ended does not. The range of
-- ports is a setting of each host and namespace, told by the verdict only: without it there is no share.
WITH
    verdicts AS
    (
        SELECT
            `host.name` AS host,
            `tracer.netns` AS netns,
            destination,
            argMax(
                tuple(
                    `tracer.finding.state`, timestamp, `process.executable.name`,
                    if(`tracer.finding.code` = 'port-pressure', `severity_text`, JSONExtractString(consequence, 'severity_text')),
                    if(
                        `tracer.finding.code` = 'port-pressure',
                        JSONExtract(`tracer.finding.evidence`, 'Map(String, Float64)'),
                        JSONExtract(consequence, 'evidence', 'Map(String, Float64)'))),
                timestamp) AS newest,
            newest.1 AS state,
            newest.2 AS told,
            newest.3 AS service,
            newest.4 AS severity,
            newest.5 AS evidence
        FROM
        (
            SELECT
                *,
                destination,
                arrayFirst(
                    entry -> JSONExtractString(entry, 'code') = 'port-pressure',
                    JSONExtractArrayRaw(`tracer.finding.consequences`)) AS consequence
            FROM tracer.lines FINAL
            WHERE `event.name` = 'tracer.finding'
                AND timestamp >= {from:DateTime64(9, 'UTC')} AND timestamp < {to:DateTime64(9, 'UTC')}
                AND `server.address` != ''
        )
        WHERE `tracer.finding.code` = 'port-pressure' OR consequence != ''
        GROUP BY host, netns, destination
    ),
    counted AS
    (
        SELECT
            `host.name` AS host,
            `tracer.netns` AS netns,
            destination,
            uniqExactIf(
                tuple(`network.local.address`, `network.local.port`),
                timestamp >= {to:DateTime64(9, 'UTC')} - INTERVAL 60 SECOND
                    AND `tracer.close.cause` IN ('local_close', 'simultaneous_close')) AS time_waits,
            countIf(`tracer.close.cause` = 'connect_no_port') AS dials_without_port
        FROM tracer.lines FINAL
        WHERE `event.name` = 'tracer.connection.closed'
            AND timestamp >= {from:DateTime64(9, 'UTC')} AND timestamp < {to:DateTime64(9, 'UTC')}
            AND `tracer.role` = 'client'
        GROUP BY host, netns, destination
    ),
    places AS
    (
        SELECT
            1 AS one,
            host,
            netns,
            destination,
            severity,
            dateDiff('millisecond', told, {to:DateTime64(9, 'UTC')}) / 1000 AS told_s_ago,
            if(mapContains(evidence, 'ports_held'), toUInt64(evidence['ports_held']), NULL) AS ports_held,
            if(mapContains(evidence, 'usable_ports'), toUInt64(evidence['usable_ports']), NULL) AS usable_ports,
            round(ports_held / usable_ports, 4) AS held_share,
            if(mapContains(evidence, 'exhausted_in_s'), round(evidence['exhausted_in_s'], 3), NULL)
                AS exhausted_in_s,
            service,
            ifNull(time_waits, 0) AS time_waits,
            ifNull(dials_without_port, 0) AS dials_without_port
        FROM (SELECT * FROM verdicts WHERE state != 'ended') AS verdicts
        FULL JOIN counted USING (host, netns, destination)
        WHERE severity IS NOT NULL OR dials_without_port > 0 OR time_waits >= 1000
    )
SELECT
    host, netns, destination, severity, told_s_ago, ports_held, usable_ports, held_share, exhausted_in_s,
    service, time_waits, dials_without_port, hosts_told, hosts_lossy, hosts_silent
FROM
(
    SELECT 1 AS one, *
    FROM tracer.basis(from = {from:DateTime64(9, 'UTC')}, to = {to:DateTime64(9, 'UTC')})
) AS basis
LEFT JOIN places USING (one)
ORDER BY dials_without_port DESC, exhausted_in_s ASC NULLS LAST, held_share DESC, time_waits DESC, host, destination
SETTINGS join_use_nulls = 1;
