// What proxies have said, and what nobody can know yet.
import { describe, expect, test } from '@jest/globals';
import { asProxyId, asTaskId } from '#libs/model';
import type { ProxyId, ProxyNode } from '#libs/model';
import { anAppSpec, anInstance, aVersion } from '#libs/testkit';
import { isConfirmedOut, isDrained } from './confirmation.js';

const NOW = 1_700_000_000_000;
const version = aVersion(anAppSpec({ portDefinitions: [{ port: 0, protocol: 'tcp', labels: {} }] }));
const leaving = anInstance({ routing: 'out', leftAt: 7 });

function viewOf(...proxies: readonly Partial<ProxyNode>[]): {
  readonly proxies: ReadonlyMap<ProxyId, ProxyNode>;
} {
  const nodes = proxies.map((each, index): ProxyNode => ({
    id: asProxyId(`proxy-${index}`),
    address: '10.0.0.1',
    leaseUntil: NOW + 5_000,
    confirmed: { epoch: 1, number: 7 },
    inFlight: {},
    warnings: [],
    ...each,
  }));
  return { proxies: new Map(nodes.map((each) => [each.id, each])) };
}
const drained = (...proxies: readonly Partial<ProxyNode>[]): boolean =>
  isDrained(leaving, version, viewOf(...proxies), NOW);

describe('isDrained', () => {
  test('waits for every live proxy to have nothing in flight to the task', () => {
    const taskId = leaving.taskId ?? asTaskId('none');
    expect(drained({}, { inFlight: { [taskId]: 2 } })).toBe(false);
    expect(drained({}, { inFlight: { [taskId]: 0, other: 3 } })).toBe(true);
  });

  test('knows nothing of a proxy that a new leader has not heard', () => {
    expect(drained({}, { isUnheard: true })).toBe(false);
  });

  test('does not wait for a proxy without a lease, heard or not', () => {
    expect(drained({ leaseUntil: NOW, isUnheard: true })).toBe(true);
    expect(
      isConfirmedOut(leaving, version, viewOf({ leaseUntil: NOW, confirmed: { epoch: 1, number: 1 } }), NOW),
    ).toBe(true);
  });
});
