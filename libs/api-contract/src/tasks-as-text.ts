// The tab-separated form of tasks for `Accept: text/plain` (api.md 6), which old load balancer scripts read. Marathon has dropped it.
import { ownAddressOf, portsOf, taskPortsOf, type AppSpec } from '#libs/model';
import type { TaskView } from './tasks.js';

export interface TasksOfApp {
  /** The current one: its ports are the lines. */
  readonly spec: AppSpec;
  /** Only the running ones are listed. */
  readonly tasks: readonly TaskView[];
}

/** `containerNetworks` of the query: names of networks, with commas or repeated; `*` = all. */
export const containerNetworksOf = (values: readonly string[]): ReadonlySet<string> =>
  new Set(values.flatMap((value) => value.split(',')).map((name) => name.trim()));

/**
 * A line per app and service port, every field followed by a tab; an app without ports has one line. Where a port has no host port, a task
 * is listed at its own address, and only for those who asked for one of its networks: not everybody can reach it.
 */
export function tasksAsText(apps: readonly TasksOfApp[], networks: ReadonlySet<string>): string {
  return apps
    .map(({ spec, tasks }) => {
      const name = spec.id.slice(1).replaceAll('/', '_');
      const running = tasks.filter(({ state }) => state === 'TASK_RUNNING');
      const ports = portsOf(spec);
      if (!ports.length) return line(name, ' ', ...running.map(hostOf));
      return ports
        .map(({ servicePort, index }) => {
          const targets = running.flatMap((view) => targetOf(view, index, networks) ?? []);
          return line(name, String(servicePort), ...targets);
        })
        .join('');
    })
    .join('');
}

const line = (...fields: readonly string[]): string => `${fields.map((field) => `${field}\t`).join('')}\n`;

const hostOf = ({ agent, instance }: TaskView): string => agent?.hostname ?? instance.agentId ?? 'unknown';

/** By the definition that the task runs: during a rollout it may have other ports than the current one. */
function targetOf(view: TaskView, index: number, networks: ReadonlySet<string>): string | undefined {
  const { instance, spec } = view;
  const port = taskPortsOf(spec, instance)[index];
  if (!port) return undefined;
  if (port.hostPort !== 0) return `${hostOf(view)}:${port.hostPort}`;
  const isWanted = spec.networks.some(
    ({ name }) => networks.has('*') || (name !== undefined && networks.has(name)),
  );
  const address = ownAddressOf(instance);
  return isWanted && address !== undefined && port.containerPort !== undefined
    ? `${address}:${port.containerPort}`
    : undefined;
}
