-- Question: which findings are open now, per service?
--
-- Parameters: from, to (UTC): "now" is `to`; `from` is how far back a host may have told anything to be
-- asked at all. An hour before is enough.
--
-- severity         of the worst of them: ERROR, WARN, INFO
-- code             which verdict
-- service          executable it is about; empty: unknown
-- role             which end that is: client or server; empty: not known
-- destinations     address:port -> open findings
-- findings         open findings: one per process (or per executable, of many short-lived ones) and
--                  destination
-- hosts            hosts they are open on
-- since            when evidence of the oldest of them was first seen
-- last_told        when the newest line about them was written
-- example, advice  sentence and advice of the worst, newest one
-- hosts_told, hosts_lossy, hosts_silent    what the answer rests on, see tracer.basis. Of a host that is
--                  silent nothing is known to be open: that is not the same as nothing is open
--
-- Only lines that have a state count: a live view tells a finding as begun, again at least once a minute
-- while it is ongoing, and as ended. It is open if its newest line does not say ended and is at most
-- three minutes old: of a tracer that was stopped no end is told, and one that looks once a minute only
-- (tracer.interval_s) may take two to tell it again. The report at the end of `diagnose`
-- has no state, and is about a run that is over.
WITH
    newest AS
    (
        SELECT
            argMax(`tracer.finding.state`, timestamp) AS state,
            max(timestamp) AS told,
            argMax(`severity_text`, timestamp) AS severity,
            `tracer.finding.code` AS code,
            `process.executable.name` AS service,
            `tracer.role` AS role,
            `host.name` AS host,
            destination,
            argMax(`tracer.finding.first_seen`, timestamp) AS since,
            argMax(`tracer.finding.summary`, timestamp) AS summary,
            argMax(`tracer.finding.advice`, timestamp) AS advice
        FROM tracer.lines FINAL
        WHERE `event.name` = 'tracer.finding'
            AND `tracer.finding.state` != ''
            AND timestamp >= {to:DateTime64(9, 'UTC')} - INTERVAL 3 MINUTE
            AND timestamp < {to:DateTime64(9, 'UTC')}
        GROUP BY
            host, code, service, role, destination,
            ifNull(`process.pid`, 0), `process.creation.time`, `process.linux.cgroup`, `tracer.netns`, `tracer.subject`
        HAVING state != 'ended'
    ),
    places AS
    (
        SELECT code, service, role, destination, count() AS findings
        FROM newest
        GROUP BY code, service, role, destination
        ORDER BY destination
    ),
    destinations AS
    (
        SELECT code, service, role, mapFromArrays(groupArray(destination), groupArray(findings)) AS destinations
        FROM places
        GROUP BY code, service, role
    ),
    open AS
    (
        SELECT
            1 AS one,
            argMax(newest.severity, rank) AS severity,
            newest.code AS code,
            newest.service AS service,
            newest.role AS role,
            any(destinations.destinations) AS destinations,
            count() AS findings,
            uniqExact(newest.host) AS hosts,
            min(newest.since) AS since,
            max(newest.told) AS last_told,
            argMax(newest.summary, rank) AS example,
            argMax(newest.advice, rank) AS advice,
            max(tuple(indexOf(['INFO', 'WARN', 'ERROR'], newest.severity), newest.told)) AS worst
        FROM
        (
            SELECT *, tuple(indexOf(['INFO', 'WARN', 'ERROR'], severity), told) AS rank
            FROM newest
        ) AS newest
        INNER JOIN destinations USING (code, service, role)
        GROUP BY code, service, role
    )
SELECT
    severity, code, service, role, destinations, findings, hosts, since, last_told, example, advice,
    hosts_told, hosts_lossy, hosts_silent
FROM
(
    SELECT 1 AS one, *
    FROM tracer.basis(from = {from:DateTime64(9, 'UTC')}, to = {to:DateTime64(9, 'UTC')})
) AS basis
LEFT JOIN open USING (one)
ORDER BY indexOf(['ERROR', 'WARN', 'INFO'], severity), findings DESC, code, service, role
SETTINGS join_use_nulls = 1;
