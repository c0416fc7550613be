// `longrun status APP`: its instances, what in its definition has no effect, what it waits for, and its last failure with the end of stderr.
import type {
  AppAnswer,
  BrakeAnswer,
  QueueAnswer,
  TaskAnswer,
  TrafficAnswer,
  WaitingAnswer,
  WarningsAnswer,
} from '#libs/api-client';
import { counted } from '#libs/model';
import { appPathOf, type Command } from '../command.js';
import { healthWord, warningLines } from '../output/app-lines.js';
import { brakeLines } from '../output/brake-lines.js';
import { inCliWords } from '../output/cli-words.js';
import { ageOf, table } from '../output/table.js';
import { trafficLines } from '../output/traffic-lines.js';
import { fitting, wrapped } from '../output/wrap.js';
import { readWays } from '../ways.js';

export const statusCommand: Command = {
  name: 'status',
  operands: 'APP',
  minOperands: 1,
  maxOperands: 1,
  summary: 'show the instances of an app, what it waits for, warnings and its last failure',
  options: [],
  async run({ api, settings, output }) {
    const path = appPathOf(settings.operands[0] ?? '');
    const { app } = await api.get<{ app: AppAnswer }>(`/v2/apps${path}`);
    const { queue } = await api.get<QueueAnswer>('/v2/queue');
    const { waiting } = await api.get<WaitingAnswer>(`/v3/apps${path}/waiting`);
    const warned = await api.get<WarningsAnswer>(`/v3/apps${path}/warnings`);
    const brakes = await api.get<BrakeAnswer>(`/v3/brake?app=${encodeURIComponent(app.id)}`);
    const traffic = await api.get<TrafficAnswer>(`/v3/apps${path}/traffic`);
    const ways = await readWays({ api, settings }, app.id);
    const queued = queue.find((entry) => entry.app?.id === app.id);
    const brake = brakes.apps[0] ?? null;
    const { warnings } = warned;
    const value = { app, queue: queued ?? null, waiting, warnings, brake, traffic, ways: ways.of(app.id) };
    output.result(value, () => {
      const lines = [
        `${app.id}: ${healthWord(app)}, version ${app.version}`,
        ...ways.lines(app.id).map((line) => `  ${line}`),
        ...warningLines(warned),
      ];
      lines.push(...fitting(brakeLines(brakes)));
      if (app.deployments.length)
        lines.push(...app.deployments.map(({ id }) => `deployment ${id} is under way`));
      if (app.tasks?.length)
        lines.push('', instanceTable(app.tasks, Date.now()), ...failingChecks(app.tasks));
      if (traffic.shares.length || traffic.measured.requests) lines.push('', ...trafficLines(traffic));
      if (queued) {
        const { count, delay } = queued;
        const when = delay.overdue ? 'waiting for resources' : `next start in ${delay.timeLeftSeconds} s`;
        lines.push('', `${counted(count, 'instance')} to launch: ${when}`);
      }
      lines.push(...fitting(waiting.map((reason) => `  ${inCliWords(reason)}`)));
      const failure = app.lastTaskFailure;
      if (failure) {
        const { timestamp, state, host, taskId, version } = failure;
        // after a rollback it is that of the release that was taken back
        const whose = version === app.version ? '' : `, of version ${version}`;
        const what = `last failure (${timestamp}, ${state}, on ${host}, task ${taskId}${whose}):`;
        lines.push('', ...fitting([what]));
        lines.push(
          ...failure.message
            .trimEnd()
            .split('\n')
            .map((line) => `  ${line}`),
        );
      }
      return lines.join('\n');
    });
    return 0;
  },
};

function instanceTable(tasks: readonly TaskAnswer[], now: number): string {
  const rows = tasks.map((task) => [
    task.id,
    task.state,
    healthOf(task),
    task.host,
    task.ports.join(',') || '-',
    ageOf(task.startedAt, now),
  ]);
  return table(['TASK', 'STATE', 'HEALTH', 'HOST', 'PORTS', 'AGE'], rows);
}

function healthOf({ healthCheckResults }: TaskAnswer): string {
  if (!healthCheckResults.length) return '-';
  const bad = healthCheckResults.find(({ alive }) => !alive);
  return bad ? `failing (${bad.consecutiveFailures})` : 'healthy';
}

/** Below the table, for a cause may be as long as an answer. */
const failingChecks = (tasks: readonly TaskAnswer[]): readonly string[] =>
  tasks.flatMap(({ id, healthCheckResults }) => {
    const bad = healthCheckResults.find(({ alive }) => !alive);
    return bad ? wrapped(`  ${id}: ${bad.lastFailureCause ?? 'unknown'}`, '    ') : [];
  });
