// `longrun logs APP`: output of its tasks, each line with the task's short name when there are several; -f goes on as it comes.
import type { AppAnswer, TaskAnswer } from '#libs/api-client';
import { appPathOf, type Command, type CommandContext } from '../command.js';
import { CommandFailed } from '../exit.js';

export const logsCommand: Command = {
  name: 'logs',
  operands: 'APP',
  minOperands: 1,
  maxOperands: 1,
  summary: 'print what the tasks of an app write to stdout (and stderr with --stderr)',
  options: [
    { name: 'follow', short: 'f', kind: 'flag', help: 'go on as lines are written' },
    { name: 'stderr', kind: 'flag', help: 'stderr instead of stdout' },
    { name: 'bytes', kind: 'number', help: 'start this many bytes before the end', default: '16384' },
    { name: 'task', kind: 'text', help: 'only this task (id or the end of it)' },
  ],
  run: logs,
};

async function logs(context: CommandContext): Promise<number> {
  const { api, settings } = context;
  const { app } = await api.get<{ app: AppAnswer }>(`/v2/apps${appPathOf(settings.operands[0] ?? '')}`);
  const wanted = settings.optional('task');
  const ids = [...(app.tasks ?? []).map(({ id }) => id)];
  if (!ids.length && app.lastTaskFailure) ids.push(app.lastTaskFailure.taskId);
  const chosen = ids.filter((id) => wanted === undefined || id.endsWith(wanted));
  if (!chosen.length) {
    throw new CommandFailed(
      `${app.id} has no ${wanted === undefined ? 'task' : `task ending in "${wanted}"`} to read from`,
    );
  }
  await Promise.all(chosen.map((id) => copy(context, id, chosen.length > 1)));
  return 0;
}

async function copy(
  { api, settings, output }: CommandContext,
  task: TaskAnswer['id'],
  named: boolean,
): Promise<void> {
  const query = new URLSearchParams({
    stream: settings.flag('stderr') ? 'stderr' : 'stdout',
    from: `-${settings.number('bytes')}`,
    follow: String(settings.flag('follow')),
  });
  const prefix = named ? `${task.slice(-8)} | ` : '';
  const print = (line: string): void => {
    process.stdout.write(output.isJson ? `${JSON.stringify({ task, line })}\n` : `${prefix}${line}\n`);
  };
  let rest = '';
  for await (const text of api.stream(`/v3/tasks/${encodeURIComponent(task)}/logs?${query}`, 'text/plain')) {
    const lines = (rest + text).split('\n');
    rest = lines.pop() ?? '';
    lines.forEach(print);
  }
  if (rest) print(rest);
}
