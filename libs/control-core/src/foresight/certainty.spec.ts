// What a plan may call certain, and where it ends.
import { beforeEach, describe, expect, it } from '@jest/globals';
import type { Foreseen } from '#libs/api-contract';
import { asAppId } from '#libs/model';
import type { StartedDeployment } from '../commands/start-deployment.js';
import { ScriptedCluster } from '../scripted-cluster.js';

const CALL = { clientIp: '10.0.0.9', uri: '/v2/apps' };

async function foreseenBy(asked: Promise<StartedDeployment>): Promise<Foreseen> {
  const { foreseeable } = await asked;
  if (!foreseeable) throw new Error('it was no dry run');
  return foreseeable.foresee();
}

describe('a plan', () => {
  let cluster: ScriptedCluster;
  const whole = { force: false, partial: false, mayCreate: true };
  const changed = { force: false, partial: true, mayCreate: false, dryRun: true };
  beforeEach(async () => {
    cluster = await ScriptedCluster.working();
  });

  it('is not certain of what follows when one starts while another is being drained: either may be first', async () => {
    const upgradeStrategy = { minimumHealthCapacity: 0.75, maximumOverCapacity: 0.2 };
    const body = { id: '/web', cmd: 'serve', instances: 5, cpus: 0.1, mem: 16, upgradeStrategy };
    await cluster.core.apps.create(body, false, CALL);
    await cluster.advance(30_000);
    const plan = await foreseenBy(cluster.core.apps.update(asAppId('/web'), { cmd: 'other' }, changed, CALL));
    // one goes and one comes
    expect(plan.waves[0]).toMatchObject({
      certain: true,
      starts: [{ instances: 1 }],
      stops: [{ instanceIds: [expect.any(String)] }],
    });
    expect(plan.waves.slice(1).map(({ certain }) => certain)).toEqual(plan.waves.slice(1).map(() => false));
  });

  it('ends with its deployment: what an app does when it is no longer held is no part of it', async () => {
    const first = { id: '/first', cmd: 'serve', instances: 1, cpus: 0.1, mem: 16 };
    const second = { ...first, id: '/second', dependencies: ['/first'] };
    await cluster.core.apps.updateMany([first, second], whole);
    await cluster.advance(60_000);
    const bodies = [
      { id: '/first', cpus: 100 },
      { id: '/second', instances: 2 },
    ];
    const plan = await foreseenBy(cluster.core.apps.updateMany(bodies, changed));
    expect(plan.outcome).toMatchObject({ kind: 'fails', rolledBack: true });
    expect(plan.problems).toMatchObject([{ appId: '/first' }]);
    expect(plan.waves).toEqual([]);
    expect(plan.apps.map(({ appId, starts }) => [appId, starts])).toEqual([
      ['/first', 0],
      ['/second', 0],
    ]);
  });
});
