// The endpoints of groups, and of pods, which exist only to say that there are none.
import { ref, shapes } from './answer-schemas.js';
import { ERRORS_OF_DEPLOYMENTS, type Endpoint, type Method } from './endpoint.js';
import { changed, CHANGE_ERRORS, planned, started } from './endpoints-apps.js';
import * as parameters from './parameters.js';

const { listOf, time } = shapes;
const tag = 'Groups';
const ROOT = { path: '/v2/groups', of: 'the whole tree' };
const ONE = { path: '/v2/groups/{group}', of: 'a group' };
const body = {
  schema: 'GroupUpdate',
  meaning:
    'The wanted content, or `{"scaleBy": n}` alone (`instances` of every app below times n, rounded up), or `{"version": "…"}` alone.',
  required: true,
};
const STRUCTURE =
  'A member that is absent keeps what is stored. `apps`, when given, is the whole set of that group: apps that are missing in it are stopped and ' +
  'removed. The same holds for `groups`. Ids are relative to the group around them, or absolute.';

const NEW_GROUP = {
  id: '/demo',
  apps: [
    { id: 'web', cmd: 'sleep 3600', cpus: 0.1, mem: 32, dependencies: ['/demo/db'] },
    { id: 'db', cmd: 'sleep 3600', cpus: 0.1, mem: 32 },
  ],
};

function endpointsOf({ path, of }: typeof ROOT): readonly Endpoint[] {
  const unknown = path === ROOT.path ? [] : (['not-found'] as const);
  const at = (method: Method, suffix = ''): Pick<Endpoint, 'method' | 'path' | 'tag'> => ({
    method,
    path: path + suffix,
    tag,
  });
  return [
    {
      ...at('GET'),
      summary: `Read ${of}`,
      parameters: [parameters.groupEmbed],
      tagged: true,
      answers: [{ status: 200, meaning: 'The group, with its apps and groups.', schema: 'GroupInfo' }],
      errors: unknown,
      ...(path === ONE.path
        ? { example: { target: '/v2/groups/shop?embed=group.apps&embed=group.apps.counts' } }
        : {}),
    },
    {
      ...at('GET', '/apps'),
      summary: path === ROOT.path ? 'All apps, as a list' : 'All apps below a group, as a list',
      parameters: [parameters.groupEmbed],
      tagged: true,
      answers: [
        { status: 200, meaning: 'The apps; none for an unknown group.', schema: listOf(ref('AppInfo')) },
      ],
    },
    {
      ...at('GET', '/versions'),
      summary: `Versions of ${of}, newest first`,
      tagged: true,
      answers: [{ status: 200, meaning: 'The versions.', schema: listOf(time) }],
      errors: [...unknown, 'storage-unavailable'],
    },
    {
      ...at('GET', '/versions/{version}'),
      summary: `${of === ROOT.of ? 'The whole tree' : 'A group'} as it was`,
      parameters: [parameters.groupEmbed],
      tagged: true,
      answers: [{ status: 200, meaning: 'The group at that version.', schema: 'GroupInfo' }],
      errors: ['not-found', 'invalid-argument', 'storage-unavailable'],
    },
    {
      ...at('POST'),
      summary: path === ROOT.path ? 'Create a group' : 'Create a group below another',
      detail:
        path === ROOT.path
          ? `The body's \`id\` says which; groups on the way to it are created. For what \`apps\` and \`groups\` mean see [PUT](#put-v2groupsgroup).`
          : `The new group is the path with the body's \`id\` after it.`,
      parameters: [parameters.force, parameters.dryRun],
      body: { ...body, meaning: 'The group, with its `id`.' },
      answers: [
        {
          ...started(201),
          headers: { ...started().headers, Location: 'Address of the group.' },
        },
        planned,
      ],
      errors: ['already-exists', 'invalid-argument', ...CHANGE_ERRORS],
      ...(path === ROOT.path ? { example: { target: '/v2/groups', body: NEW_GROUP } } : {}),
    },
    {
      ...at('PUT'),
      summary: `Create or change ${of}`,
      detail: path === ROOT.path ? 'As for [one group](#put-v2groupsgroup).' : STRUCTURE,
      parameters: [parameters.force, parameters.dryRun],
      body,
      answers: [changed],
      errors: ['not-found', 'invalid-argument', ...CHANGE_ERRORS],
      ...(path === ONE.path ? { example: { target: '/v2/groups/shop', body: { scaleBy: 2 } } } : {}),
    },
    {
      ...at('DELETE'),
      summary: path === ROOT.path ? 'Remove everything' : 'Remove a group with all its content',
      ...(path === ROOT.path ? {} : { detail: 'What depends on it elsewhere does not prevent it.' }),
      parameters: [parameters.force, parameters.dryRun],
      answers: [changed],
      errors: [...unknown, ...ERRORS_OF_DEPLOYMENTS],
      ...(path === ONE.path ? { example: { target: '/v2/groups/shop' } } : {}),
    },
  ];
}

const roleChange = { type: 'object', properties: { enforceRole: { type: 'boolean', default: false } } };

export const GROUP_ENDPOINTS: readonly Endpoint[] = [
  ...endpointsOf(ROOT),
  ...endpointsOf(ONE),
  {
    method: 'PATCH',
    path: '/v2/groups',
    tag,
    summary: 'Refused: only a top-level group has `enforceRole`',
    body: { schema: roleChange, meaning: '`{"enforceRole": true}`', required: true },
    answers: [],
    errors: ['schema-violation', 'rule-violation'],
  },
  {
    method: 'PATCH',
    path: '/v2/groups/{group}',
    tag,
    summary: 'Change `enforceRole` of a top-level group',
    detail: 'No deployment, no restart.',
    parameters: [parameters.dryRun],
    body: {
      schema: roleChange,
      meaning: '`{"enforceRole": true}`',
      required: true,
    },
    answers: [
      { status: 200, meaning: 'Done; no body. With `dryRun=true` an empty plan, and nothing is done.' },
    ],
    errors: ['not-found', 'schema-violation', 'rule-violation', 'conflict'],
  },
];

const noPods = { tag: 'Only for those who ask', answers: [] } as const;
const NO_PODS = 'Clients ask this to learn whether a server knows pods. This version does not.';
const REFUSED = 'Refused with the remedy: send the containers of a pod as apps.';
const podBody = { schema: 'Pod', meaning: 'A pod.', required: true };

export const POD_ENDPOINTS: readonly Endpoint[] = [
  {
    ...noPods,
    method: 'GET',
    path: '/v2/pods',
    summary: 'There are no pods',
    detail: NO_PODS,
    errors: ['uri-not-found'],
  },
  { ...noPods, method: 'GET', path: '/v2/pods/{id}', summary: 'There are no pods', errors: ['not-found'] },
  { ...noPods, method: 'DELETE', path: '/v2/pods/{id}', summary: 'There are no pods', errors: ['not-found'] },
  {
    ...noPods,
    method: 'POST',
    path: '/v2/pods',
    summary: 'Refused by name',
    detail: REFUSED,
    body: podBody,
    errors: ['rule-violation'],
  },
  {
    ...noPods,
    method: 'PUT',
    path: '/v2/pods/{id}',
    summary: 'Refused by name',
    detail: REFUSED,
    body: podBody,
    errors: ['rule-violation'],
  },
];
