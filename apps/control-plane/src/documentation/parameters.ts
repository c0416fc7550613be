// Parameters, each written down once for all endpoints that take it. Booleans follow Marathon: `true` in any case is true, every
// other text is false, and none of them is an error.
import type { Parameter } from './endpoint.js';

const flag = (name: string, fallback: boolean, meaning: string): Parameter => ({
  name,
  in: 'query',
  schema: { type: 'boolean', default: fallback },
  meaning,
});
const text = (name: string, meaning: string, whenAbsent: string): Parameter => ({
  name,
  in: 'query',
  schema: { type: 'string' },
  meaning,
  whenAbsent,
});
const repeatable = (
  name: string,
  values: readonly string[],
  meaning: string,
  whenAbsent: string,
): Parameter => ({
  name,
  in: 'query',
  schema: { type: 'array', items: { type: 'string', ...(values.length ? { examples: values } : {}) } },
  meaning,
  whenAbsent,
  repeatable: true,
});

export const force = flag(
  'force',
  false,
  'Take what a running deployment holds: that deployment is cancelled. Without it such a call is refused with 409.',
);
export const forceByDefault: Parameter = {
  ...force,
  schema: { type: 'boolean', default: true },
  meaning: 'Also while a deployment of the app runs. Only here is it the default.',
};
export const dryRun = flag(
  'dryRun',
  false,
  'Only answer the plan, and change nothing: the steps, and in `plan` what `POST /v3/plan` tells (`PUT /v2/groups` answers the steps alone, as ' +
    'Marathon does). Changes that have no plan refuse it.',
);
export const showEnv = flag(
  'showEnv',
  false,
  'With a plan: show the values of the environment and of `container/docker/parameters`, too. Without it only their names are told, for they may be secrets.',
);
export const partialUpdate = flag(
  'partialUpdate',
  true,
  'True: members that are given replace the stored ones, each as a whole; the others stay. False: the body is a complete definition, and ' +
    'what it leaves out gets its default.',
);
/** Of lists that may be long. */
export const limit: Parameter = {
  name: 'limit',
  in: 'query',
  schema: { type: 'integer', minimum: 1, maximum: 1000 },
  meaning: 'At most so many. When there are more, the header `Link` has the address of the next page.',
  whenAbsent: 'all',
};
export const cursor: Parameter = {
  name: 'cursor',
  in: 'query',
  schema: { type: 'string' },
  meaning:
    'Where a page begins; take it as it is from `Link`. An item that stays is shown once, whatever comes and goes meanwhile.',
  whenAbsent: 'the first page',
};
export const ifNoneMatch: Parameter = {
  name: 'If-None-Match',
  in: 'header',
  schema: { type: 'string' },
  meaning: 'The `ETag` of an earlier answer: 304 without a body as long as nothing changed.',
  whenAbsent: 'always the whole answer',
};
export const scale = flag(
  'scale',
  false,
  'Also lower `instances` by the number of tasks that are killed, as a deployment. Without it they are replaced.',
);
export const wipe = flag(
  'wipe',
  false,
  'Also give up what belongs to the instance, for good; the answer comes when the tasks have ended. Not together with `scale`.',
);
export const host = text('host', 'Only tasks on this host; `*` is all.', 'all');

export const appEmbed = repeatable(
  'embed',
  [
    'apps.tasks',
    'apps.counts',
    'apps.deployments',
    'apps.readiness',
    'apps.lastTaskFailure',
    'apps.failures',
    'apps.taskStats',
  ],
  'What to add to each app: `tasks`, `counts`, `deployments`, `readiness`, `lastTaskFailure`, `failures`, `taskStats`; bare, or with `app.` ' +
    'or `apps.` before it. Unknown values are ignored.',
  'a list shows counts and deployments; one app and the form with `*` also tasks and the last failure; these are always shown',
);
export const groupEmbed = repeatable(
  'embed',
  ['group.groups', 'group.apps', 'group.pods', 'group.apps.tasks', 'group.apps.counts'],
  '`group.groups`, `group.apps`, `group.pods`, and `group.apps.` with what can be added to an app. Once one is given, only what is named is shown.',
  'groups and apps, without anything added to the apps',
);
export const queueEmbed = repeatable(
  'embed',
  ['lastUnusedOffers'],
  '`lastUnusedOffers`: which agents were considered last, what is free on them, and why they were not taken.',
  'nothing added',
);
export const idFilter = text('id', 'Only apps whose id contains this text, in any case.', 'all');
export const cmdFilter = text('cmd', 'Only apps whose `cmd` contains this text, in any case.', 'all');
export const labelFilter = text(
  'label',
  'Only apps with these labels: `key`, `key==value`, `key!=value`, `key in (a, b)`, `key notin (a, b)`, several with commas. Each form asks that the ' +
    'label exists, also `!=` and `notin`. Characters other than letters, digits, `.`, `_`, `-` need a backslash.',
  'all',
);
const statuses = ['running', 'staging'];
export const status = repeatable(
  'status',
  statuses,
  'Only tasks in this state: `running` or `staging`. Other texts are ignored.',
  'all',
);
export const statusList = repeatable(
  'status[]',
  statuses,
  'The same as `status`, as older clients write it.',
  'all',
);
export const containerNetworks = repeatable(
  'containerNetworks',
  ['backend', '*'],
  'In the text form, tasks on these container networks are listed at their own addresses for ports without a host port; with commas or repeated, ' +
    '`*` for all networks.',
  'they are left out',
);
export const eventType = repeatable(
  'event_type',
  ['status_update_event', 'deployment_success'],
  'Only events of exactly this type.',
  'all',
);
export const planFormat: Parameter = {
  ...text(
    'plan-format',
    '`light`: plans in events have only `id`, `version` and `steps`.',
    'also `original` and `target`, the groups before and after',
  ),
  schema: { type: 'string', enum: ['light'] },
};
export const lastEventId: Parameter = {
  name: 'Last-Event-ID',
  in: 'header',
  schema: { type: 'string' },
  meaning:
    'Number of the last event that was read: the stream goes on with the one after it, with none missed and none twice.',
  whenAbsent: 'the stream begins with what happens now',
};
export const lastEventIdQuery: Parameter = {
  name: 'lastEventId',
  in: 'query',
  schema: { type: 'integer', minimum: 0 },
  meaning: 'The same for tools that cannot set headers; the header wins. 0 is before the first event.',
  whenAbsent: 'as above',
};
export const acceptStream: Parameter = {
  name: 'Accept',
  in: 'header',
  schema: { type: 'string', const: 'text/event-stream' },
  meaning: 'Must name `text/event-stream`; otherwise the answer is 405.',
  required: true,
};
export const appOfInstances = text('app', 'Only instances of this app, by its full id.', 'all');
export const logStream: Parameter = {
  name: 'stream',
  in: 'query',
  schema: { type: 'string', enum: ['stdout', 'stderr'], default: 'stdout' },
  meaning: 'Which output.',
};
export const logFrom: Parameter = {
  name: 'from',
  in: 'query',
  schema: { type: 'integer', default: 0 },
  meaning: 'Where to begin, in bytes; negative: that many before the end.',
};
export const logFollow = flag(
  'follow',
  false,
  'Go on with what is written from now on, until the client or the task ends.',
);
export const logTask = text('task', 'An earlier task of this instance.', 'its present task');
export const routesEpoch: Parameter = {
  name: 'epoch',
  in: 'query',
  schema: { type: 'integer', default: 0 },
  meaning: 'Highest epoch that the proxy has seen.',
};
export const routesAfter: Parameter = {
  name: 'after',
  in: 'query',
  schema: { type: 'integer', default: -1 },
  meaning: 'Number of the table that the proxy has; newer ones are sent.',
};
export const routesProxy = text(
  'proxy',
  'Id of the proxy that asks, as in its reports: stops wait for it from the first line on, for 10 s or until it reports. Without it nothing waits: for readers that are no proxies.',
  'none',
);
export const routesRun = text('run', 'With `proxy`: its run, as in its reports.', 'none');
export const routesAddress = text('address', 'With `proxy`: its address, as in its reports.', 'none');

const noStorage = 'Refused: everything is in Postgres. Use `pg_dump` and `pg_restore`.';
export const backup = text('backup', noStorage, 'nothing');
export const restore = text('restore', noStorage, 'nothing');

/** What stands in braces in paths. */
export const PATH_PARAMETERS: Readonly<
  Record<string, { readonly meaning: string; readonly example: string }>
> = {
  id: {
    meaning: 'Id with its slashes and without the first: `shop/web`. Doubled slashes count as one.',
    example: 'shop/web',
  },
  group: { meaning: 'Id of a group with its slashes and without the first: `shop`.', example: 'shop' },
  taskId: { meaning: 'Id of a task.', example: 'shop_web.6bd43f0f-2b35-4a37-8d4f-fb3a0d6a8d5e' },
  version: { meaning: 'A version as it is listed, a timestamp.', example: '2026-01-31T12:00:00.000Z' },
  deploymentId: { meaning: 'Id of a deployment.', example: '5ed4c0c5-9ff8-4a6f-a0cd-f57f59a34b43' },
  instanceId: {
    meaning: 'Id of an instance.',
    example: 'shop_web.instance-6bd43f0f-2b35-4a37-8d4f-fb3a0d6a8d5e',
  },
  agentId: { meaning: 'Id of an agent.', example: 'a1' },
  proxyId: { meaning: 'Id of a proxy.', example: 'p1' },
  pluginId: { meaning: 'Id of a plugin.', example: 'auth' },
  path: { meaning: 'Any path.', example: 'x' },
};
