// What can be known to fail is said before anything starts: taken ports, files that are not there, options of the future.
import { createSocket } from 'node:dgram';
import { existsSync } from 'node:fs';
import { createServer } from 'node:net';
import {
  ConfigurationError,
  listenersOf,
  type Listener,
  type PortSpan,
  type Settings,
} from '#libs/configuration';
import { lookAtHaproxy } from '#libs/haproxy-engine';
import { placesOf } from './listeners.js';

export function checkSettings(settings: Settings): void {
  const engine = settings.text('engine');
  if (engine !== 'builtin' && engine !== 'haproxy')
    throw new ConfigurationError(`--engine must be builtin or haproxy (got "${engine}")`);
  if (settings.has('proxy-https-port') && settings.list('proxy-certs').length === 0) {
    throw new ConfigurationError(
      '--proxy-https-port needs a certificate: name PEM files with chain and key, or a folder of them, by --proxy-certs',
    );
  }
  for (const path of settings.list('proxy-certs')) {
    if (!existsSync(path)) throw new ConfigurationError(`--proxy-certs names ${path}, which is not there`);
  }
  for (const file of settings.operands) {
    if (!existsSync(file)) throw new ConfigurationError(`there is no file ${file}`);
  }
  const single: (readonly [string, number])[] = [
    ['--api-port', settings.port('api-port')],
    ...listenersOf(placesOf(settings)).flatMap(({ option, port }) =>
      port === undefined ? [] : [[option, port] as const],
    ),
  ];
  const spans = [
    ['--service-ports', settings.portRange('service-ports')],
    ['--task-ports', settings.portRange('task-ports')],
  ] as const;
  for (const [at, [option, port]] of single.entries()) {
    const same = single.slice(0, at).find(([, other]) => other === port);
    if (same) throw new ConfigurationError(`${same[0]} and ${option} must differ (both are ${port})`);
  }
  for (const [option, port] of single) {
    for (const [other, span] of spans) {
      if (port >= span.from && port <= span.to) {
        throw new ConfigurationError(
          `${option} ${port} lies inside ${other} ${span.from}-${span.to}; choose another port`,
        );
      }
    }
  }
  const [[, service], [, task]] = spans;
  if (overlap(service, task))
    throw new ConfigurationError(
      '--service-ports and --task-ports overlap; choose ranges apart from each other',
    );
}

/** Throws for a HAProxy that the proxy could not run. */
export async function checkPrograms(settings: Settings): Promise<void> {
  if (settings.text('engine') === 'haproxy') await lookAtHaproxy(settings.text('haproxy-program'));
}

const overlap = (a: PortSpan, b: PortSpan): boolean => a.from <= b.to && b.from <= a.to;

/**
 * Throws when somebody listens already at an address that Longrun must have; gives those that it can do without, with a sentence about each.
 * `which`: those of processes that a last run left behind are theirs.
 */
export async function checkPorts(
  settings: Settings,
  which: { readonly controlPlane: boolean; readonly proxy: boolean },
): Promise<ReadonlyMap<Listener['option'], string>> {
  const warnings = new Map<Listener['option'], string>();
  if (which.controlPlane) await checkPortFree('--api-port', settings.port('api-port'), '127.0.0.1');
  if (!which.proxy) return warnings;
  for (const { option, port, host } of listenersOf(placesOf(settings))) {
    if (port === undefined) continue;
    if (option !== '--proxy-admin-port') await checkPortFree(option, port, host);
    else {
      const problem = await problemOf(option, port, host);
      if (problem !== undefined)
        warnings.set(option, `${problem}, or 0 for none; the proxy serves without it`);
    }
  }
  return warnings;
}

/** Throws when somebody listens there already. */
async function checkPortFree(option: string, port: number, host: string): Promise<void> {
  const problem = await problemOf(option, port, host);
  if (problem !== undefined) throw new ConfigurationError(problem);
}

async function problemOf(option: string, port: number, host: string): Promise<string | undefined> {
  const problem =
    (await openError(port, host)) ?? (option === '--dns-port' ? await bindError(port, host) : null);
  if (!problem) return undefined;
  const why =
    problem.code === 'EADDRINUSE' ? 'is taken by another process' : `cannot be opened (${problem.message})`;
  return `port ${port} (${option}) ${why}; choose another with ${option} PORT`;
}

const openError = (port: number, host: string): Promise<NodeJS.ErrnoException | null> =>
  new Promise((resolve) => {
    const server = createServer();
    server.once('error', resolve);
    server.listen({ port, host, exclusive: true }, () => server.close(() => resolve(null)));
  });

/** The same for UDP. */
const bindError = (port: number, host: string): Promise<NodeJS.ErrnoException | null> =>
  new Promise((resolve) => {
    const socket = createSocket(host.includes(':') ? 'udp6' : 'udp4');
    socket.once('error', (error) => socket.close(() => resolve(error)));
    socket.bind({ port, address: host, exclusive: true }, () => socket.close(() => resolve(null)));
  });
