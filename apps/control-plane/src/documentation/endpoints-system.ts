// The endpoints about the server, its agents and its proxies.
import { shapes } from './answer-schemas.js';
import type { Answer, Endpoint } from './endpoint.js';
import { measuredApp } from './measured.js';
import * as parameters from './parameters.js';

const { object, listOf, text, texts, count, flag, time, mapOf } = shapes;
const anyText = { type: 'string' };

const reason = object(
  {
    at: time,
    what: {
      type: 'string',
      enum: [
        'created',
        'launched',
        'adopted',
        'routed',
        'unrouted',
        'suspect',
        'unreachable',
        'back',
        'stop-requested',
        'draining',
        'killing',
        'ended',
        'removed',
      ],
    },
    text,
    instanceId: text,
    incarnation: count,
    taskId: text,
    agentId: text,
    hostPorts: listOf(count),
    tableNumber: count,
    cause: object({ kind: text, text, ref: text }, 'ref'),
  },
  'taskId',
  'agentId',
  'hostPorts',
  'tableNumber',
);

const shutdown = object({
  underWay: flag,
  left: count,
  away: listOf(object({ id: text, hostname: text, tasks: count, awaited: flag })),
});

const logLevel = object(
  {
    level: { type: 'string', enum: ['trace', 'debug', 'info', 'warn', 'error'] },
    logger: { type: 'string', enum: ['ROOT', 'control-plane'] },
    durationSeconds: { type: 'integer', minimum: 1 },
  },
  'durationSeconds',
);
const brakeCounts = {
  on: flag,
  since: time,
  healthy: count,
  unhealthy: count,
  together: count,
  needed: { type: ['integer', 'null'] },
};
const brakes = object({
  settings: object({
    enabled: flag,
    instances: count,
    share: { type: 'number' },
    windowSeconds: { type: 'number' },
  }),
  fleet: object(brakeCounts, 'since'),
  apps: listOf(
    object(
      {
        appId: text,
        ...brakeCounts,
        by: { type: 'string', enum: ['app', 'fleet'] },
        calmSince: time,
        endsAt: time,
        ends: text,
        holds: listOf(object({ instanceId: text, taskId: text, agentId: text, text }, 'taskId', 'agentId')),
      },
      ...['since', 'by', 'calmSince', 'endsAt', 'ends'],
    ),
  ),
  hosts: object(
    {
      on: flag,
      since: time,
      agents: count,
      silent: listOf(object({ id: text, hostname: text, silentSeconds: count })),
      ends: text,
    },
    'since',
    'ends',
  ),
});
const page = (path: string, summary: string, answer: Answer): Endpoint => ({
  method: 'GET',
  path,
  tag: 'Only for those who ask',
  summary,
  answers: [answer],
});
const toDocs: Answer = { status: 302, meaning: 'To `/docs`.' };

export const SYSTEM_ENDPOINTS: readonly Endpoint[] = [
  {
    method: 'GET',
    path: '/ping',
    tag: 'System',
    summary: 'Whether the process answers',
    detail:
      'Needs no credentials, no leader and no database. `Accept` chooses `text/plain`, `text/html` or JSON.',
    answers: [
      { status: 200, meaning: '`pong`', type: 'text/plain', schema: anyText },
      { status: 204, meaning: 'The client takes none of these types.' },
    ],
    example: { target: '/ping' },
  },
  {
    method: 'GET',
    path: '/v2/info',
    tag: 'System',
    summary: "Version, leader and settings, in Marathon's shape",
    detail: 'What has no meaning without Mesos and ZooKeeper is `null`.',
    answers: [
      {
        status: 200,
        meaning: 'The information.',
        schema: object(
          {
            name: text,
            version: { type: 'string', pattern: '^\\d+\\.\\d+\\.\\d+' },
            buildref: text,
            elected: flag,
            leader: text,
            frameworkId: text,
            marathon_config: object({}),
            zookeeper_config: object({}),
            http_config: object({}),
          },
          'leader',
        ),
      },
    ],
    example: { target: '/v2/info' },
  },
  {
    method: 'GET',
    path: '/v2/leader',
    tag: 'System',
    summary: 'Address of the leader',
    answers: [{ status: 200, meaning: '`host:port`.', schema: object({ leader: text }) }],
    errors: ['not-found'],
  },
  {
    method: 'DELETE',
    path: '/v2/leader',
    tag: 'System',
    summary: 'The leader steps down',
    detail: 'Another node takes over, or the same after some seconds. Tasks and traffic go on.',
    parameters: [parameters.backup, parameters.restore],
    answers: [{ status: 200, meaning: 'It will, within a second.', schema: 'Message' }],
    errors: ['not-found', 'invalid-argument'],
  },
  {
    method: 'GET',
    path: '/config',
    tag: 'System',
    summary: 'Options in force, without secrets',
    answers: [{ status: 200, meaning: 'By their names.', schema: mapOf({ type: ['string', 'null'] }) }],
  },
  {
    method: 'GET',
    path: '/logging',
    tag: 'System',
    summary: 'Loggers with their levels',
    answers: [{ status: 200, meaning: 'Level by logger.', schema: mapOf(text) }],
    example: { target: '/logging' },
  },
  {
    method: 'POST',
    path: '/logging',
    tag: 'System',
    summary: 'Change the level of a logger, for good or for some seconds',
    body: { schema: logLevel, meaning: 'The logger is `ROOT`.', required: true },
    answers: [{ status: 200, meaning: 'The change.', schema: logLevel }],
    errors: ['schema-violation', 'invalid-argument'],
    example: { target: '/logging', body: { logger: 'ROOT', level: 'debug', durationSeconds: 600 } },
  },
  {
    method: 'GET',
    path: '/metrics',
    tag: 'System',
    summary: 'Figures, as JSON or as text for Prometheus',
    detail: 'JSON unless `Accept` prefers `text/plain` or OpenMetrics, as Prometheus does.',
    answers: [
      {
        status: 200,
        meaning: 'The figures.',
        schema: object({
          version: text,
          gauges: object({}),
          counters: object({}),
          histograms: object({}),
          meters: object({}),
          timers: object({}),
        }),
      },
    ],
    errors: ['not-acceptable'],
  },
  {
    method: 'GET',
    path: '/metrics/prometheus',
    tag: 'System',
    summary: 'Figures as text for Prometheus',
    answers: [{ status: 200, meaning: 'The figures.', type: 'text/plain', schema: anyText }],
  },
  {
    method: 'GET',
    path: '/v2/plugins',
    tag: 'Only for those who ask',
    summary: 'There are no plugins',
    answers: [{ status: 200, meaning: 'An empty list.', schema: object({ plugins: listOf(object({})) }) }],
  },
  ...(['GET', 'PUT', 'POST', 'PATCH', 'DELETE'] as const).map((method): Endpoint => ({
    method,
    path: '/v2/plugins/{pluginId}/{path}',
    tag: 'Only for those who ask',
    summary: 'There are no plugins',
    answers: [],
    errors: ['not-found'],
  })),
  {
    method: 'GET',
    path: '/v3/alarms',
    tag: 'System',
    summary: 'What needs a person now',
    parameters: [parameters.limit, parameters.cursor],
    errors: ['invalid-argument'],
    answers: [
      {
        status: 200,
        meaning: 'The alarms.',
        schema: object({ alarms: listOf(object({ id: text, kind: text, text, since: time })) }),
      },
    ],
    example: { target: '/v3/alarms' },
  },
  {
    method: 'GET',
    path: '/v3/brake',
    tag: 'System',
    summary:
      'The brakes: which kills for failed health checks are held, and which silent hosts are not declared lost',
    detail:
      'When many instances turn unhealthy together, the health checks are suspected first: none is killed for its health and traffic goes to all. ' +
      '`together` counts those that turned unhealthy within the window; with `needed` of them the brake is on. `by` tells whether the app itself or the fleet turned it on. ' +
      'Listed are apps with health checks; see [health](../design/health.md).',
    parameters: [
      { ...parameters.appOfInstances, meaning: 'Only this app, by its full id.' },
      parameters.limit,
      parameters.cursor,
    ],
    errors: ['invalid-argument', 'not-found'],
    answers: [{ status: 200, meaning: 'All brakes.', schema: brakes }],
    example: { target: '/v3/brake?app=/shop/web' },
  },
  {
    method: 'POST',
    path: '/v3/shutdown',
    tag: 'System',
    summary: 'Stop all tasks',
    detail:
      'For an ordered end of the whole: nothing is launched until this control plane starts again. What should run stays stored. Tasks of an agent that does not answer are not asked to stop; after 30 s of its silence (`awaited` false) they are not counted in `left` any more.',
    answers: [
      { status: 200, meaning: 'How many tasks are left, and which agents do not answer.', schema: shutdown },
    ],
    errors: ['conflict'],
  },
  {
    method: 'GET',
    path: '/v3/shutdown',
    tag: 'System',
    summary: 'How many tasks are left to stop',
    answers: [{ status: 200, meaning: 'The number, and which agents do not answer.', schema: shutdown }],
  },
];

export const PAGE_ENDPOINTS: readonly Endpoint[] = [
  page('/', 'The way to the page', { status: 302, meaning: 'To `/ui/`.' }),
  page('/ui', 'A page for browsers', {
    status: 200,
    meaning: 'The page.',
    type: 'text/html',
    schema: anyText,
  }),
  page('/help', 'The way to the documentation', toDocs),
  page('/api-console', 'The way to the documentation', toDocs),
];

const log = (): Pick<Endpoint, 'answers' | 'detail'> => ({
  detail: 'Read from its agent, at this moment. With 503 the agent is not connected.',
  answers: [{ status: 200, meaning: 'The output.', type: 'text/plain', schema: anyText }],
});
const logParameters = [parameters.logStream, parameters.logFrom, parameters.logFollow];

export const AGENT_ENDPOINTS: readonly Endpoint[] = [
  {
    method: 'GET',
    path: '/v3/agents',
    tag: 'Agents and instances',
    summary: 'Agents with their resources, liveness and warnings',
    parameters: [parameters.limit, parameters.cursor],
    errors: ['invalid-argument'],
    tagged: true,
    answers: [
      {
        status: 200,
        meaning: 'The agents.',
        schema: object({ agents: listOf(object({ id: text, hostname: text, liveness: text })) }),
      },
    ],
    example: { target: '/v3/agents' },
  },
  {
    method: 'DELETE',
    path: '/v3/agents/{agentId}',
    tag: 'Agents and instances',
    summary: 'Say that an agent will not come back',
    detail:
      'What ran there is replaced at once, without waiting for anything. An agent that is alive after all comes back by itself, as one that was lost.',
    answers: [{ status: 200, meaning: 'Done.', schema: 'Message' }],
    errors: ['not-found', 'conflict'],
  },
  {
    method: 'GET',
    path: '/v3/agents/session',
    tag: 'Agents and instances',
    summary: 'Where agents dial in, a WebSocket',
    answers: [{ status: 101, meaning: 'The WebSocket.' }],
    errors: ['uri-not-found'],
    token: 'agent',
  },
  {
    method: 'GET',
    path: '/v3/instances',
    tag: 'Agents and instances',
    summary: 'Instances, each with the reason why it is as it is',
    parameters: [parameters.appOfInstances, parameters.limit, parameters.cursor],
    errors: ['invalid-argument'],
    tagged: true,
    answers: [
      {
        status: 200,
        meaning: 'The instances.',
        schema: object({ instances: listOf(object({ id: text, appId: text })) }),
      },
    ],
    example: { target: '/v3/instances?app=/shop/web' },
  },
  {
    method: 'GET',
    path: '/v3/instances/{instanceId}',
    tag: 'Agents and instances',
    summary: 'One instance',
    answers: [{ status: 200, meaning: 'The instance.', schema: object({ id: text, appId: text }) }],
    errors: ['not-found'],
  },
  {
    method: 'GET',
    path: '/v3/instances/{instanceId}/why',
    tag: 'Agents and instances',
    summary: 'Why an instance is as it is, or is gone',
    detail:
      'The id of an instance, or of any task it ever had. `chain` leads from what it does now to its root: a request, a check that failed, a crash, a host that ' +
      'was lost. `reasons` is all that is kept about it, newest first: for 7 days after it is gone, and of one instance the newest hundred and the first.',
    answers: [
      {
        status: 200,
        meaning: 'The chain and the reasons.',
        schema: object({
          instanceId: text,
          appId: text,
          isGone: flag,
          now: text,
          root: object({ kind: text, text, at: time }, 'at'),
          chain: listOf(
            object(
              {
                at: time,
                what: text,
                text,
                instanceId: text,
                taskId: text,
                agentId: text,
                deploymentId: text,
              },
              'at',
              'instanceId',
              'taskId',
              'agentId',
              'deploymentId',
            ),
          ),
          reasons: listOf(reason),
        }),
      },
    ],
    errors: ['not-found', 'storage-unavailable'],
    example: { target: '/v3/instances/shop_web.instance-6bd43f0f-2b35-4a37-8d4f-fb3a0d6a8d5e/why' },
  },
  {
    method: 'GET',
    path: '/v3/apps/{id}/why',
    tag: 'Agents and instances',
    summary: 'What happened to the instances of an app, each with its cause',
    detail: 'Also of an app that is gone, for 7 days. The newest hundred without `limit`.',
    parameters: [parameters.limit, parameters.cursor],
    answers: [
      {
        status: 200,
        meaning: 'The reasons, newest first.',
        schema: object({ appId: text, reasons: listOf(reason) }),
      },
    ],
    errors: ['not-found', 'invalid-argument', 'storage-unavailable'],
    example: { target: '/v3/apps/shop/web/why?limit=20' },
  },
  {
    method: 'GET',
    path: '/v3/instances/{instanceId}/logs',
    tag: 'Agents and instances',
    summary: 'Output of the task of an instance',
    ...log(),
    parameters: [...logParameters, parameters.logTask],
    errors: ['not-found'],
  },
  {
    method: 'GET',
    path: '/v3/tasks/{taskId}/logs',
    tag: 'Agents and instances',
    summary: 'Output of a task',
    ...log(),
    parameters: logParameters,
    errors: ['not-found'],
  },
];

/** Of a proxy, for people. */
const listens = object(
  {
    httpsPort: count,
    httpsNames: texts,
    httpsNamesCut: flag,
    appPaths: flag,
    groups: texts,
    servicePorts: object({ from: count, to: count }),
  },
  ...['httpsPort', 'httpsNames', 'httpsNamesCut', 'groups', 'servicePorts'],
);

const about = object({ engine: text, host: text, worker: object({ index: count, of: count }) }, 'worker');
const tableName = object({ epoch: count, number: count });
const report = object(
  {
    address: text,
    run: text,
    listens,
    cluster: { type: ['string', 'null'] },
    epoch: count,
    confirmed: object({ epoch: count, number: count }),
    inFlight: mapOf(count),
    warnings: texts,
    leaving: flag,
    about,
  },
  'run',
  'listens',
  'about',
  'cluster',
  'leaving',
);

const addresses = object({
  apps: listOf(
    object({
      appId: text,
      ways: listOf(
        object(
          {
            by: { type: 'string', enum: ['host', 'service-port', 'app-id'] },
            portIndex: count,
            host: text,
            path: text,
            redirectToHttps: flag,
            https: texts,
            servicePort: count,
            mode: { type: 'string', enum: ['auto', 'http', 'tcp'] },
            bind: text,
            proxyHeader: flag,
            proxies: texts,
          },
          ...['host', 'path', 'redirectToHttps', 'https', 'servicePort', 'mode', 'bind', 'proxyHeader'],
        ),
      ),
    }),
  ),
});

export const PROXY_ENDPOINTS: readonly Endpoint[] = [
  {
    method: 'GET',
    path: '/v3/traffic',
    tag: 'Proxies',
    summary: 'What goes to which app, version and task, by all proxies',
    detail:
      'Of the last `windowSeconds` (30 to 60), by what proxies report every 3 s; not stored. `version` or `taskId` null: the proxy answered itself, or the tasks were summed for size. ' +
      'Apps without traffic are not listed. `broken`: without an answer; `aborted`: broken off before the answer was whole, by whom (see [the figures](proxy-figures.md)). ' +
      'A proxy itself tells more: `--proxy-admin-port`.',
    parameters: [parameters.limit, parameters.cursor],
    errors: ['invalid-argument'],
    answers: [
      {
        status: 200,
        meaning: 'The apps with traffic, by id.',
        schema: object({ windowSeconds: count, proxies: count, apps: listOf(measuredApp) }),
      },
    ],
    example: { target: '/v3/traffic' },
  },
  {
    method: 'GET',
    path: '/v3/proxies',
    tag: 'Proxies',
    summary: 'Registered proxies',
    detail:
      'Each worker of a proxy is one of its own (`about.worker`). `newest`: the table that all of them should have; `confirmed`: the one that it serves by, since `confirmedSince` ' +
      '(absent: since before the present leader). `heardAt`: its last report; `live`: less than 10 s ago. `warnings` that are about one app are also at `GET /v3/apps/ID/warnings`. ' +
      '`listens.httpsNames`: what its valid certificates are for, 1,000 names at most (`httpsNamesCut`: there are more).',
    parameters: [parameters.limit, parameters.cursor],
    errors: ['invalid-argument'],
    answers: [
      {
        status: 200,
        meaning: 'The proxies.',
        schema: object({
          newest: tableName,
          proxies: listOf(
            object(
              {
                ...{
                  id: text,
                  address: text,
                  live: flag,
                  listens,
                  about,
                  confirmed: tableName,
                  warnings: texts,
                },
                ...{ inFlight: mapOf(count), heardAt: time, confirmedSince: time },
              },
              ...['listens', 'about', 'heardAt', 'confirmedSince'],
            ),
          ),
        }),
      },
    ],
  },
  {
    method: 'GET',
    path: '/v3/addresses',
    tag: 'Proxies',
    summary: 'By which hosts, paths and ports each app is reached',
    detail:
      'As proxies route: what another app has, or what is outside of `--service-ports`, is not listed (`GET /v3/apps/ID/warnings` says so). `host` is on the main ports, ' +
      '`service-port` at a port of its own (never TLS), `app-id` under `/_app/` of the main port. `proxies` names the live proxies that serve this way, by their `--groups` and `--service-ports`; ' +
      'none: nothing answers there until a proxy that serves all, or one of the groups of the app, is started. Where the proxies are: `GET /v3/proxies`. ' +
      'Of a way by host `https` names those of them that have a valid certificate for it (a wildcard stands for one label); one of an older release does not say.',
    parameters: [
      { ...parameters.appOfInstances, meaning: 'Only this app, by its full id.' },
      parameters.limit,
      parameters.cursor,
    ],
    errors: ['invalid-argument', 'not-found'],
    answers: [{ status: 200, meaning: 'The ways to each app.', schema: addresses }],
    example: { target: '/v3/addresses?app=/shop/web' },
  },
  {
    method: 'DELETE',
    path: '/v3/proxies/{proxyId}',
    tag: 'Proxies',
    summary: 'Say that a proxy will not come back',
    detail:
      'Host ports that it may still route to can then be used again. One that lives, or died less than 10 s ago, is a conflict: stop it, which removes it too.',
    answers: [{ status: 200, meaning: 'Done.', schema: 'Message' }],
    errors: ['not-found', 'conflict'],
  },
  {
    method: 'GET',
    path: '/v3/routes',
    tag: 'Proxies',
    summary: 'Route tables, one JSON line each; held open',
    parameters: [
      parameters.routesEpoch,
      parameters.routesAfter,
      parameters.routesProxy,
      parameters.routesRun,
      parameters.routesAddress,
    ],
    answers: [
      {
        status: 200,
        meaning: 'Lines `table` and `heartbeat`.',
        type: 'application/x-ndjson',
        schema: anyText,
      },
    ],
    errors: ['invalid-argument', 'conflict', 'storage-unavailable'],
    token: 'proxy',
  },
  {
    method: 'POST',
    path: '/v3/proxies/{proxyId}',
    tag: 'Proxies',
    summary: 'Report of a proxy; renews its lease',
    body: { schema: report, meaning: 'What it has confirmed, and what is in flight.', required: true },
    answers: [
      {
        status: 200,
        meaning: 'The newest table.',
        schema: object({ cluster: text, epoch: count, number: count }),
      },
    ],
    errors: ['invalid-argument', 'conflict'],
    token: 'proxy',
  },
];
