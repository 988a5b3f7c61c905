# Run by `unshare --mount`: covers this host by an overlay in memory, runs a script on it in namespaces of
# its own, and prints what that said. Arguments: a folder to mount on, one whose files the script finds in
# /mnt, the control group to be in, and `systemd` or `bare`.
set -eu
place=$1 files=$2 group=$3 manager=$4
echo $$ >"$group/cgroup.procs"
mount --make-rprivate /
mount -t tmpfs -o mode=755 none "$place"
mkdir "$place/changes" "$place/work" "$place/root" "$place/mnt"
mount -t overlay -o "lowerdir=/,upperdir=$place/changes,workdir=$place/work" none "$place/root"
cp -a "$files/." "$place/mnt/"
# What has changed, and what was there before.
mkdir "$place/mnt/changes" "$place/mnt/before"
mount --bind "$place/changes" "$place/mnt/changes"
mount --bind -o ro / "$place/mnt/before"
inside=$place/mnt/inside.sh
unshare --mount --pid --net --uts --ipc --fork --kill-child sh "$inside" "$place" "$manager" ||
    echo "the sandbox ended with $?"
cat "$place/mnt/said" || echo "the script was not run"
