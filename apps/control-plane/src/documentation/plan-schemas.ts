// Shapes of what a dry run answers beside the steps.
import type { Schema } from './endpoint.js';
import { count, flag, listOf, object, ref, text, texts } from './shapes.js';

const number: Schema = { type: 'number' };
const oneOf = (...values: readonly string[]): Schema => ({ type: 'string', enum: values });
const place = { appId: text, agentId: text, hostname: text };
const amounts = object({ cpus: number, mem: number, disk: number, instances: { type: 'integer' } });
const change = object({ path: text, before: {}, after: {}, hidden: flag }, 'before', 'after', 'hidden');

export const PLAN_SCHEMAS: Readonly<Record<string, Schema>> = {
  ChangePlan: {
    ...object(
      {
        diff: ref('PlanDiff'),
        warnings: listOf(object({ appId: text, text })),
        outcome: object(
          { kind: oneOf('succeeds', 'fails', 'unknown'), text, seconds: number, rolledBack: flag },
          'rolledBack',
        ),
        fits: { type: ['boolean', 'null'] },
        waves: listOf(
          object({
            step: count,
            starts: listOf(
              object({ ...place, instances: count, ports: listOf({ type: ['integer', 'null'] }) }),
            ),
            stops: listOf(object({ ...place, instanceIds: texts })),
            certain: flag,
          }),
        ),
        apps: listOf(
          object({
            appId: text,
            starts: count,
            stops: count,
            floor: count,
            leastHealthy: count,
            instancesAtMost: count,
          }),
        ),
        agents: listOf(
          object({
            agentId: text,
            hostname: text,
            starts: count,
            stops: count,
            total: object({ cpus: number, mem: number, disk: number }),
            now: amounts,
            peak: amounts,
            after: amounts,
          }),
        ),
        peak: amounts,
        problems: listOf(
          object({
            appId: text,
            instances: count,
            text,
            agents: listOf(
              object({ agentId: text, hostname: text, reasons: listOf(object({ reason: text, text })) }),
            ),
          }),
        ),
        waitsForRoom: listOf(object({ appId: text, instances: count })),
        fitsWith: object({ minimumHealthCapacity: number, maximumOverCapacity: number, apps: texts }),
        alsoMoving: texts,
      },
      'fitsWith',
    ),
    description:
      'How the change goes if every task comes up healthy and nothing else changes meanwhile. `outcome`: how it ends; `seconds` is the time that rules alone take ' +
      '(launch delays, deadlines), without starting, pulling and draining; `unknown` is a change too large to be foreseen in full. `fits`: is there room for all of it at ' +
      'every moment? `waves`: what starts and stops before anything of it has come up or ended; a port is `null` where any free one is taken; in waves that are not ' +
      '`certain`, which of several instances is ready first may change agents and order. `peak`: the most that is used beyond what is used now, each amount at its ' +
      'highest; mem and disk in MiB. `problems`: what finds no place, with what is missing on each agent. `fitsWith`: an `upgradeStrategy` with which the same change ' +
      'would fit. `waitsForRoom`: instances that find their place only after others have stopped. `alsoMoving`: apps beside the change that are not at rest.',
  },
  PlanDiff: {
    ...object({
      apps: listOf(
        object({
          appId: text,
          effect: oneOf('created', 'removed', 'replaced', 'scaled', 'redefined', 'unchanged'),
          instances: object({ before: count, after: count }),
          changes: listOf(change),
        }),
      ),
      groups: listOf(
        object({ groupId: text, effect: oneOf('created', 'removed', 'changed'), changes: listOf(change) }),
      ),
    }),
    description:
      'Members that differ, by their paths; `before` or `after` is absent where the member was. `replaced`: every instance is; `scaled`: those that stay are not touched. ' +
      'With `hidden` the values are kept back.',
  },
};
