// The shim: two tiny shell scripts between the agent and a task, so that a task and its exit status outlive the agent
// (decisions.md 21). `shim.sh` waits in a session of its own and writes the exit status; `task.sh` writes who the task is, joins
// its cgroups and becomes the task. A running shell reads its script piece by piece: a changed script gets another file name.
import { createHash } from 'node:crypto';
import { mkdir, rename, writeFile } from 'node:fs/promises';
import { join } from 'node:path';

/**
 * Arguments: task.sh, then its arguments (the first is the record's path without its ending).
 * The no-op trap keeps the shim alive without handing an ignored signal down to the task, as `trap ''` would.
 * Children of a task that ended by itself are killed at once; during a stop they have their grace time, and the agent kills them.
 * The status is written until it is written: on a full disk every second, as long as the record of the launch exists.
 * Names start with `_lr_`, for every variable of the task's environment is one of this shell too.
 */
const SHIM = `trap : TERM INT HUP
exec 3>&1 4>&2 >/dev/null 2>&1
command -p setsid /bin/sh "$@" >&3 2>&4 3>&- 4>&-
_lr_status=$?
exec 3>&- 4>&-
cd /
_lr_pid=
[ -e "$2.started" ] && read -r _lr_pid _lr_rest < "$2.started"
if [ -n "$_lr_pid" ] && [ ! -e "$2.stop" ]; then kill -KILL -- "-$_lr_pid"; fi
until printf '%s\\n' "$_lr_status" > "$2.exit.tmp" && command -p mv -f "$2.exit.tmp" "$2.exit"; do
  [ -e "$2.launch" ] || exit 1
  command -p sleep 1
done
`;

/**
 * Arguments: record, number of cgroups, their folders, then the command. 125: no record could be written, so nothing was started.
 * The record: pid, its start time, pid and start time of the shim, boot id, whether it joined all its cgroups.
 */
const TASK = `_lr_record=$1
_lr_count=$2
shift 2
_lr_joined=1
while [ "$_lr_count" -gt 0 ]; do
  { printf '%s\\n' "$$" > "$1/cgroup.procs"; } 2>/dev/null || _lr_joined=0
  _lr_count=$((_lr_count - 1))
  shift
done
_lr_start() { read -r _lr_stat < "/proc/$1/stat"; set -- \${_lr_stat##*) }; shift 19; _lr_ticks=$1; }
_lr_start $$
_lr_mine=$_lr_ticks
_lr_start $PPID
read -r _lr_boot < /proc/sys/kernel/random/boot_id
printf '%s\\n' "$$ $_lr_mine $PPID $_lr_ticks $_lr_boot $_lr_joined" > "$_lr_record.started.tmp" || exit 125
command -p mv -f "$_lr_record.started.tmp" "$_lr_record.started" || exit 125
[ -e "$_lr_record.env" ] && . "$_lr_record.env" && command -p rm -f "$_lr_record.env"
unset PWD OLDPWD
exec "$@"
`;

export interface ShimScripts {
  readonly shim: string;
  readonly task: string;
}

async function install(folder: string, name: string, text: string): Promise<string> {
  const digest = createHash('sha256').update(text).digest('hex').slice(0, 12);
  const path = join(folder, `${name}-${digest}.sh`);
  const temporary = `${path}.${process.pid}.tmp`;
  await writeFile(temporary, text);
  await rename(temporary, path);
  return path;
}

/** Writes both scripts into the folder and gives their paths. Replaces by rename: running shims keep theirs. */
export async function installShim(folder: string): Promise<ShimScripts> {
  await mkdir(folder, { recursive: true, mode: 0o700 });
  return { shim: await install(folder, 'shim', SHIM), task: await install(folder, 'task', TASK) };
}
