-- Question: who resets whom, over the whole fleet?
--
-- Parameters: from, to (UTC): connections that ended in [from, to).
--
-- resetter         executable that sent the reset, or the kernel for it; its address where no tracer
--                  watched that end
-- victim           executable that was reset; its address where no tracer watched that end
-- service_at       address:port of the server of the connection
-- resetter_is      which end the resetter is: client or server
-- resets           connections reset so
-- by_cause         close cause -> connections, as the resetter's host told it, else as the victim's did
-- told_by_both     of the resets, those that both ends told of: they count once
-- requests_failed  of the resets, those where the victim waited for an answer
-- hosts            hosts that told of them
-- hosts_told, hosts_lossy, hosts_silent    what the answer rests on, see tracer.basis
--
-- A fleet sees a connection twice: its client's host tells of a reset that was received, its server's of
-- one that was sent. The two lines have the same pair of addresses and ports, and end within 5 s of each
-- other: put together, they count once and give both names. Behind NAT or a proxy the pairs differ:
-- then each end counts by itself, and the other end is an address. So it is where clocks of hosts differ
-- by more than 5 s. Connections of a loopback address are put together within their host only.
-- Not here: dials and handshakes that were answered by a reset, which are failed dials, and connections
-- from before the observation of which it is not known which end they are.
WITH
    ends AS
    (
        SELECT
            timestamp,
            `host.name` AS host,
            `tracer.role` AS role,
            `process.executable.name` AS name,
            `tracer.close.rst` AS rst,
            `tracer.close.cause` AS cause,
            `tracer.unanswered` AS unanswered,
            if(role = 'client', `network.local.address`, `network.peer.address`) AS client_address,
            if(role = 'client', `network.local.port`, `network.peer.port`) AS client_port,
            if(role = 'client', `network.peer.address`, `network.local.address`) AS server_address,
            if(role = 'client', `network.peer.port`, `network.local.port`) AS server_port,
            if(startsWith(client_address, '127.') OR client_address = '::1', concat(host, ' ', toString(`tracer.netns`)), '')
                AS scope
        FROM tracer.lines FINAL
        WHERE `event.name` = 'tracer.connection.closed'
            AND timestamp >= {from:DateTime64(9, 'UTC')} AND timestamp < {to:DateTime64(9, 'UTC')}
            AND `tracer.role` != ''
            AND NOT match(`tracer.close.cause`, '^(connect|dial|handshake)_')
    ),
    gaps AS
    (
        SELECT
            *,
            timestamp > lagInFrame(timestamp, 1, timestamp) OVER (
                PARTITION BY scope, client_address, client_port, server_address, server_port
                ORDER BY timestamp ROWS BETWEEN 1 PRECEDING AND CURRENT ROW) + INTERVAL 5 SECOND AS is_new
        FROM ends
    ),
    numbered AS
    (
        SELECT
            *,
            sum(is_new) OVER (
                PARTITION BY scope, client_address, client_port, server_address, server_port
                ORDER BY timestamp ROWS BETWEEN UNBOUNDED PRECEDING AND CURRENT ROW) AS nth
        FROM gaps
    ),
    -- One row per connection, with what either end told. A pair of ports that is used again within 5 s
    -- is one row of several: the greater of both ends' counts is how many were reset.
    connections AS
    (
        SELECT
            client_address,
            concat(
                if(position(server_address, ':') > 0, concat('[', server_address, ']'), server_address),
                ':', toString(server_port)) AS service_at,
            anyIf(name, role = 'client') AS client_name,
            anyIf(name, role = 'server') AS server_name,
            groupUniqArray(host) AS hosts,
            countIf(role = 'client' AND rst = 'sent') AS sent_by_client,
            countIf(role = 'client' AND rst = 'received') AS received_by_client,
            countIf(role = 'server' AND rst = 'sent') AS sent_by_server,
            countIf(role = 'server' AND rst = 'received') AS received_by_server,
            anyIf(cause, role = 'client') AS client_cause,
            anyIf(cause, role = 'server') AS server_cause,
            countIf(role = 'client' AND unanswered) AS client_waited,
            countIf(role = 'server' AND unanswered) AS server_waited
        FROM numbered
        GROUP BY scope, client_address, client_port, server_address, server_port, nth
    ),
    edges AS
    (
        SELECT
            service_at,
            hosts,
            direction.1 AS resetter_is,
            if(direction.2 != '', direction.2, if(resetter_is = 'client', client_address, service_at)) AS resetter,
            if(direction.3 != '', direction.3, if(resetter_is = 'client', service_at, client_address)) AS victim,
            direction.4 AS sent,
            direction.5 AS received,
            if(sent > 0, direction.6, direction.7) AS cause,
            least(direction.8, greatest(sent, received)) AS waited
        FROM connections
        ARRAY JOIN
        [
            tuple('client', client_name, server_name, sent_by_client, received_by_server, client_cause, server_cause, server_waited),
            tuple('server', server_name, client_name, sent_by_server, received_by_client, server_cause, client_cause, client_waited)
        ] AS direction
        WHERE sent > 0 OR received > 0
    ),
    causes AS
    (
        SELECT
            resetter, victim, service_at, resetter_is, cause,
            sum(greatest(sent, received)) AS resets,
            sum(least(sent, received)) AS told_by_both,
            sum(waited) AS requests_failed,
            groupUniqArrayArray(hosts) AS hosts
        FROM edges
        GROUP BY resetter, victim, service_at, resetter_is, cause
        ORDER BY cause
    ),
    pairs AS
    (
        SELECT
            1 AS one,
            resetter, victim, service_at, resetter_is,
            sum(causes.resets) AS resets,
            mapFromArrays(groupArray(cause), groupArray(causes.resets)) AS by_cause,
            sum(causes.told_by_both) AS told_by_both,
            sum(causes.requests_failed) AS requests_failed,
            length(groupUniqArrayArray(causes.hosts)) AS hosts
        FROM causes
        GROUP BY resetter, victim, service_at, resetter_is
        ORDER BY resets DESC, resetter, victim, service_at
        LIMIT 50
    )
SELECT
    resetter, victim, service_at, resetter_is, resets, by_cause, told_by_both, requests_failed, hosts,
    hosts_told, hosts_lossy, hosts_silent
FROM
(
    SELECT 1 AS one, *
    FROM tracer.basis(from = {from:DateTime64(9, 'UTC')}, to = {to:DateTime64(9, 'UTC')})
) AS basis
LEFT JOIN pairs USING (one)
ORDER BY resets DESC, resetter, victim, service_at
SETTINGS join_use_nulls = 1;
