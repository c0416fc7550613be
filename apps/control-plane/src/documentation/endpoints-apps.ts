// The endpoints of apps: their definitions, versions and tasks.
import type { ErrorCode } from '#libs/api-contract';
import { ref, shapes } from './answer-schemas.js';
import { ERRORS_OF_DEFINITIONS, ERRORS_OF_DEPLOYMENTS, type Answer, type Endpoint } from './endpoint.js';
import { MEASURED, measuredVersion } from './measured.js';
import * as parameters from './parameters.js';

const { object, listOf, text, time } = shapes;
const DEPLOYMENT_HEADER = { 'Marathon-Deployment-Id': 'Id of the deployment that was started.' };

const result = { anyOf: [ref('DeploymentResult'), ref('Plan')] };
/** The usual answer to a change that can be tried out. */
export const changed: Answer = {
  status: 200,
  meaning: 'The deployment that was started; with `dryRun=true` the plan.',
  schema: result,
  headers: DEPLOYMENT_HEADER,
};
export const planned: Answer = { status: 200, meaning: 'With `dryRun=true`: the plan.', schema: 'Plan' };
/** The usual answer to a change that cannot. */
export const started = (status = 200, meaning = 'The deployment that was started.'): Answer => ({
  status,
  meaning,
  schema: 'DeploymentResult',
  headers: DEPLOYMENT_HEADER,
});
export const CHANGE_ERRORS: readonly ErrorCode[] = [...ERRORS_OF_DEFINITIONS, ...ERRORS_OF_DEPLOYMENTS];

const tag = 'Apps';
const tasksOrDeployment: Answer = {
  status: 200,
  meaning:
    'The tasks that are killed; with `scale=true` the deployment that was started, or with `dryRun=true` as well its plan.',
  schema: { anyOf: [object({ tasks: listOf(ref('Task')) }), ...result.anyOf] },
};

const settings = object(
  {
    progressDeadlineSeconds: { type: 'integer', minimum: 10, maximum: 86_400 },
    minReadySeconds: { type: 'integer', minimum: 0, maximum: 86_400 },
  },
  'progressDeadlineSeconds',
  'minReadySeconds',
);
const settingsAnswer = object({ appId: text, settings });

const named = { version: text, weight: { type: 'integer', minimum: 0, maximum: 1_000 } };
const share = object(named);
const pinned = {
  by: { type: 'string', enum: ['header', 'cookie'] },
  name: text,
  value: text,
  version: text,
};
const shares = object({ shares: listOf(share), pins: listOf(object(pinned)) }, 'pins');
const trafficShown = object(
  {
    appId: text,
    group: object({ id: text, apps: shapes.texts }),
    shares: listOf(share),
    pins: listOf(object(pinned)),
    since: time,
    setBy: text,
    windowSeconds: shapes.count,
    measured: object({ appId: text, ...MEASURED }),
    versions: listOf(
      object(
        {
          appId: text,
          version: time,
          current: shapes.flag,
          instances: shapes.count,
          routed: shapes.count,
          weight: { type: ['integer', 'null'] },
          measured: { anyOf: [measuredVersion, { type: 'null' }] },
        },
        'appId',
      ),
    ),
  },
  'group',
  'since',
  'setBy',
);

const rollback = object({ text, toVersion: time, takesBack: text, instancesKept: shapes.count }, 'takesBack');

const HELLO = {
  id: '/shop/web',
  cmd: 'exec python3 -m http.server $PORT0',
  instances: 2,
  cpus: 0.1,
  mem: 64,
  labels: { team: 'shop' },
};

export const APP_ENDPOINTS: readonly Endpoint[] = [
  {
    method: 'GET',
    path: '/v2/apps',
    tag,
    summary: 'All apps',
    detail: 'The filters must all hold.',
    parameters: [
      parameters.idFilter,
      parameters.cmdFilter,
      parameters.labelFilter,
      parameters.appEmbed,
      parameters.limit,
      parameters.cursor,
    ],
    tagged: true,
    answers: [{ status: 200, meaning: 'The apps.', schema: object({ apps: listOf(ref('AppInfo')) }) }],
    errors: ['invalid-argument'],
    example: { target: '/v2/apps?embed=apps.tasks&label=team==shop' },
  },
  {
    method: 'POST',
    path: '/v2/apps',
    tag,
    summary: 'Create an app',
    detail:
      'Answers at once; the deployment goes on. Service ports that Longrun assigns still read 0 in this answer, a GET shows them. Groups on ' +
      'the way to the app are created.',
    parameters: [parameters.force, parameters.dryRun],
    body: {
      schema: 'App',
      meaning: 'A definition; see [app-definition.md](app-definition.md).',
      required: true,
    },
    answers: [
      {
        status: 201,
        meaning: 'The app as it was asked for, with its deployment.',
        schema: 'AppInfo',
        headers: { ...DEPLOYMENT_HEADER, Location: 'Address of the app.' },
      },
      planned,
    ],
    errors: ['already-exists', ...CHANGE_ERRORS],
    example: { target: '/v2/apps', body: HELLO },
  },
  {
    method: 'PUT',
    path: '/v2/apps',
    tag,
    summary: 'Create or change several apps in one deployment',
    parameters: [parameters.force, parameters.partialUpdate, parameters.dryRun],
    body: {
      schema: { type: 'array', items: ref('AppUpdate') },
      meaning: 'Updates or definitions, each with its `id`.',
      required: true,
    },
    answers: [changed],
    errors: ['not-found', 'invalid-argument', ...CHANGE_ERRORS],
    example: {
      target: '/v2/apps',
      body: [
        { id: '/shop/web', instances: 3 },
        { ...HELLO, id: '/shop/api' },
      ],
    },
  },
  {
    method: 'PATCH',
    path: '/v2/apps',
    tag,
    summary: 'Change several apps in one deployment',
    detail: 'Like PUT with `partialUpdate=true`, but an unknown app is 404, and then nothing is changed.',
    parameters: [parameters.force, parameters.dryRun],
    body: {
      schema: { type: 'array', items: ref('AppUpdate') },
      meaning: 'Updates, each with its `id`.',
      required: true,
    },
    answers: [changed],
    errors: ['not-found', 'invalid-argument', ...CHANGE_ERRORS],
  },
  {
    method: 'GET',
    path: '/v2/apps/{id}',
    tag,
    summary: 'One app',
    parameters: [parameters.appEmbed],
    tagged: true,
    answers: [{ status: 200, meaning: 'The app.', schema: object({ app: ref('AppInfo') }) }],
    errors: ['not-found'],
    example: { target: '/v2/apps/shop/web' },
  },
  {
    method: 'GET',
    path: '/v2/apps/{group}/*',
    tag,
    summary: 'All apps below a group',
    parameters: [parameters.appEmbed],
    tagged: true,
    answers: [{ status: 200, meaning: 'The apps.', schema: object({ '*': listOf(ref('AppInfo')) }) }],
    errors: ['not-found'],
    example: { target: '/v2/apps/shop/*' },
  },
  {
    method: 'PUT',
    path: '/v2/apps/{id}',
    tag,
    summary: 'Change an app, create it, or put an older version back',
    detail:
      'An `id` in the body is ignored. `{"version": "…"}` alone puts that version back. In a partial update lists and maps replace the stored ' +
      'as a whole, and `null` means "not given"; to unset a member use `partialUpdate=false`. What restarts instances: everything but `instances` ' +
      'and `executorResources`.',
    parameters: [parameters.force, parameters.partialUpdate, parameters.dryRun],
    body: { schema: 'AppUpdate', meaning: 'Some members of a definition, or a whole one.', required: true },
    answers: [changed, started(201, 'It did not exist and was created.')],
    errors: ['not-found', ...CHANGE_ERRORS],
    example: { target: '/v2/apps/shop/web', body: { instances: 4 } },
  },
  {
    method: 'PUT',
    path: '/v3/apps/{id}',
    tag,
    summary: 'Change an app or create it, and supersede what is under way',
    detail:
      'As `PUT /v2/apps/{id}`, but a running deployment that holds the app is never in the way: it ends as superseded, with a reason that names the new one, also its part for ' +
      'other apps. An app whose id ends in `/settings` is changed under `/v2`.',
    parameters: [parameters.partialUpdate, parameters.dryRun],
    body: { schema: 'AppUpdate', meaning: 'Some members of a definition, or a whole one.', required: true },
    answers: [changed, started(201, 'It did not exist and was created.')],
    errors: ['not-found', ...CHANGE_ERRORS],
    example: { target: '/v3/apps/shop/web', body: { instances: 4 } },
  },
  {
    method: 'POST',
    path: '/v3/apps/{id}/rollback',
    tag,
    summary: 'Go back to what was there before',
    detail:
      'A deployment that holds the app is taken back, as `DELETE /v2/deployments/{deploymentId}` does, with all that it changed. Without one the app goes back to the newest older ' +
      'definition that differs from the present one and whose deployment succeeded, under a new version; the number of instances stays. Instances of that definition that ' +
      'still run (`instancesKept`) go on and are not restarted; `text` says all of it in words. A second call, once it is done, so puts back what the first one took away, if that had ' +
      'succeeded. 409 when there is nothing to go back to, or when it is under way.',
    parameters: [parameters.dryRun],
    answers: [
      {
        ...changed,
        schema: { allOf: [result, object({ rollback })] },
      },
    ],
    errors: ['not-found', ...CHANGE_ERRORS],
    example: { target: '/v3/apps/shop/web/rollback?dryRun=true' },
  },
  {
    method: 'GET',
    path: '/v3/apps/{id}/settings',
    tag,
    summary: 'What is set for an app beside its definition',
    answers: [
      {
        status: 200,
        meaning: 'The settings; a member that is not set is not there.',
        schema: settingsAnswer,
      },
    ],
    errors: ['not-found'],
    example: { target: '/v3/apps/shop/web/settings' },
  },
  {
    method: 'PUT',
    path: '/v3/apps/{id}/settings',
    tag,
    summary: 'Set how the deployments of an app go, without a new version',
    detail:
      'The whole of the settings: a member that is not given is not set any more. They act at once, also on a deployment that runs, win over the labels `longrun.io/progress-deadline-seconds` ' +
      'and `longrun.io/min-ready-seconds`, outlive changes of the definition and go with the app. A deadline that is set is obeyed exactly; one too short for the checks of the app has a warning.',
    body: { schema: settings, meaning: 'The settings.', required: true },
    answers: [{ status: 200, meaning: 'They are in force.', schema: settingsAnswer }],
    errors: ['not-found', ...ERRORS_OF_DEFINITIONS],
    example: {
      target: '/v3/apps/shop/web/settings',
      body: { progressDeadlineSeconds: 120, minReadySeconds: 30 },
    },
  },
  {
    method: 'DELETE',
    path: '/v3/apps/{id}/settings',
    tag,
    summary: 'Take the settings of an app back',
    answers: [{ status: 204, meaning: 'None is set any more.' }],
    errors: ['not-found'],
  },
  {
    method: 'GET',
    path: '/v3/apps/{id}/traffic',
    tag,
    summary: 'How the traffic of an app is shared between its versions, and what proxies measured',
    detail:
      'Per version: how many instances it has, how many of them are routed, its weight (null: not named), and what went to it within the last ' +
      '`windowSeconds` by all proxies; null: nothing was told. `current`: of the config of the current version, whatever its name. An app of a deployment group names it (`group`), and what ' +
      'came to its tasks by the group counts as its own. With the id of a deployment group: the rows of all its apps, each with its `appId`.',
    answers: [{ status: 200, meaning: 'Wanted and measured.', schema: trafficShown }],
    errors: ['not-found'],
    example: { target: '/v3/apps/shop/web/traffic' },
  },
  {
    method: 'PUT',
    path: '/v3/apps/{id}/traffic',
    tag,
    summary: 'Share the traffic of an app between its versions, whatever the number of their instances',
    detail:
      'The whole of the shares and pins. A version is a timestamp, `current` or `previous` (the newest that the current one replaces), and must have instances or be the current one. ' +
      'What it has of the sum of the weights is its share, as long as one of its instances can answer; a version that is not named gets 0. Requests with a pinned header or cookie go ' +
      'to its version whatever the shares. While an older version has a weight above 0, a rollout keeps its instances and waits, and its deadline does not run; it goes on when the ' +
      'current one has all of it, or after DELETE. The shares end with the rollout, and with a rollback.',
    body: { schema: shares, meaning: 'Shares, and pins if there are any.', required: true },
    answers: [{ status: 200, meaning: 'They are in the route table.', schema: trafficShown }],
    errors: ['not-found', 'conflict', ...ERRORS_OF_DEFINITIONS],
    example: {
      target: '/v3/apps/shop/web/traffic',
      body: {
        shares: [{ version: 'current', weight: 100 }],
        pins: [{ by: 'header', name: 'X-Canary', value: 'yes', version: 'current' }],
      },
    },
  },
  {
    method: 'DELETE',
    path: '/v3/apps/{id}/traffic',
    tag,
    summary: 'Share the traffic of an app by instances again',
    detail: 'A rollout that was held goes on.',
    answers: [{ status: 204, meaning: 'No shares are set any more.' }],
    errors: ['not-found'],
  },
  {
    method: 'PATCH',
    path: '/v2/apps/{id}',
    tag,
    summary: 'Change an app that exists',
    detail: 'As PUT with `partialUpdate=true`, but never creates.',
    parameters: [parameters.force, parameters.dryRun],
    body: { schema: 'AppUpdate', meaning: 'Some members of a definition.', required: true },
    answers: [changed],
    errors: ['not-found', ...CHANGE_ERRORS],
  },
  {
    method: 'DELETE',
    path: '/v2/apps/{id}',
    tag,
    summary: 'Remove an app and its stored versions',
    parameters: [parameters.forceByDefault, parameters.dryRun],
    answers: [changed],
    errors: ['not-found', ...ERRORS_OF_DEPLOYMENTS],
    example: { target: '/v2/apps/shop/web' },
  },
  {
    method: 'POST',
    path: '/v2/apps/{id}/restart',
    tag,
    summary: 'Replace all instances under the upgrade strategy',
    parameters: [parameters.force, parameters.dryRun],
    answers: [changed],
    errors: ['not-found', ...ERRORS_OF_DEPLOYMENTS, 'disk-full'],
    example: { target: '/v2/apps/shop/web/restart' },
  },
  {
    method: 'DELETE',
    path: '/v2/apps/{id}/restart',
    tag,
    summary: 'Remove an app whose id ends in `/restart`',
    detail: 'No new app can have such an id.',
    parameters: [parameters.forceByDefault, parameters.dryRun],
    answers: [changed],
    errors: ['not-found', ...ERRORS_OF_DEPLOYMENTS],
  },
  {
    method: 'GET',
    path: '/v2/apps/{id}/tasks',
    tag,
    summary: 'Tasks of an app',
    detail:
      'With `Accept: text/plain` as lines of tab-separated fields: name of the app, service port, and `host:port` of each running task.',
    tagged: true,
    answers: [{ status: 200, meaning: 'The tasks.', schema: object({ tasks: listOf(ref('Task')) }) }],
    errors: ['not-found'],
    parameters: [parameters.containerNetworks],
    example: { target: '/v2/apps/shop/web/tasks' },
  },
  {
    method: 'GET',
    path: '/v2/apps/{group}/*/tasks',
    tag,
    summary: 'Tasks of all apps below a group',
    tagged: true,
    answers: [{ status: 200, meaning: 'The tasks.', schema: object({ tasks: listOf(ref('Task')) }) }],
    errors: ['not-found'],
  },
  {
    method: 'DELETE',
    path: '/v2/apps/{id}/tasks',
    tag,
    summary: 'Kill tasks of an app',
    detail: 'They leave the route table and finish their requests first. Without `scale` they are replaced.',
    parameters: [parameters.host, parameters.scale, parameters.wipe, parameters.force, parameters.dryRun],
    answers: [tasksOrDeployment],
    errors: ['not-found', ...ERRORS_OF_DEPLOYMENTS],
    example: { target: '/v2/apps/shop/web/tasks?scale=true' },
  },
  {
    method: 'DELETE',
    path: '/v2/apps/{id}/tasks/{taskId}',
    tag,
    summary: 'Kill one task',
    parameters: [parameters.scale, parameters.wipe, parameters.force, parameters.dryRun],
    answers: [
      {
        status: 200,
        meaning:
          'The task; with `scale=true` the deployment that was started, or with `dryRun=true` as well its plan.',
        schema: {
          anyOf: [object({ task: ref('Task') }), object({ tasks: listOf(ref('Task')) }), ...result.anyOf],
        },
      },
    ],
    errors: ['not-found', ...ERRORS_OF_DEPLOYMENTS],
  },
  {
    method: 'GET',
    path: '/v2/apps/{id}/versions',
    tag,
    summary: 'Versions of an app, newest first',
    tagged: true,
    answers: [
      { status: 200, meaning: 'The first is the present one.', schema: object({ versions: listOf(time) }) },
    ],
    errors: ['not-found', 'storage-unavailable'],
    example: { target: '/v2/apps/shop/web/versions' },
  },
  {
    method: 'GET',
    path: '/v2/apps/{id}/versions/{version}',
    tag,
    summary: 'The definition of one version',
    tagged: true,
    answers: [{ status: 200, meaning: 'The definition.', schema: 'AppInfo' }],
    errors: ['not-found', 'invalid-argument', 'storage-unavailable'],
  },
];
