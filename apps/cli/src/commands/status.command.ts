// `longrun status APP`: its instances, what it waits for, and its last failure with the end of stderr.
import type {
  AppAnswer,
  BrakeAnswer,
  QueueAnswer,
  TaskAnswer,
  TrafficAnswer,
  WaitingAnswer,
} from '#libs/api-client';
import { appPathOf, type Command } from '../command.js';
import { healthWord, urlsOf } from '../output/app-lines.js';
import { brakeLines } from '../output/brake-lines.js';
import { ageOf, table } from '../output/table.js';
import { trafficLines } from '../output/traffic-lines.js';
import { proxyUrlOf } from '../proxy-url.js';

export const statusCommand: Command = {
  name: 'status',
  operands: 'APP',
  minOperands: 1,
  maxOperands: 1,
  summary: 'show the instances of an app, what it waits for and its last failure',
  options: [],
  async run({ api, settings, output }) {
    const path = appPathOf(settings.operands[0] ?? '');
    const { app } = await api.get<{ app: AppAnswer }>(`/v2/apps${path}`);
    const { queue } = await api.get<QueueAnswer>('/v2/queue');
    const { waiting } = await api.get<WaitingAnswer>(`/v3/apps${path}/waiting`);
    const brakes = await api.get<BrakeAnswer>(`/v3/brake?app=${encodeURIComponent(app.id)}`);
    const traffic = await api.get<TrafficAnswer>(`/v3/apps${path}/traffic`);
    const proxyUrl = await proxyUrlOf({ api, settings });
    const queued = queue.find((entry) => entry.app?.id === app.id);
    const brake = brakes.apps[0] ?? null;
    output.result({ app, queue: queued ?? null, waiting, brake, traffic }, () => {
      const lines = [
        `${app.id}: ${healthWord(app)}, version ${app.version}`,
        ...urlsOf(app, proxyUrl).map((url) => `  ${url}`),
      ];
      lines.push(...brakeLines(brakes));
      if (app.deployments.length)
        lines.push(`deployment ${app.deployments.map(({ id }) => id).join(', ')} is under way`);
      if (app.tasks?.length) lines.push('', instanceTable(app.tasks, Date.now()));
      if (traffic.shares.length || traffic.measured.requests) lines.push('', ...trafficLines(traffic));
      if (queued) {
        const { count, delay } = queued;
        const when = delay.overdue ? 'waiting for resources' : `next start in ${delay.timeLeftSeconds} s`;
        lines.push('', `${count} instance${count === 1 ? '' : 's'} to launch: ${when}`);
      }
      lines.push(...waiting.map((reason) => `  ${reason}`));
      const failure = app.lastTaskFailure;
      if (failure) {
        lines.push(
          '',
          `last failure (${failure.timestamp}, ${failure.state}, on ${failure.host}, task ${failure.taskId}):`,
        );
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
  return bad ? `failing (${bad.consecutiveFailures}): ${bad.lastFailureCause ?? 'unknown'}` : 'healthy';
}
