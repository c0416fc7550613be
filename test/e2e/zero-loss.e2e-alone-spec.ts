// The short form of the zero-loss gate (`npm run bench:zero-loss` is the long one): under requests of every kind and WebSockets that echo,
// two apps are updated, scaled, killed and relabelled, the certificate is replaced, one worker of the proxy is killed and one is stopped.
import { expect, it } from '@jest/globals';
import { gateTable, zeroLossGate } from '../../bench/zero-loss/gate.js';

it('nothing is lost but what a killed worker of the proxy had in its hands', async () => {
  const result = await zeroLossGate({
    front: 'builtin',
    amounts: { updates: 5, scalings: 2, kills: 2, instances: 2, drainSeconds: 3 },
    ...{ perSecond: 100, webSockets: 20, slowBodyMs: { fromMs: 500, toMs: 1_000 } },
  });
  const { lost, tallies, crash, drained, ofCrashed } = result;
  process.stderr.write(`${gateTable(result)}\n${drained} WebSockets closed with 1001\n`);
  expect(lost).toEqual([]);
  expect(tallies.filter(({ ok }) => ok === 0)).toEqual([]);
  // the gate saw what it is there for
  expect(drained).toBeGreaterThanOrEqual(10);
  expect(crash?.held.size).toBeGreaterThan(0);
  // a connection carries more than one request, but not many
  expect(ofCrashed.length).toBeLessThanOrEqual(3 * ((crash?.held.size ?? 0) + (crash?.handedOver.size ?? 0)));
}, 300_000);
