// What can be known to fail is said before anything starts: taken ports, files that are not there, options of the future.
import { existsSync } from 'node:fs';
import { createServer } from 'node:net';
import { ConfigurationError, type PortSpan, type Settings } from '#libs/configuration';

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
  const single = [
    ['--api-port', settings.port('api-port')],
    ['--proxy-port', settings.port('proxy-port')],
  ] as const;
  const spans = [
    ['--service-ports', settings.portRange('service-ports')],
    ['--task-ports', settings.portRange('task-ports')],
  ] as const;
  if (single[0][1] === single[1][1]) throw new ConfigurationError('--api-port and --proxy-port must differ');
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

const overlap = (a: PortSpan, b: PortSpan): boolean => a.from <= b.to && b.from <= a.to;

/** Throws when somebody listens there already. */
export async function checkPortFree(option: string, port: number, host: string): Promise<void> {
  const problem = await new Promise<NodeJS.ErrnoException | null>((resolve) => {
    const server = createServer();
    server.once('error', resolve);
    server.listen({ port, host, exclusive: true }, () => server.close(() => resolve(null)));
  });
  if (!problem) return;
  const why =
    problem.code === 'EADDRINUSE' ? 'is taken by another process' : `cannot be opened (${problem.message})`;
  throw new ConfigurationError(`port ${port} (${option}) ${why}; choose another with ${option} PORT`);
}
