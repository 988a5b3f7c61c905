# Installed where no systemd runs, as in a container: the agent is run as the unit would run it.
. /mnt/common.sh

step "it is installed without systemd"
dpkg -i /mnt/tracer.deb
[ "$(dpkg-query -W -f '${db:Status-Status}' tracer)" = installed ]

step "the program runs"
tracer --version

step "the agent observes as the user and with the capabilities of the unit"
unit=/usr/lib/systemd/system/tracer.service
ambient=$(sed -n 's/^AmbientCapabilities=//p' $unit | sed 's/CAP_/+/g; s/ /,/g' | tr '[:upper:]' '[:lower:]')
start=$(sed -n 's/^ExecStart=//p' $unit)
setpriv --reuid tracer --regid tracer --clear-groups --no-new-privs \
    --inh-caps "-all,$ambient" --ambient-caps "-all,$ambient" --bounding-set "-all,$ambient" \
    -- $start --duration 3s >/mnt/lines
grep -q '"inet_sock_set_state":"attached:' /mnt/lines

step "it is purged"
dpkg -P tracer
nothing_is_left
echo DONE
