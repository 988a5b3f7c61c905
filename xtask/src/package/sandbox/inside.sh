# Process 1 of the sandbox: makes the overlay its root, with file systems that show no more than the
# namespaces, and becomes systemd, or the script itself.
set -eu
place=$1 manager=$2
cd "$place/root"
mount -t proc none proc
# Nothing there may set up the host's kernel.
mount --bind proc/sys proc/sys
mount -o remount,ro,bind proc/sys
mount -t sysfs -o ro none sys
# The whole hierarchy, as on a host: hooks on its root are part of what is tried. systemd stays in its group.
mount -t cgroup2 none sys/fs/cgroup
mount -t tmpfs -o mode=755 none run
mount -t tmpfs -o mode=1777 none tmp
mount --rbind "$place/mnt" mnt
mount -t tmpfs -o mode=755 none dev
for node in null zero full random urandom tty; do
    : >dev/$node
    mount --bind /dev/$node dev/$node
done
mkdir dev/shm dev/pts
mount -t tmpfs -o mode=1777 none dev/shm
mount -t devpts -o newinstance,ptmxmode=666 none dev/pts
ln -s pts/ptmx dev/ptmx
ip link set lo up
hostname sandbox
# Whatever else is installed on the host is not started.
rm -rf etc/systemd/system/*.wants usr/sbin/policy-rc.d
: >etc/fstab
for unit in systemd-modules-load systemd-sysctl systemd-remount-fs systemd-udevd; do
    ln -sf /dev/null etc/systemd/system/$unit.service
done
mkdir run/old
pivot_root . run/old
umount -l /run/old
cd /
set -- env -i container=sandbox PATH=/usr/sbin:/usr/bin:/sbin:/bin LC_ALL=C.UTF-8
if [ "$manager" = bare ]; then
    "$@" sh /mnt/script.sh >/mnt/said 2>&1 || true
    exit
fi
cp /mnt/script.service /run/script.service
mkdir -p /run/systemd/system
mv /run/script.service /run/systemd/system/
exec "$@" /lib/systemd/systemd --unit=script.service --show-status=no --log-target=null
