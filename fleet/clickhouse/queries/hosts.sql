-- Question: how well does each host see, and what has it lost?
--
-- Parameters: from, to (UTC): the window. Hosts that told something before it are rows too, as
-- tracer.hosts has them.
--
-- host             its name
-- verdict          one word for the eye: `silent` (told nothing in the window), `lossy` (lost something),
--                  `quiet` (told of no connection that ended), `fine`
-- lines, connections    lines of any kind, and of ended connections, in the window
-- last_line_s_ago  age of its last line at `to`, s
-- seen_share       share of its ended connections that is in the table, 0 to 1, at least; absent where
--                  there was none
-- lost_whole       connections that are missing in the table, at most
-- lost             reason -> how many, in the window; docs/output.md tells what helps against each
-- tier, hooks_missing    what its hooks make up together, and those that are not attached
-- reader           what the thread runs at that reads the ring; empty: not told
-- tracked          connections tracked when it told of its health the last time
-- version, kernel  of tracer, and of the host
--
-- Rests on: lines of health within the window, and the last one in the day before as the start; without
-- one, counts of the first line count as lost in the window. What a shipper lost is not known here.
SELECT
    host,
    multiIf(lines = 0, 'silent', notEmpty(lost), 'lossy', connections = 0, 'quiet', 'fine') AS verdict,
    lines,
    connections,
    dateDiff('millisecond', last_line, {to:DateTime64(9, 'UTC')}) / 1000 AS last_line_s_ago,
    round(seen_share, 4) AS seen_share,
    lost_whole,
    lost,
    tier,
    hooks_missing,
    reader,
    tracked,
    version,
    kernel
FROM tracer.hosts(from = {from:DateTime64(9, 'UTC')}, to = {to:DateTime64(9, 'UTC')})
ORDER BY indexOf(['silent', 'lossy', 'quiet', 'fine'], verdict), seen_share, host;
