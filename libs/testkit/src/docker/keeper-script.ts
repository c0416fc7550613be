// The keeper of a private engine: a small shell process beside it that ends the engine, its containers, bridge and folders when
// no process uses it any more. It lives on its own, so that a test run killed with -9 leaves nothing behind either.
// Containers are killed through their cgroup: with live-restore they outlive dockerd, and a killed shim leaves its container.

/** Arguments: folder, lock file, name of the cgroup, name of the bridge (may be empty). Users are files `users/<pid>`. */
export const KEEPER_SCRIPT = `
folder=$1 lock=$2 cgroup=$3 bridge=$4
trap '' TERM INT HUP

users_left() {
  for user in "$folder"/users/*; do
    [ -e "$user" ] || continue
    if kill -0 "\${user##*/}" 2>/dev/null; then return 0; fi
    rm -f "$user"
  done
  return 1
}

# the lock keeps a new user from joining an engine that is about to end
idle=0
while :; do
  sleep 0.5
  if users_left; then idle=0; continue; fi
  idle=$((idle + 1))
  if [ "$idle" -lt 6 ] && [ ! -e "$folder/end-now" ]; then continue; fi
  (set -C; echo $$ > "$lock") 2>/dev/null || continue
  users_left || break
  rm -f "$lock"
done

kill_containers() {
  for procs in /sys/fs/cgroup/"$cgroup"/*/cgroup.procs /sys/fs/cgroup/*/"$cgroup"/*/cgroup.procs; do
    [ -e "$procs" ] || continue
    while read -r pid; do kill -9 "$pid" 2>/dev/null; done < "$procs"
  done
}
kill_containers; sleep 0.3; kill_containers

dockerd=$(cat "$folder/dockerd.pid" 2>/dev/null)
if [ -n "$dockerd" ] && grep -q "$folder/" "/proc/$dockerd/cmdline" 2>/dev/null; then
  kill -TERM "$dockerd" 2>/dev/null
  tries=0
  while [ -d "/proc/$dockerd" ] && [ "$tries" -lt 50 ]; do sleep 0.2; tries=$((tries + 1)); done
fi
for process in /proc/[0-9]*; do
  pid=\${process#/proc/}
  [ "$pid" = $$ ] && continue
  case $(readlink "$process/exe" 2>/dev/null) in
    */dockerd|*/containerd|*/containerd-shim*|*/docker-proxy)
      if tr '\\0' ' ' < "$process/cmdline" 2>/dev/null | grep -qF "$folder/"; then kill -9 "$pid" 2>/dev/null; fi ;;
  esac
done
kill_containers

grep -oE " $folder/[^ ]*" /proc/mounts | sort -r | while read -r mount; do umount -l "$mount" 2>/dev/null; done
if [ -n "$bridge" ]; then
  for table in nat filter; do
    iptables -t $table -S 2>/dev/null | grep -w -- "$bridge" | sed 's/^-A/-D/' | while read -r rule; do
      iptables -t $table $rule 2>/dev/null
    done
  done
  ip link del "$bridge" 2>/dev/null
fi
for group in /sys/fs/cgroup/"$cgroup" /sys/fs/cgroup/*/"$cgroup"; do
  [ -d "$group" ] && find "$group" -depth -type d -exec rmdir {} + 2>/dev/null
done
rm -rf "$folder"
rm -f "$lock"
`;
