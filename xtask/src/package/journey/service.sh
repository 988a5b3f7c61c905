# Installed where systemd runs: the service as whoever installs the package meets it.
# What systemd itself makes at its start is none of ours.
systemctl start basic.target
. /mnt/common.sh

is_active() {
    [ "$(systemctl is-active tracer)" = active ]
}
main_pid() {
    systemctl show -P MainPID tracer
}
# A field of each thread.
of_threads() {
    sed -n "s/^$1:\t//p" /proc/"$(main_pid)"/task/*/status
}
journal() {
    journalctl --no-pager -u tracer -o cat
}
has_line() {
    journal | grep -q "$1"
}

step "it is installed, and the service started and enabled"
dpkg -i /mnt/tracer.deb
is_active || fail "$(systemctl status tracer)"
[ "$(systemctl is-enabled tracer)" = enabled ]

step "it runs as its user, with what it may keep and no more"
[ "$(ps -o user= -p "$(main_pid)")" = tracer ]
# CAP_SYS_PTRACE and CAP_DAC_READ_SEARCH in one thread, nothing in the others, once these have run.
gave_up() {
    [ "$(of_threads CapPrm | sort | uniq -c | sed 's/^ *[0-9]* //')" = "0000000000000000
0000000000080004" ] && [ "$(of_threads CapPrm | grep -c 0000000000080004)" = 1 ]
}
(wait_for gave_up) || fail "$(of_threads CapPrm)"
[ "$(of_threads NoNewPrivs | sort -u)" = 1 ]
[ "$(of_threads Seccomp | sort -u)" = 2 ]
[ "$(of_threads CapAmb | sort -u)" = 0000000000000000 ]

step "everything that this kernel allows to root is attached"
tracer agent -d 1s --metrics-listen off >/mnt/by-root
hooks() {
    grep -o '"tracer.hooks":{[^}]*}' | head -n 1
}
[ -n "$(journal | hooks)" ]
[ "$(journal | hooks)" = "$(hooks </mnt/by-root)" ] || fail "$(journal | hooks) $(hooks </mnt/by-root)"
has_line '"tracer.reader":"realtime"'

step "metrics are served"
curl -sf http://127.0.0.1:9464/metrics | grep -q '^tracer_'

step "its settings are read, and what it observes is in the journal and in its file"
lines=/var/log/tracer/agent.jsonl
sed -i 's/^#interval = .*/interval = "1s"/; s|^#output = .*|output = ["journald", "'$lines'"]|' \
    /etc/tracer/agent.toml
tracer agent --config /etc/tracer/agent.toml --check-config >/dev/null
systemctl restart tracer
for _ in $(seq 20); do curl -sf http://127.0.0.1:9464/metrics >/dev/null; done
in_file() {
    grep -q '"event.name":"tracer.summary".*"server.port":9464' $lines
}
wait_for in_file
in_journal() {
    journalctl --no-pager -u tracer -o cat TRACER_EVENT_NAME=tracer.summary TRACER_SERVER_PORT=9464 |
        grep -q .
}
wait_for in_journal
[ "$(stat -c '%U %G %a' $lines)" = "tracer tracer 640" ]
explained() {
    journalctl --no-pager -u tracer -x -n 50 TRACER_EVENT_NAME=tracer.health | grep -q '^░░'
}
explained

step "it may write to its folder of lines and nowhere else"
[ "$(stat -c '%U %G %a' /var/log/tracer)" = "tracer tracer 750" ]
within() {
    nsenter -t "$(main_pid)" -m -- setpriv --reuid "$1" --clear-groups touch "$2" 2>/dev/null
}
within tracer /var/log/tracer/x
refuses within root /etc/tracer/x
refuses within root /usr/bin/x
refuses within root /home/x

step "it is reloaded and goes on"
pid=$(main_pid)
systemctl reload tracer
sleep 1
is_active
[ "$(main_pid)" = "$pid" ]

step "it is started again after it was killed"
kill -KILL "$pid"
is_new() {
    is_active && [ "$(main_pid)" != "$pid" ]
}
wait_for is_new

step "a mistake in its settings is told, and the service is down"
sed -i '1i intervall = "1s"' /etc/tracer/agent.toml
refuses systemctl restart tracer 2>/dev/null
wait_for has_line 'did you mean `interval`'
refuses is_active
sed -i 1d /etc/tracer/agent.toml
systemctl reset-failed tracer
systemctl start tracer

step "an upgrade keeps settings and starts it again"
pid=$(main_pid)
dpkg -i /mnt/tracer.deb
is_new
grep -q '^interval = "1s"' /etc/tracer/agent.toml

step "with what the document adds for other network namespaces it may enter these"
mkdir /run/systemd/system/tracer.service.d
# The settings below the line with the command that edits them.
sed -n '/^# systemctl edit tracer$/,/^```$/p' /usr/share/doc/tracer/agent.md | grep -v '^```$' \
    >/run/systemd/system/tracer.service.d/more.conf
grep -q CAP_SYS_ADMIN /run/systemd/system/tracer.service.d/more.conf
systemctl daemon-reload
systemctl restart tracer
is_active
of_threads CapPrm | grep -q 0000000000280004
rm -r /run/systemd/system/tracer.service.d
systemctl daemon-reload
systemctl restart tracer
of_threads CapPrm | grep -q 0000000000080004

step "it ends in order"
systemctl stop tracer
[ "$(systemctl show -P Result tracer)" = success ]
systemctl start tracer

step "it is removed"
dpkg -r tracer
refuses is_active
[ ! -e /usr/bin/tracer ]
[ -e /etc/tracer/agent.toml ]

step "it is purged"
dpkg -P tracer
refuses systemctl cat tracer 2>/dev/null
nothing_is_left
echo DONE
