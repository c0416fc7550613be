// `longrun proxy`: configuration, wiring, signals. SIGTERM and SIGINT end it in order, with exit status 0.
import cluster from 'node:cluster';
import type { Socket } from 'node:net';
import { join } from 'node:path';
import { ConfigurationError, listenersOf } from '#libs/configuration';
import { lockFolder } from '#libs/folder-lock';
import { createLogger } from '#libs/telemetry';
import { AdminServer } from './admin-server.js';
import { DataFolder } from './data-folder.js';
import { fileLimit, roomFor } from './file-limit.js';
import { isPortAnswer, type PortAnswer } from './port-messages.js';
import { PortsOfPrimary } from './ports-of-primary.js';
import { proxyUsage, readSettings, type ProxySettings } from './options.js';
import { ProxyWorker } from './proxy-worker.js';
import {
  WorkerProcesses,
  type WorkerAnswer,
  type WorkerQuestion,
  type WorkerReady,
} from './worker-processes.js';

const logger = createLogger('proxy');

/** `insist`: a second signal ends it at once. */
function stopOnSignals(stop: () => Promise<void>, { insist }: { readonly insist: boolean }): void {
  let stopping = false;
  const end = (signal: NodeJS.Signals): void => {
    if (stopping) {
      // it does not wait for what is in flight
      if (insist) process.exit(1);
      return;
    }
    stopping = true;
    logger.info({ event: 'stopping', signal }, 'finishing what is in flight');
    stop().then(
      () => process.exit(0),
      (error: unknown) => fail(error),
    );
  };
  process.on('SIGTERM', end);
  process.on('SIGINT', end);
}

function fail(error: unknown): never {
  const message = error instanceof Error ? error.message : String(error);
  // a person at a terminal gets words; logs, and who reads them, a line of the log
  if (error instanceof ConfigurationError && process.stderr.isTTY)
    process.stderr.write(`longrun proxy: ${message}\n`);
  else logger.error({ event: 'failed' }, message);
  process.exit(error instanceof ConfigurationError ? 2 : 1);
}

async function runPrimary(): Promise<void> {
  const settings = readSettings(process.argv.slice(2), process.env);
  for (const warning of settings.warnings) logger.warn({}, warning);
  const { warning: lowLimit } =
    settings.engine === 'builtin' ? roomFor(fileLimit(), settings.maxConnections) : {};
  if (lowLimit !== undefined) logger.warn({}, lowLimit);
  const folder = new DataFolder(settings.dataDir);
  await lockFolder(settings.dataDir, 'proxy'); // the kernel frees it with this process
  const serving =
    settings.workers === 1 || settings.engine === 'haproxy'
      ? new ProxyWorker({ settings, folder, logger })
      : new WorkerProcesses(logger);
  const admin = settings.admin.port > 0 ? new AdminServer(serving, settings.admin) : undefined;
  stopOnSignals(
    () => {
      admin?.stop();
      return serving.stop();
    },
    { insist: true },
  );
  reopenOnSignals(() => serving.reopenLog());
  const port = await serving.start(settings.workers);
  const opened = await admin?.start();
  if (opened && 'problem' in opened) {
    logger.warn({}, opened.problem);
    serving.setNotices([opened.problem]);
  }
  const isOpen = opened !== undefined && 'port' in opened;
  sayListeners({ ...settings, port, admin: { ...settings.admin, port: isOpen ? opened.port : 0 } });
  logger.info({ event: 'ready', port }, `proxy serves at ${settings.bind}:${port}`);
}

/** Every address at which it listens, and what for. */
function sayListeners({ tls, ...settings }: ProxySettings): void {
  for (const { address, purpose } of listenersOf({ ...settings, ...(tls ? { httpsPort: tls.port } : {}) }))
    logger.info({ event: 'listens', address }, purpose);
}

/** As logrotate and its like send them. */
function reopenOnSignals(reopen: () => void): void {
  process.on('SIGHUP', reopen);
  process.on('SIGUSR1', reopen);
}

async function runWorker(index: string): Promise<void> {
  const settings = readSettings(process.argv.slice(2), process.env);
  const folder = new DataFolder(join(settings.dataDir, `worker-${index}`));
  const ports = new PortsOfPrimary((request) => process.send?.(request, undefined, {}, () => undefined));
  const worker = new ProxyWorker({ settings, folder, logger, index: Number(index), listen: ports.listen });
  // Ctrl-C and systemd signal every process of the group, and then the primary says it again; when that is forced we go with it
  stopOnSignals(() => worker.stop(), { insist: false });
  // the primary passes it on; a signal to the whole group must not end a worker
  reopenOnSignals(() => undefined);
  process.on('message', (message: WorkerQuestion | PortAnswer, socket?: Socket) => {
    if (isPortAnswer(message)) return ports.take(message, socket);
    const { type, question, notices } = message;
    if (type === 'reopen-log') return worker.reopenLog();
    if (type === 'notices') return worker.setNotices(notices ?? []);
    const tell = (answer: unknown): void => {
      process.send?.({ type: 'answer', question, answer } satisfies WorkerAnswer);
    };
    if (type === 'snapshot') tell(worker.snapshot());
    else worker.table().then(tell, fail);
  });
  // the primary is gone: the listeners are gone, too
  process.on('disconnect', () => process.exit(1));
  const port = await worker.start();
  process.send?.({ type: 'ready', port } satisfies WorkerReady);
}

if (process.argv.includes('--help')) process.stdout.write(proxyUsage());
else
  await (cluster.isPrimary ? runPrimary() : runWorker(process.env['LONGRUN_WORKER_INDEX'] ?? '1')).catch(
    fail,
  );
