// The endpoints of what runs and is about to run: tasks, deployments, the queue, events.
import { ref, shapes } from './answer-schemas.js';
import { ERRORS_OF_DEPLOYMENTS, type Answer, type Endpoint } from './endpoint.js';
import { changed, CHANGE_ERRORS } from './endpoints-apps.js';
import * as parameters from './parameters.js';

const { object, listOf, texts, text, count } = shapes;
const stream = (meaning: string): Answer => ({
  status: 200,
  meaning,
  type: 'text/event-stream',
  schema: { type: 'string' },
});

export const TASK_ENDPOINTS: readonly Endpoint[] = [
  {
    method: 'GET',
    path: '/v2/tasks',
    tag: 'Tasks',
    summary: 'All tasks',
    detail:
      'Here, and only here, `servicePorts` is filled, in the order of `ports`. With `Accept: text/plain` as lines of tab-separated fields: name of the app, ' +
      'service port, and `host:port` of each running task.',
    parameters: [
      parameters.status,
      parameters.statusList,
      parameters.containerNetworks,
      parameters.limit,
      parameters.cursor,
    ],
    tagged: true,
    answers: [{ status: 200, meaning: 'The tasks.', schema: object({ tasks: listOf(ref('Task')) }) }],
    example: { target: '/v2/tasks?status=running', headers: ['Accept: text/plain'] },
  },
  {
    method: 'POST',
    path: '/v2/tasks/delete',
    tag: 'Tasks',
    summary: 'Kill tasks by their ids',
    detail: 'Ids of tasks that do not exist are skipped.',
    parameters: [parameters.scale, parameters.wipe, parameters.force, parameters.dryRun],
    body: { schema: object({ ids: texts }), meaning: '`{"ids": ["…"]}`', required: true },
    answers: [
      {
        status: 200,
        meaning:
          'The tasks that are killed; with `scale=true` the deployment that was started, or with `dryRun=true` as well its plan.',
        schema: { anyOf: [object({ tasks: listOf(ref('Task')) }), ref('DeploymentResult'), ref('Plan')] },
      },
    ],
    errors: ['schema-violation', ...ERRORS_OF_DEPLOYMENTS],
    example: { target: '/v2/tasks/delete', body: { ids: ['shop_web.6bd43f0f-2b35-4a37-8d4f-fb3a0d6a8d5e'] } },
  },
];

const story = {
  allOf: [
    ref('Deployment'),
    object(
      {
        status: { enum: ['running', 'succeeded', 'failed', 'cancelled'] },
        reason: text,
        cause: object({ kind: text, text, ref: text }, 'ref'),
        startedAt: text,
        endedAt: text,
        deadlineAt: text,
        waitsFor: texts,
      },
      'reason',
      'cause',
      'endedAt',
      'deadlineAt',
      'waitsFor',
    ),
  ],
};

export const DEPLOYMENT_ENDPOINTS: readonly Endpoint[] = [
  {
    method: 'POST',
    path: '/v3/plan',
    tag: 'Deployments',
    summary: 'What a change of apps or groups would do',
    detail:
      'Takes the body of `PUT /v2/apps` (a list) or of `PUT /v2/groups` (an object) and changes nothing. The change is carried out in an imagined copy of the cluster by the ' +
      'rules of a real deployment, with tasks that come up well: which members differ, the steps, what starts and stops where and in which order, the most that is used on the ' +
      'way, and whether it fits. It is refused where the change would be. `dryRun=true` tells the same of every other change.',
    parameters: [parameters.force, parameters.partialUpdate, parameters.showEnv],
    body: {
      schema: { anyOf: [{ type: 'array', items: ref('AppUpdate') }, ref('GroupUpdate')] },
      meaning: 'A list of updates or definitions, or an update of a group.',
      required: true,
    },
    answers: [{ status: 200, meaning: 'What it would do.', schema: 'Plan' }],
    errors: ['not-found', 'invalid-argument', 'already-exists', ...CHANGE_ERRORS],
    example: { target: '/v3/plan', body: [{ id: '/shop/web', instances: 3 }] },
  },
  {
    method: 'GET',
    path: '/v2/deployments',
    tag: 'Deployments',
    summary: 'Running deployments',
    detail: '`currentStep` counts from 1; 0 is one that waits to start.',
    tagged: true,
    answers: [{ status: 200, meaning: 'The deployments.', schema: listOf(ref('Deployment')) }],
    example: { target: '/v2/deployments' },
  },
  {
    method: 'DELETE',
    path: '/v2/deployments/{deploymentId}',
    tag: 'Deployments',
    summary: 'Take a running deployment back, or stop it where it is',
    detail:
      'Without `force` a new deployment puts back what was before. With `force=true` it just ends: the new definitions stay, and old and new instances run beside each other.',
    parameters: [
      { ...parameters.force, meaning: 'Stop it where it is instead of taking it back.' },
      parameters.dryRun,
    ],
    answers: [
      {
        ...changed,
        meaning: 'The deployment that takes it back; with `dryRun=true` its plan, also with `force=true`.',
      },
      { status: 202, meaning: 'With `force=true`: stopped; no body.' },
    ],
    errors: ['not-found', ...CHANGE_ERRORS],
  },
  {
    method: 'GET',
    path: '/v3/deployments',
    tag: 'Deployments',
    summary: 'Deployments, newest first, with their outcome and reason',
    detail:
      'Running ones and the last 50 that ended; all that are stored with `limit`. `cause` says who asked for it. Of one that runs `deadlineAt` says when it will fail if nothing moves before, and ' +
      '`waitsFor` what of its step is not done; of one that ended `reason` says why it failed, or which deployment superseded it or took it back.',
    parameters: [parameters.limit, parameters.cursor],
    tagged: true,
    answers: [{ status: 200, meaning: 'The deployments.', schema: object({ deployments: listOf(story) }) }],
    errors: ['storage-unavailable', 'invalid-argument'],
    example: { target: '/v3/deployments?limit=10' },
  },
  {
    method: 'GET',
    path: '/v3/deployments/{deploymentId}',
    tag: 'Deployments',
    summary: 'One deployment, running or ended',
    answers: [{ status: 200, meaning: 'The deployment.', schema: story }],
    errors: ['not-found', 'storage-unavailable'],
  },
];

export const QUEUE_ENDPOINTS: readonly Endpoint[] = [
  {
    method: 'GET',
    path: '/v2/queue',
    tag: 'Queue',
    summary: 'Apps with instances that wait to be launched',
    detail:
      'An "offer" is one agent considered in one attempt. `overdue` is true when no delay holds the app back: then it waits for resources.',
    parameters: [parameters.queueEmbed],
    answers: [
      { status: 200, meaning: 'The waiting apps.', schema: object({ queue: listOf(ref('QueueItem')) }) },
    ],
    example: { target: '/v2/queue?embed=lastUnusedOffers' },
  },
  {
    method: 'DELETE',
    path: '/v2/queue/{id}/delay',
    tag: 'Queue',
    summary: 'Forget the launch delay of an app',
    answers: [{ status: 204, meaning: 'Forgotten; no body.' }],
    errors: ['not-found', 'conflict'],
    example: { target: '/v2/queue/shop/web/delay' },
  },
  {
    method: 'GET',
    path: '/v3/apps/{id}/waiting',
    tag: 'Queue',
    summary: 'Why instances of an app do not run yet, in sentences',
    answers: [
      {
        status: 200,
        meaning: '`waiting` is for people; `agents` says per agent what is missing.',
        schema: object({ appId: text, missing: count, waiting: texts, agents: listOf(object({})) }),
      },
    ],
    errors: ['not-found'],
    example: { target: '/v3/apps/shop/web/waiting' },
  },
  {
    method: 'GET',
    path: '/v3/apps/{id}/history',
    tag: 'Apps',
    summary: 'Versions of an app with what each one changed',
    parameters: [parameters.limit, parameters.cursor],
    tagged: true,
    answers: [
      {
        status: 200,
        meaning: 'Newest first: `kind`, and `changes` with paths as in errors.',
        schema: object({
          appId: text,
          versions: listOf(object({ version: text, kind: text, changes: listOf(object({})) })),
        }),
      },
    ],
    errors: ['not-found', 'invalid-argument', 'storage-unavailable'],
    example: { target: '/v3/apps/shop/web/history' },
  },
  {
    method: 'GET',
    path: '/v3/apps/{id}/warnings',
    tag: 'Queue',
    summary: 'What in the definition of an app has no effect, and why',
    answers: [{ status: 200, meaning: 'The warnings.', schema: object({ appId: text, warnings: texts }) }],
    errors: ['not-found'],
  },
];

const RESUME =
  'Each event has a number as its `id:` line. Events are kept for 7 days or one million, whatever is reached first; a number older than that is answered with 410.';

export const EVENT_ENDPOINTS: readonly Endpoint[] = [
  {
    method: 'GET',
    path: '/v2/events',
    tag: 'Events',
    summary: "The event stream, with Marathon's types",
    detail: `Server-sent events; see [events.md](events.md). ${RESUME}`,
    parameters: [
      parameters.acceptStream,
      parameters.eventType,
      parameters.planFormat,
      parameters.lastEventId,
      parameters.lastEventIdQuery,
    ],
    answers: [stream('The stream, until the client ends it.')],
    errors: ['method-not-allowed', 'cursor-gone'],
    example: {
      target: '/v2/events?event_type=deployment_success&plan-format=light',
      headers: ['Accept: text/event-stream'],
    },
  },
  {
    method: 'OPTIONS',
    path: '/v2/events',
    tag: 'Events',
    summary: 'Methods of the stream',
    answers: [
      { status: 200, meaning: 'In the header `Allow`; no body.', headers: { Allow: '`GET, HEAD, OPTIONS`' } },
    ],
  },
  {
    method: 'GET',
    path: '/v3/events',
    tag: 'Events',
    summary: 'The event stream, with all types',
    parameters: [
      parameters.acceptStream,
      parameters.eventType,
      parameters.planFormat,
      parameters.lastEventId,
      parameters.lastEventIdQuery,
    ],
    answers: [stream('The stream, until the client ends it.')],
    errors: ['method-not-allowed', 'cursor-gone'],
  },
];
