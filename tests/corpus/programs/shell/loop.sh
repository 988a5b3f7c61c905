#!/bin/sh
# Runs a command COUNT times, one after another: loop.sh COUNT COMMAND...
#
# It says its pid, waits for a line on stdin, works, says what it counted, and ends when its stdin
# ends: JSON lines. It counts the commands that ended well; how often each dials it does not know.
set -u
count=$1
shift
echo "{\"pid\": $$}"
read -r _
pids='' ended=0
while [ "$count" -gt 0 ]; do
    "$@" >/dev/null </dev/null &
    pids="$pids${pids:+, }$!"
    wait "$!" && ended=$((ended + 1))
    count=$((count - 1))
done
echo "{\"done\": true, \"pids\": [$pids], \"answers\": $ended}"
cat >/dev/null
