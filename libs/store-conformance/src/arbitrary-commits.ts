// Random commits over few keys, so that writes of one commit meet each other: for comparing two stores.
import fc from 'fast-check';
import { asAgentId, asAppId, asDeploymentId, asInstanceId, asProxyId, asTaskId } from '#libs/model';
import type { Commit, Guard, Write } from '#libs/store';
import {
  aDeployment,
  aGroup,
  anAgent,
  anApp,
  anEvent,
  anInstance,
  aProxy,
  aReason,
  aStatus,
  aVersion,
} from './rows.js';

const app = fc.constantFrom('/web', '/api');
const instance = fc.constantFrom('i-1', 'i-2', 'i-3');
const small = fc.integer({ min: 1, max: 4 });

const write: fc.Arbitrary<Write> = fc.oneof(
  fc
    .tuple(app, small, small)
    .map(([id, revision, version]): Write => ({ kind: 'put-app', app: anApp(id, revision, version) })),
  app.map((id): Write => ({ kind: 'remove-app', id: asAppId(id) })),
  fc
    .tuple(app, small)
    .map(([id, version]): Write => ({ kind: 'add-version', version: aVersion(id, version) })),
  fc
    .tuple(app, small, small)
    .map(([id, revision, version]): Write => ({ kind: 'put-group', group: aGroup(id, revision, version) })),
  app.map((id): Write => ({ kind: 'remove-group', id: asAppId(id) })),
  fc.tuple(small, fc.option(small, { nil: undefined }), small).map(([id, end, revision]): Write => ({
    kind: 'put-deployment',
    deployment: aDeployment(`d-${id}`, end, revision),
  })),
  fc
    .record({
      id: instance,
      goalRevision: small,
      version: small,
      placed: fc.boolean(),
      port: small,
      agent: fc.integer({ min: 1, max: 2 }),
    })
    .map(({ id, goalRevision, version, placed, port, agent }): Write => ({
      kind: 'put-instance',
      instance: anInstance(id, {
        goalRevision,
        placed,
        version: aVersion('/web', version).version,
        hostPorts: [31_000 + port],
        agentId: asAgentId(`agent-${agent}`),
      }),
    })),
  fc.tuple(instance, small).map(([id, sequence]): Write => ({
    kind: 'put-status',
    id: asInstanceId(id),
    status: aStatus(id, sequence),
  })),
  instance.map((id): Write => ({ kind: 'remove-instance', id: asInstanceId(id) })),
  fc.constantFrom<Write>(
    { kind: 'put-agent', agent: anAgent('agent-1') },
    { kind: 'remove-agent', id: asAgentId('agent-1') },
    { kind: 'put-proxy', proxy: aProxy('proxy-1') },
    { kind: 'remove-proxy', id: asProxyId('proxy-1') },
  ),
  small.map((number): Write => ({ kind: 'set-table-number', number })),
  fc.tuple(instance, small).map(([id, number]): Write => ({
    kind: 'add-reason',
    reason: aReason(id, `reason ${number}`, { what: 'launched', taskId: asTaskId(`web.${number}`) }),
  })),
);

const guard: fc.Arbitrary<Guard> = fc.oneof(
  fc.tuple(app, small).map(([id, revision]): Guard => ({ kind: 'app', id: asAppId(id), revision })),
  fc.tuple(app, small).map(([id, revision]): Guard => ({ kind: 'group', id: asAppId(id), revision })),
  small.map((id): Guard => ({ kind: 'deployment', id: asDeploymentId(`d-${id}`), revision: null })),
  fc
    .tuple(instance, small)
    .map(([id, goalRevision]): Guard => ({ kind: 'instance', id: asInstanceId(id), goalRevision })),
);

/** One guard at most, for which of several is named is left open. */
export const arbitraryCommit: fc.Arbitrary<Commit> = fc.record({
  epoch: fc.oneof({ weight: 20, arbitrary: fc.constant(1) }, { weight: 1, arbitrary: fc.constant(0) }),
  guards: fc.oneof(
    { weight: 4, arbitrary: fc.constant([]) },
    { weight: 1, arbitrary: guard.map((each) => [each]) },
  ),
  writes: fc.array(write, { maxLength: 12 }),
  events: fc.array(fc.constantFrom('a', 'b').map(anEvent), { maxLength: 2 }),
});
