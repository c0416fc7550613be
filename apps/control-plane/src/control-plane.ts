// Puts the process together: store, core, HTTP server, agents' WebSocket; and takes it apart in the reverse order.
import { hostname } from 'node:os';
import { NestFactory } from '@nestjs/core';
import { FastifyAdapter } from '@nestjs/platform-fastify';
import type { FastifyInstance } from 'fastify';
import { hostPort } from '#libs/configuration';
import { ControlCore } from '#libs/control-core';
import { PostgresStore } from '#libs/persistence';
import { DEFAULT_RECONCILE_SETTINGS } from '#libs/reconciler';
import type { Store } from '#libs/store';
import type { Logger } from '#libs/telemetry';
import { randomIds, SystemClock } from '#libs/time';
import { AgentGateway } from './agents/agent-gateway.js';
import { ControlPlaneModule } from './control-plane.module.js';
import { diskCheck } from './disk.js';
import { serveDocumentation } from './documentation.js';
import { EventHub } from './events/event-hub.js';
import { Access, tokenHash } from './http/access.js';
import { Cors } from './http/cors.js';
import { ErrorFilter } from './http/error-filter.js';
import { ignoreUpgrade } from './http/ignored-upgrade.js';
import { KnownRoutes } from './http/known-routes.js';
import { RequestLimit } from './http/request-limit.js';
import { createServer } from './http/server.js';
import { LogLevels } from './log-levels.js';
import { Metrics } from './metrics.js';
import { OpenStreams } from './open-streams.js';
import type { ApiSettings } from './settings.js';
import { VERSION } from './version.js';

export interface RunningControlPlane {
  readonly core: ControlCore;
  readonly url: string;
  /** Leadership first, so that another one can take over while this one closes its streams. */
  stop(): Promise<void>;
}

/** Resolves when the API answers. */
export async function startControlPlane(
  settings: ApiSettings,
  logger: Logger,
  connect: () => Promise<Store> = () => PostgresStore.connect({ url: settings.databaseUrl, logger }),
): Promise<RunningControlPlane> {
  const store = await connect();
  await rememberTokens(store, settings);
  // deadlines are stored times that another control plane goes on with: all of them count by the clock of the store (decisions.md 5)
  const clock = new SystemClock(await store.time());
  const [hub, streams, gateway] = [new EventHub(clock, store), new OpenStreams(), new AgentGateway(logger)];
  const address = hostPort(settings.hostname, settings.apiPort);
  const core = new ControlCore({
    store,
    clock,
    ids: randomIds,
    log: logger,
    cluster: await store.clusterId(),
    address,
    seat: `${hostname()}/${address}/`,
    servicePorts: settings.servicePorts,
    settings: { ...DEFAULT_RECONCILE_SETTINGS, brake: settings.brake, minReadyMs: settings.minReadyMs },
    checkDisk: diskCheck(settings.dataDir),
    publisher: {
      events: (events) => hub.publish(events),
      stateLoaded: (newestEvent) => hub.stateLoaded(newestEvent),
      epochChanged: () => gateway.endAll('a new epoch began'),
      cutOff: () => {
        streams.endAll();
        gateway.endAll('the store is away for so long that another control plane may lead');
      },
      officeLost: () => {
        hub.closeAll();
        streams.endAll();
        gateway.endAll('this control plane no longer leads');
      },
    },
  });
  gateway.serve(core);
  const routes = new KnownRoutes();
  const filter = new ErrorFilter(logger, routes);
  const server = createServer({
    core,
    access: new Access(settings),
    cors: new Cors(settings.allowedOrigins),
    limit: new RequestLimit(settings.maxConcurrentRequests),
    filter,
    routes,
    address,
  });
  const counts = {
    streams: () => hub.count,
    heldBytes: () => hub.heldBytes,
    sessions: () => gateway.connected,
  };
  const metrics = new Metrics(core, VERSION, counts);
  const levels = new LogLevels(logger, clock);
  const parts = { core, settings, hub, gateway, logger, levels, metrics, streams };
  const app = await NestFactory.create(
    ControlPlaneModule.of(parts),
    new FastifyAdapter(server as FastifyInstance),
    { logger: false, bodyParser: false, abortOnError: false },
  );
  app.useGlobalFilters(filter);
  serveDocumentation(app);
  await app.init();
  server.server.on('upgrade', (request, socket, head) => {
    if (!ignoreUpgrade(server.server, request, socket, head)) gateway.upgrade(request, socket, head);
  });
  // the port first: it proves that no earlier process with this address is alive
  await app.listen(settings.apiPort, settings.bind);
  await core.start();
  return {
    core,
    url: `http://${address}`,
    stop: async () => {
      await core.stop();
      levels.stop();
      gateway.close();
      hub.closeAll();
      streams.endAll();
      await app.close();
      await store.close();
    },
  };
}

async function rememberTokens(store: Store, { agentToken, proxyToken }: ApiSettings): Promise<void> {
  if (agentToken !== undefined) await store.putToken(tokenHash(agentToken), 'agent');
  if (proxyToken !== undefined) await store.putToken(tokenHash(proxyToken), 'proxy');
}
