#!/usr/bin/env bash
# A throw-away machine: a booted systemd in namespaces of its own, whose root is
# this machine's root below a layer in memory. Nothing that happens inside
# reaches the host, but for the shared folder. Needs root with CAP_SYS_ADMIN.
#
#   box.sh check                can a box run here? says why not
#   box.sh boot DIR SHARE       boots in the empty folder DIR with the folder SHARE
#                               at /share, prints "up PID", and keeps the box until
#                               standard input ends; boot.log in DIR tells of trouble
#   box.sh in PID COMMAND...    runs a command inside
set -euo pipefail

# The services that a box for one service does without.
readonly masked='
	dev-hugepages.mount dev-mqueue.mount sys-kernel-debug.mount
	sys-kernel-tracing.mount tmp.mount e2scrub_reap.service getty.target
	networking.service systemd-logind.service systemd-networkd.service
	systemd-remount-fs.service systemd-resolved.service
	systemd-timesyncd.service systemd-udev-trigger.service
	systemd-udevd.service'

fail() {
	printf 'box.sh: %s\n' "$*" >&2
	exit 1
}

check() {
	[ "$(uname -s)" = Linux ] || fail 'this is not Linux'
	[ "$(id -u)" = 0 ] || fail 'not root'
	[ -x /lib/systemd/systemd ] || fail 'systemd is not installed'
	local tool
	for tool in unshare nsenter ip mount pivot_root; do
		command -v "$tool" >/dev/null || fail "there is no $tool"
	done
	unshare --mount --propagation private --pid --fork --uts --ipc --net --cgroup \
		bash -euc '
			mount -t cgroup2 cgroup2 /sys/fs/cgroup
			mount -t tmpfs box /tmp
			mkdir /tmp/u /tmp/w /tmp/m
			mount -t overlay -o lowerdir=/,upperdir=/tmp/u,workdir=/tmp/w box /tmp/m' ||
		fail 'namespaces, cgroups or overlay mounts are not permitted'
}

# device_nodes DEV: the few devices that a service may count on.
device_nodes() {
	local dev=$1 node
	mount -t tmpfs -o mode=755 dev "$dev"
	for node in null zero full random urandom tty; do
		: >"$dev/$node"
		mount --bind "/dev/$node" "$dev/$node"
	done
	mkdir "$dev/pts" "$dev/shm"
	mount -t devpts -o newinstance,ptmxmode=0666,mode=620,gid=5 devpts "$dev/pts"
	mount -t tmpfs shm "$dev/shm"
	ln -s pts/ptmx "$dev/ptmx"
	ln -s /proc/self/fd "$dev/fd"
	ln -s fd/0 "$dev/stdin"
	ln -s fd/1 "$dev/stdout"
	ln -s fd/2 "$dev/stderr"
}

# configure ROOT: a boot that reaches box.target and starts little else.
configure() {
	local root=$1 units=$1/etc/systemd/system unit
	mkdir -p "$units"
	cat >"$units/box.target" <<-UNIT
		[Unit]
		Description=A box for one service
		Requires=basic.target
		After=basic.target
		AllowIsolate=yes
	UNIT
	for unit in $masked; do
		ln -sf /dev/null "$units/$unit"
	done
	: >"$root/etc/fstab"
	: >"$root/etc/machine-id"
	rm -rf "$root/var/log/journal"
	rm -f "$root/usr/sbin/policy-rc.d" # where the host is a container that starts no services
}

# in_cgroups COMMAND...: runs a command where our own cgroup shows, as $cgroup,
# however this machine has mounted them.
in_cgroups() {
	unshare --mount --propagation private bash -euc '
		mount -t cgroup2 cgroup2 /sys/fs/cgroup
		cgroup=/sys/fs/cgroup$(sed -n "s/^0:://p" /proc/self/cgroup)
		export cgroup
		exec "$@"' bash "$@"
}

# enclose: moves into a cgroup of the box's own and takes that for the root of
# all cgroups, so that boxes do not meet each other nor the host's services.
enclose() {
	mkdir "$cgroup/$BOX"
	printf '%s\n' $$ >"$cgroup/$BOX/cgroup.procs"
	exec unshare --mount --propagation private --pid --fork --kill-child \
		--uts --ipc --net --cgroup "$0" become
}

# release: removes what the box leaves of its cgroup.
release() {
	find "$cgroup/$BOX" -depth -type d -exec rmdir {} +
}

# become: runs inside the fresh namespaces, makes the root and turns into
# systemd. DIR and SHARE come by the environment.
become() {
	local self _ layer=$DIR/layer root
	read -r self _ </proc/self/stat # our number outside: /proc is still the host's
	printf '%s\n' "$self" >"$DIR/pid"
	mkdir "$layer"
	mount -t tmpfs -o mode=755 box "$layer"
	root=$layer/root
	mkdir "$layer/upper" "$layer/work" "$root"
	mount -t overlay -o "lowerdir=/,upperdir=$layer/upper,workdir=$layer/work" box "$root"
	mount -t proc proc "$root/proc"
	mount -t sysfs sysfs "$root/sys"
	mount -t cgroup2 cgroup2 "$root/sys/fs/cgroup"
	mount -t tmpfs -o mode=755 run "$root/run"
	mount -t tmpfs -o mode=1777 tmp "$root/tmp"
	mkdir -p "$root/share"
	mount --bind "$SHARE" "$root/share"
	device_nodes "$root/dev"
	configure "$root"
	hostname box
	ip link set lo up
	cd "$root"
	mkdir .outside
	pivot_root . .outside
	cd /
	umount --lazy /.outside
	rmdir /.outside
	# systemd hands mounts to the namespaces of services only if they are shared.
	mount --make-rshared /
	exec env -i container=box PATH=/usr/sbin:/usr/bin:/sbin:/bin \
		/lib/systemd/systemd --unit=box.target --log-target=journal --show-status=no
}

# inside PID COMMAND...
inside() {
	local pid=$1
	shift
	nsenter --target "$pid" --mount --uts --ipc --net --pid --cgroup --root --wd -- \
		env -i PATH=/usr/sbin:/usr/bin:/sbin:/bin HOME=/root LANG=C.UTF-8 TERM=dumb \
		SYSTEMD_PAGER= SYSTEMD_COLORS=0 "$@"
}

# until_true COMMAND...: tries for up to 90 s.
until_true() {
	local try
	for try in {1..1800}; do
		"$@" >/dev/null 2>&1 && return
		sleep 0.05
	done
	return 1
}

is_systemd() {
	[ -s "$DIR/pid" ] && [ "$(cat "/proc/$(cat "$DIR/pid")/comm")" = systemd ]
}

# cut_power: ends the box, whatever it is doing. All its processes end with its
# systemd, all its mounts with them.
cut_power() {
	trap - EXIT
	if [ -s "$DIR/pid" ]; then
		kill -KILL "$(cat "$DIR/pid")" 2>/dev/null || true
	fi
	wait "$enclosure" 2>/dev/null || true
	in_cgroups "$0" release
}

boot() {
	export DIR=$1 SHARE=$2 BOX=yodel-box-$$
	local pid state
	in_cgroups "$0" enclose </dev/null >"$DIR/boot.log" 2>&1 &
	enclosure=$! # global, for the trap
	trap cut_power EXIT
	until_true is_systemd || fail "systemd does not run: $(cat "$DIR/boot.log")"
	pid=$(cat "$DIR/pid")
	until_true inside "$pid" systemctl is-active box.target || fail 'box.target is not reached'
	state=$(inside "$pid" systemctl is-system-running --wait || true)
	if [ "$state" != running ]; then
		inside "$pid" systemctl --failed --no-pager >&2
		fail "the system is $state"
	fi
	printf 'up %s\n' "$pid"
	cat >/dev/null # until the one who wanted the box is gone
}

command=${1:-}
[ $# -gt 0 ] && shift
case $command in
check | boot | enclose | become | release) "$command" "$@" ;;
in) inside "$@" ;;
*) fail 'usage: box.sh check | boot DIR SHARE | in PID COMMAND...' ;;
esac
