# What both journeys share. A step that fails ends the script: the last line tells which one, or DONE.
set -eu
at=beginning
step() {
    at=$1
    echo "STEP $at"
}
fail() {
    echo "$*"
    exit 1
}
# That a command fails: `set -e` passes over what has a `!` before it.
refuses() {
    if "$@"; then fail "not refused: $*"; fi
}
# Tries a command for a minute.
wait_for() {
    for _ in $(seq 300); do
        if "$@"; then return; fi
        sleep 0.2
    done
    fail "in vain: $*"
}
files_of_change() {
    (cd /mnt/changes && find . ! -type d | sort)
}
leave() {
    code=$?
    if [ $code != 0 ]; then
        [ ! -d /run/systemd/system ] || journalctl --no-pager -n 30 -o short-monotonic || true
        echo "FAILED $at"
    fi
}
trap leave EXIT

# What the installation may leave: its own books, and what other programs write of any.
is_kept() {
    case $1 in
    ./var/lib/dpkg/* | ./var/log/* | ./var/cache/* | ./var/lib/systemd/*) true ;;
    # Copies that are made before each change, and locks.
    ./etc/passwd- | ./etc/group- | ./etc/shadow- | ./etc/gshadow- | ./etc/.pwd.lock) true ;;
    # Rewritten, with what was in it.
    *) cmp -s "/mnt/changes/$1" "/mnt/before/$1" ;;
    esac
}
nothing_is_left() {
    files_of_change >/mnt/after
    comm -13 /mnt/at-first /mnt/after | while read -r file; do
        is_kept "$file" || echo "$file"
    done >/mnt/left
    [ ! -s /mnt/left ] || fail "left behind: $(cat /mnt/left)"
    ! grep -q '^Package: tracer$' /var/lib/dpkg/status || fail "dpkg still knows it"
    [ ! -e /var/log/tracer ] || fail "its lines are left"
    ! getent passwd tracer || fail "its user is left"
    ! getent group tracer || fail "its group is left"
}
files_of_change >/mnt/at-first
