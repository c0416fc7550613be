// What was shown, sent back: neither versions nor instances nor tasks move, whatever the definition (api.md 3.5).
import { expect, it } from '@jest/globals';
import fc from 'fast-check';
import { presentVersion } from '#libs/api-contract';
import { asAppId } from '#libs/model';
import { arbitraryAppBody } from '#libs/testkit';
import { ScriptedCluster } from '../scripted-cluster.js';

const WEB = asAppId('/shop/web');
const CALL = { clientIp: '10.0.0.9', uri: '/v2/apps' };
const UPDATE = { force: false, mayCreate: true };

it('leaves running tasks alone', async () => {
  let placed = 0;
  await fc.assert(
    fc.asyncProperty(arbitraryAppBody, fc.boolean(), async (body, partial) => {
      const cluster = await ScriptedCluster.started();
      const { core } = cluster;
      await cluster.agent.connect();
      await cluster.startProxy();
      // so small that the agent can take them
      const fits = { id: WEB, instances: 2, cpus: 0.1, mem: 16, disk: 0, constraints: [] };
      await core.apps.create({ ...body, ...fits }, false, CALL);
      await cluster.advance(2_000);
      const seen = (): unknown =>
        core.state
          .instancesOf(WEB)
          .map(({ id, taskId, incarnation, stop }) => [id, taskId, incarnation, stop]);
      const before = seen();
      placed += core.state.instancesOf(WEB).filter((each) => each.placed).length;
      const current = core.state.apps.get(WEB)?.current;
      if (!current) throw new Error('the app is gone');
      const shown = { ...presentVersion(current), tasksRunning: 2, tasks: [], deployments: [] };
      const { steps } = await core.apps.update(WEB, shown, { ...UPDATE, partial }, CALL);
      await cluster.advance(2_000);
      expect(steps).toEqual([]);
      expect(seen()).toEqual(before);
      expect(core.state.apps.get(WEB)?.current).toEqual(current);
    }),
    { numRuns: 30 },
  );
  expect(placed).toBeGreaterThan(0);
});
