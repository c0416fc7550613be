// The endpoint that explains where instances of an app can run, with the shape of its answer.
import { shapes } from './answer-schemas.js';
import type { Endpoint, Parameter, Schema } from './endpoint.js';
import * as parameters from './parameters.js';

const { object, listOf, mapOf, text, texts, count, flag, time } = shapes;
const amount: Schema = { type: 'number', minimum: 0 };
const place = object({ agentId: text, hostname: text, hostPorts: listOf(count) });

const fits: Parameter = {
  name: 'fits',
  in: 'query',
  schema: { type: 'boolean' },
  meaning: 'Only agents on which the instance fits (`true`), or does not (`false`).',
  whenAbsent: 'all agents',
};

const hold = object(
  {
    kind: {
      type: 'string',
      enum: [
        ...['suspended', 'deployment-step', 'rollout', 'launch-delay', 'agent-away', 'no-place', 'starting'],
        ...['not-ready', 'unhealthy', 'brake', 'unreachable', 'stopping', 'ending', 'shutdown'],
      ],
    },
    text,
    instances: count,
    instanceIds: texts,
    until: time,
    agentId: text,
    deploymentId: text,
  },
  'until',
  'agentId',
  'deploymentId',
);

const cell = object(
  {
    predicate: {
      type: 'string',
      enum: ['session', 'runtime', 'hostDisk', 'constraint', 'cpus', 'mem', 'disk', 'ports'],
    },
    fits: flag,
    reason: text,
    text,
    unit: { type: 'string', enum: ['cores', 'MiB', 'ports'] },
    needed: { type: ['number', 'string'] },
    total: amount,
    used: amount,
    free: amount,
    missing: amount,
    index: count,
    field: text,
    operator: text,
    value: text,
    agentValue: { type: ['string', 'null'] },
    instancesThere: count,
    wouldFit: text,
    liveness: { type: 'string', enum: ['connected', 'disconnected', 'lost'] },
    available: texts,
    isLow: flag,
    held: count,
    resting: count,
    blocked: listOf(object({ index: count, port: count, block: object({ why: text }) })),
  },
  ...['text', 'unit', 'needed', 'total', 'used', 'free', 'missing', 'index', 'field', 'operator', 'value'],
  ...[
    'agentValue',
    'instancesThere',
    'wouldFit',
    'liveness',
    'available',
    'isLow',
    'held',
    'resting',
    'blocked',
  ],
);

const answer = object({
  appId: text,
  version: time,
  standing: object({
    text,
    wanted: count,
    running: count,
    available: count,
    waiting: count,
    sets: mapOf(count),
  }),
  holds: listOf(hold),
  next: object(
    {
      text,
      instanceId: text,
      fitNow: count,
      isLeast: flag,
      places: listOf(place),
      needs: object({
        cpus: amount,
        mem: amount,
        disk: amount,
        runtime: text,
        hostPorts: listOf({ type: ['integer', 'null'] }),
        constraints: texts,
      }),
      agentsThatFit: count,
      place,
    },
    'instanceId',
    'place',
  ),
  changes: listOf(object({ text, share: amount, agentId: text, steps: listOf(object({ kind: text })) })),
  agents: listOf(object({ agentId: text, hostname: text, fits: flag, cells: listOf(cell) })),
});

export const EXPLAIN_ENDPOINTS: readonly Endpoint[] = [
  {
    method: 'GET',
    path: '/v3/apps/{id}/explain',
    tag: 'Queue',
    summary: 'Where the next instance of an app can run, and what would have to change',
    detail: [
      '`standing` and `holds`: how many instances are how, and what they wait for. `next`: the instance that the table is about: the first of those that wait which finds no ' +
        'place once the others are placed, else the next to be placed, else one more than wanted; `fitNow` says how many of those that wait find a place now.',
      '`agents`: a row per agent, by id, with a cell per predicate. `cpus` is in cores, `mem` and `disk` in MiB: `needed`, `used`, `free`, `total`, and `missing`, 0 where it fits. `ports`: ' +
        'fixed ones that cannot be had (`blocked`: `outside-range`, `asked-twice`, `held` by an instance, or `resting` until a time or until a route table is confirmed) and free ones too ' +
        'few. `hostDisk`: less than 5 % of its disk is free. A `constraint` says which by `index`, the value of the agent, and `wouldFit`.',
      '`changes`: what would let it run, best first: the fewest changes, then the smallest `share`; each has been tried by placing the instance in a cluster changed in this way, with all else as ' +
        'it is now. Empty when it fits. `steps` by `kind`: `wait-until` (`at`), `wait-for-proxies` (`table`, `proxies`), `return-agent`, `free-host-disk`, `add-runtime`, `set-attribute`, ' +
        '`lower-resources` (`to`), `stop-instances` (`appId`, `instances`), `free-resources` (`amounts`), `change-host-ports` (`ports`), `relax-constraint` (`index`, `to`), `drop-constraint` ' +
        '(`index`), `start-agent` (`agent`: the least that it must have).',
    ].join('\n\n'),
    parameters: [fits, parameters.limit, parameters.cursor],
    answers: [{ status: 200, meaning: 'The explanation.', schema: answer }],
    errors: ['not-found', 'invalid-argument'],
    example: { target: '/v3/apps/shop/web/explain?fits=false&limit=100' },
  },
];
